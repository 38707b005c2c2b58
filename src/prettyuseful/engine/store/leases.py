"""Claims on object storage: leases that their holders renew. They save double work, and nothing more rests on them."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.errors import StoreError

LASTS = 60.0
"""Seconds for which a lease stays after its holder has stopped renewing it."""
_RENEWALS = 4  # within that time


@dataclass(frozen=True)
class _Seen:
    content: bytes
    since: float


class Leases:
    """`leases/<key>.json` in a bucket. No clocks are compared to take one over: whoever wants it watches, by its own
    monotonic clock, whether it still changes. A holder that died on this machine is known at once."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._seen: dict[str, _Seen] = {}
        self._mine: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """True, and renewed by a thread meanwhile, if nobody else holds it."""
        holder = {"id": uuid.uuid4().hex, "process": _process()}
        if not self._take(key, holder):
            yield False
            return
        done = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(key, holder, done), daemon=True)
        renewal.start()
        self._mine.add(key)
        try:
            yield True
        finally:
            self._mine.discard(key)
            done.set()
            renewal.join()
            with suppress(StoreError, FileNotFoundError):  # it ends by itself
                if json.loads(self._bucket.read(_name(key)))["id"] == holder["id"]:
                    self._bucket.remove(_name(key))

    def held(self) -> set[str]:
        """Keys of the leases that were renewed lately, as far as this clock and that of the storage agree."""

        def fresh(name: str) -> bool:
            with suppress(FileNotFoundError):
                return self._bucket.age(name) < LASTS and not _is_dead(self._bucket.read(name))
            return False

        names = list(self._bucket.sizes("leases"))
        keys = {Path(name).stem for name, held in zip(names, self._bucket.each(fresh, names), strict=True) if held}
        return keys | self._mine

    def _take(self, key: str, holder: dict[str, str]) -> bool:
        content = json.dumps({**holder, "beat": 0}).encode()
        if key in self._mine:
            return False
        if self._bucket.create(_name(key), content):
            return True
        try:
            found = self._bucket.read(_name(key))
        except FileNotFoundError:  # just given back
            return self._bucket.create(_name(key), content)
        seen, now = self._seen.get(key), time.monotonic()
        if seen is None or seen.content != found:
            seen = self._seen[key] = _Seen(found, now)
        if now - seen.since < LASTS and not _is_dead(found):
            return False
        self._bucket.remove(_name(key))
        return self._bucket.create(_name(key), content)

    def _renew(self, key: str, holder: dict[str, str], done: threading.Event) -> None:
        beat = 0
        while not done.wait(LASTS / _RENEWALS):
            beat += 1
            with suppress(StoreError):  # the next one may pass; if none does, another takes over
                self._bucket.write(_name(key), json.dumps({**holder, "beat": beat}).encode())


def _name(key: str) -> str:
    return f"leases/{key}.json"


def _process() -> str:
    """This process: its machine since it was started, its number there, and when it began."""
    return " ".join((*_machine(), str(os.getpid()), _began(os.getpid()) or "0"))


def _machine() -> tuple[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return os.uname().nodename, boot.read_text().strip() if boot.exists() else "unknown"


def _began(pid: int) -> str | None:
    """In ticks since the machine was started; None if there is no such process."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def _is_dead(content: bytes) -> bool:
    """Whether the holder was a process of this machine that has ended; its lease is not waited for."""
    with suppress(ValueError, KeyError, TypeError):
        *machine, pid, began = str(json.loads(content)["process"]).split(" ")
        return tuple(machine) == _machine() and began != "0" and _began(int(pid)) != began
    return False
