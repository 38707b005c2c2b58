from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

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


def sealed(content: dict[str, Any]) -> bytes:
    """Return the text of a manifest with this content and the right checksum, as somebody could forge it."""
    body = json.dumps(content, indent=1).removesuffix("\n}")
    return f'{body},\n "checksum": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'.encode()


def content_of(written: Manifest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(written.as_text())
    del content["checksum"]
    return content


def test_every_changed_byte_of_a_manifest_is_noticed(entry: FileEntry) -> None:
    text = manifest((entry,), accuracy=0.625).as_text().encode()
    for position in range(len(text)):
        changed = bytearray(text)
        changed[position] ^= 1
        assert Manifest.parse(bytes(changed)) is None, f"{position}: {changed!r}"
    assert Manifest.parse(text[:-1]) is None
    assert Manifest.parse(text + b"\n") is None


def test_manifest_of_version_1_is_read_without_checksum(entry: FileEntry) -> None:
    written = manifest((entry,))
    parsed = Manifest.parse(json.dumps(content_of(written) | {"schema_version": 1}).encode())
    assert parsed == written.model_copy(update={"schema_version": 1})


ENTRY = {"name": "file", "size": 1, "sha256": "a" * 64}
HOSTILE_NAMES = [
    "../../x", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:x", "a\0b", "a\nb", "\x1b[2J", "x" * 256,
    "ü" * 128, "\ud800",
]  # fmt: skip
HOSTILE_DIGESTS = ["", "../../../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", 1, None, ["a" * 64]]
FORGED: list[dict[str, Any]] = [
    {"more": 1}, {"schema_version": 3}, {"schema_version": 1}, {"schema_version": "2.5"},
    {"key": "../../x"}, {"key": "b" * 64}, {"version": 2}, {"spec": {"name": "y"}}, {"inputs": {"dataset": "a" * 64}},
    {"step": "train"}, {"inputs": {"dataset": "../x"}}, {"spec": {"rate": float("nan")}}, {"spec": []},
    {"facts": {"accuracy": float("nan")}}, {"facts": {"deep": [{"x": float("inf")}]}}, {"facts": []},
    {"environment": {"x": float("-inf")}}, {"seconds": float("inf")}, {"seconds": -1.0}, {"units": float("nan")},
    {"units": -1}, {"created": 1}, {"rate_class": None}, {"files": [ENTRY, ENTRY]}, {"files": {}}, {"files": [1]},
    {"files": [ENTRY | {"size": -1}]}, {"files": [ENTRY | {"size": 1 << 63}]}, {"files": [ENTRY | {"size": 1.5}]},
    {"files": [ENTRY | {"size": "1"}]}, {"files": [ENTRY | {"mode": 511}]},
    *({"files": [ENTRY | {"name": name}]} for name in HOSTILE_NAMES),
    *({"files": [ENTRY | {"sha256": digest}]} for digest in HOSTILE_DIGESTS),
]  # fmt: skip


@pytest.mark.parametrize("change", FORGED, ids=repr)
def test_forged_manifest_is_none(change: dict[str, Any]) -> None:
    whole = content_of(manifest((FileEntry.model_validate(ENTRY),)))
    assert Manifest.parse(sealed(whole)) is not None
    assert Manifest.parse(sealed(whole | change)) is None


def test_number_that_is_read_as_infinity_is_invalid() -> None:
    whole = content_of(manifest(accuracy=0.625))
    for text in ("1e400", "-1e400", "1.5E+999", "[1, 2e309]", '{"x": 1e1000}'):
        body = json.dumps(whole, indent=1).replace("0.625", text).removesuffix("\n}")
        sealed_text = f'{body},\n "checksum": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'
        assert Manifest.parse(sealed_text.encode()) is None, text


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"[]", b"[" * 100_000, b"1" * 100_000, b'{"key": 1}', b',\n "checksum": "'], ids=len
)
def test_text_that_is_no_manifest_is_none(text: bytes) -> None:
    assert Manifest.parse(text) is None


def test_file_is_found_by_name(entry: FileEntry) -> None:
    parsed = manifest((FileEntry(name="first", size=0, sha256="0" * 64), entry))
    assert parsed.file("ä file") == entry
    with pytest.raises(CorruptArtifactError, match=rf"^artifact {KEY[:12]} \(load\) has no file 'file'$"):
        parsed.file("file")
