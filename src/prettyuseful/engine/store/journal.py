"""Records beside the artifacts of a store: why steps failed, and what sweeps have deleted."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from prettyuseful.engine.store.base import is_digest
from prettyuseful.errors import one_line
from prettyuseful.untrusted_text import MAX_JSON_BYTES, load_json

MAX_RECORD_BYTES = MAX_JSON_BYTES
_MAX_TEXT = 10_000


def failure_to_json(cause: str) -> str:
    """Return the record of a failed step."""
    return json.dumps({"cause": cause, "host": os.uname().nodename})


def failure_from_json(text: str | bytes) -> str:
    """Return the cause in the record of a failed step, on one line.

    Raises:
        ValueError: the record is incomplete.
    """
    record = load_json(text)
    if not isinstance(record, dict) or not isinstance(cause := record.get("cause"), str):
        raise ValueError("the record has no cause")
    return one_line(cause[:_MAX_TEXT])


def new_sweep_name() -> str:
    return f"{uuid.uuid4().hex}.json"


def sweep_to_json(keys: Iterable[str]) -> str:
    """Return the record of a sweep that deletes these artifacts."""
    return json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), "keys": sorted(keys)})


def merge_sweeps(records: Iterable[bytes | None]) -> Mapping[str, str]:
    """Return the keys in records of sweeps with the latest time of each; what is no such record is left out."""
    times: dict[str, str] = {}
    for record in records:
        try:
            content = load_json(record or b"")
            time = datetime.fromisoformat(content["time"]).astimezone(UTC).isoformat(timespec="seconds")
            keys = [key for key in content["keys"] if isinstance(key, str) and is_digest(key)]
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
        times |= {key: max(time, times.get(key, "")) for key in keys}
    return times
