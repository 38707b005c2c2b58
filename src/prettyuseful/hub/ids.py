"""Hub ids: `owner/name`, optionally with `@revision`."""

from __future__ import annotations

import re

from prettyuseful.paths import is_folder

WEIGHTS = ".safetensors"
"""Suffix of weight files."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form `owner/name` or `owner/name@revision`."""
    return _HUB_ID.fullmatch(name) is not None


def split_revision(name: str) -> tuple[str, str | None]:
    """Split a hub id into repository and revision (None for the newest). A folder is returned unchanged."""
    if is_folder(name):
        return name, None
    repository, _, revision = name.partition("@")
    return repository, revision or None
