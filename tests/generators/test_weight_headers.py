"""Headers of safetensors files, which may be hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.weight_headers import read_header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        (2**40).to_bytes(8, "little") + b"{}",
        (9).to_bytes(8, "little") + b"[1, 2, 3]",
        (7).to_bytes(8, "little") + b'{"a":1}',
        (17).to_bytes(8, "little") + b'{"a":{"shape":"x"}',
        (18).to_bytes(8, "little") + b'{"a":{"shape":[]}}',
        (40).to_bytes(8, "little") + b'{"a":{"shape":[2],"data_offsets":[0,8]}}' + b"1234567",
    ],
)
def test_a_header_that_is_none_is_a_one_line_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=r"^the file: not a safetensors file \(.*download it again$"):
        read_header(tmp_path / "x", "the file")
    with pytest.raises(DataError, match="the file: cannot be read"):
        read_header(tmp_path / "missing", "the file")
