from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.engine.store.locations import KEY, manifest

from prettyuseful.engine.store.base import FileEntry, Manifest
from prettyuseful.errors import CorruptArtifactError


@pytest.fixture
def entry(tmp_path: Path) -> FileEntry:
    (tmp_path / "source").write_bytes(b"precious bytes")
    return FileEntry.from_file("ä file", tmp_path / "source")


def test_entry_has_name_size_and_digest(entry: FileEntry) -> None:
    assert entry == FileEntry(name="ä file", size=14, sha256=hashlib.sha256(b"precious bytes").hexdigest())
    with pytest.raises(ValidationError):
        FileEntry(name="x", size=-1, sha256="")


def test_manifest_is_parsed_as_written(entry: FileEntry) -> None:
    written = manifest((entry,), colour="röt", nested={"a": [1, None]})
    assert Manifest.parse(written.as_text().encode()) == written


def test_invalid_manifest_or_other_version_is_none() -> None:
    content = json.loads(manifest().as_text())
    assert Manifest.parse(json.dumps(content).encode()) == manifest()
    more, another = content | {"more": 1}, content | {"schema_version": content["schema_version"] + 1}
    less = {name: value for name, value in content.items() if name != "files"}
    for invalid in (b"", b"{", b"\xff", b"[]", *(json.dumps(c).encode() for c in (more, less, another))):
        assert Manifest.parse(invalid) is None


def test_file_is_found_by_name(entry: FileEntry) -> None:
    parsed = manifest((FileEntry(name="first", size=0, sha256="0"), entry))
    assert parsed.file("ä file") == entry
    with pytest.raises(CorruptArtifactError, match=rf"^artifact {KEY[:12]} \(load\) has no file 'file'$"):
        parsed.file("file")
