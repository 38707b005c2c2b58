"""How models of the hub are named: `owner/name`, perhaps with a revision."""

from __future__ import annotations

import re
from pathlib import Path

WEIGHTS = ".safetensors"
"""Ends the names of files of weights."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form `owner/name` or `owner/name@revision`."""
    return _HUB_ID.fullmatch(name) is not None


def split_revision(name: str) -> tuple[str, str | None]:
    """A hub id and its revision, None for the newest; a folder is its own place, whatever its name holds."""
    if Path(name).is_dir():
        return name, None
    place, _, revision = name.partition("@")
    return place, revision or None
