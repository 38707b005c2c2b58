"""Claims on object storage: leases that their holders renew. They avoid double work; correctness needs no leases."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prettyuseful.engine.processes import LifeSign, has_exited, process_identity, read_patience
from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.observations import Observations
from prettyuseful.errors import StoreError
from prettyuseful.untrusted_text import load_json

LEASE_SECONDS = 60.0
"""Seconds until a lease expires after its last renewal."""
_RENEWALS = 4  # per `LEASE_SECONDS`


class Leases:
    """The leases `leases/<key>.json` in a bucket.

    A lease is taken over when it has not changed for `LEASE_SECONDS` by the monotonic clock of the observer, so clocks
    of machines are never compared. If its holder was a process of this machine that has exited, there is no wait.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._observations = Observations()
        self._own_keys: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Try to acquire a lease; yield whether it was acquired. A thread renews it until the end of the block."""
        holder = {"id": uuid.uuid4().hex, "process": process_identity()}
        if not self._acquire(key, holder):
            yield False
            return
        done = threading.Event()
        renewal = threading.Thread(target=self._renew_until, args=(key, holder, done), daemon=True)
        renewal.start()
        self._own_keys.add(key)
        try:
            yield True
        finally:
            self._own_keys.discard(key)
            done.set()
            renewal.join()
            with suppress(StoreError, FileNotFoundError):  # otherwise it expires
                if json.loads(self._bucket.read(_name(key)))["id"] == holder["id"]:
                    self._bucket.remove(_name(key))

    def held_keys(self) -> set[str]:
        """Return the keys of leases that have not expired, if the clocks of this machine and the storage agree."""

        def is_active(name: str) -> bool:
            with suppress(FileNotFoundError):
                return self._bucket.age(name) < LEASE_SECONDS and not _holder_has_exited(self._bucket.read(name))
            return False

        names = list(self._bucket.sizes("leases"))
        active = self._bucket.map_concurrently(is_active, names)
        keys = {Path(name).stem for name, is_held in zip(names, active, strict=True) if is_held}
        return keys | self._own_keys

    def _acquire(self, key: str, holder: dict[str, str]) -> bool:
        content = json.dumps({**holder, "beat": 0}).encode()
        if key in self._own_keys:
            return False
        if self._bucket.create(_name(key), content):
            return True
        try:
            current = self._bucket.read(_name(key))
        except FileNotFoundError:  # just released
            return self._bucket.create(_name(key), content)
        unchanged = self._observations.unchanged_seconds(key, current)
        if unchanged < LEASE_SECONDS and not _holder_has_exited(current):
            return False
        self._bucket.remove(_name(key))
        return self._bucket.create(_name(key), content)

    def _renew_until(self, key: str, holder: dict[str, str], done: threading.Event) -> None:
        renewals, life = 0, LifeSign()
        while not done.wait(LEASE_SECONDS / _RENEWALS):
            if not life.is_shown(read_patience()):
                continue
            renewals += 1
            with suppress(StoreError):  # a later renewal may succeed; otherwise the lease expires
                self._bucket.write(_name(key), json.dumps({**holder, "beat": renewals}).encode())


def _name(key: str) -> str:
    return f"leases/{key}.json"


def _holder_has_exited(content: bytes) -> bool:
    """Whether the holder was a process of this machine that has exited."""
    with suppress(ValueError, KeyError, TypeError):
        return has_exited(str(load_json(content)["process"]))
    return False
