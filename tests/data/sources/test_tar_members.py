from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from layout_examples import tar

from prettyuseful.data.sources import tar_members
from prettyuseful.data.sources.tar_members import open_tar
from prettyuseful.errors import DataError

FILES = [("./a/1.png", b"one"), ("b/" + "é" * 120 + ".png", b"two" * 400), ("empty", b""), ("c.txt", b"x" * 512)]
NAMES = [name.removeprefix("./") for name, _ in FILES]


def read(path: Path) -> list[tuple[str, str, int, bytes]]:
    with open_tar(path, lambda name: True) as members:  # noqa: ARG005
        return [(member.name, member.kind, member.archive, member.read()) for member in members]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_members_are_those_of_tarfile(tmp_path: Path, form: int, is_compressed: bool) -> None:
    data = tar(FILES, form)
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(data) if is_compressed else data)
    assert read(path) == [(name, "file", 0, content) for name, (_, content) in zip(NAMES, FILES, strict=True)]
    path.write_bytes(gzip.compress(data) * 2 if is_compressed else data * 2)
    assert [(name, archive) for name, _, archive, _ in read(path)] == [(name, i) for i in (0, 1) for name in NAMES]


def test_unwanted_data_of_a_compressed_archive_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar(FILES[:1] + FILES[2:])))
    with open_tar(path, lambda name: name == "c.txt") as members:
        first, _, last = list(members)
        assert last.read() == b"x" * 512
        with pytest.raises(DataError, match=r"a/1\.png: not read"):
            first.read()


@pytest.mark.parametrize("size", [0, 1, 7, 8, (1 << 33) + 5, -1, -(1 << 20)])
def test_sizes_are_read_in_both_notations(size: int) -> None:
    member = tarfile.TarInfo("x")
    member.size = size
    header = tar_members._read_header(member.tobuf(tarfile.GNU_FORMAT))
    assert header is not None
    assert (header.name, header.size, header.type) == ("x", size, b"0")


def test_old_and_long_names_are_read() -> None:
    name = f"{'d' * 100}/{'e' * 90}"
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            archive.addfile(tarfile.TarInfo(name))
        header = tar_members._read_header(buffer.getvalue()[:512])
        assert header is not None
        assert header.name == (name if form == tarfile.USTAR_FORMAT else "././@LongLink")


def test_a_header_with_a_wrong_sum_is_damaged() -> None:
    block = bytearray(tarfile.TarInfo("x").tobuf())
    assert tar_members._read_header(bytes(block)) is not None
    block[0] ^= 1
    assert tar_members._read_header(bytes(block)) is None
    assert tar_members._read_header(b"x" * 512) is None


def test_folders_and_special_members_have_their_kinds(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    kinds = [
        (tarfile.DIRTYPE, "folder"),
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.FIFOTYPE, "special"),
        (tarfile.CHRTYPE, "special"),
        (tarfile.CONTTYPE, "file"),
    ]
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind, _ in kinds:
            member = tarfile.TarInfo("x")
            member.type = kind
            archive.addfile(member)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    with open_tar(tmp_path / "a.tar", lambda name: False) as members:  # noqa: ARG005
        assert [member.kind for member in members] == [name for _, name in kinds]


def test_what_a_compressed_archive_unpacks_to_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar([("x", bytes(1 << 20))])))
    assert len(read(path)) == 1
    monkeypatch.setattr(tar_members, "_ALLOWANCE", 1 << 16)
    with pytest.raises(DataError, match="unpacks to more than 50 times its size"):
        read(path)
