from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.webdataset import WebDatasetSource
from prettyuseful.errors import DataError

Files = Sequence[tuple[str, bytes]]


def packed(files: Files, kind: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def source_of(path: Path, data: bytes) -> WebDatasetSource:
    path.write_bytes(data)
    return WebDatasetSource(str(path), (path,))


@pytest.fixture
def files(rows: list[Row]) -> Files:
    return [file for i, row in enumerate(rows) for file in ((f"{i}.cls", str(i % 2).encode()), (f"{i}.jpg", row.data))]


def test_rows_come_in_the_order_of_the_shards(tmp_path: Path, rows: list[Row], files: Files) -> None:
    paths = (tmp_path / "a.tar", tmp_path / "b.tar")
    for path, part in zip(paths, (files[:6], files[6:]), strict=True):
        path.write_bytes(packed(part))
    source = WebDatasetSource("here", paths)
    assert source.counts() == {"0": 3, "1": 3}
    result = list(source.rows(("polar bear", "dog"), 3))
    assert [row.data for row in result] == [row.data for row in rows]
    assert [row.path for row in result] == [f"{'ab'[i // 3]}.tar/{i}.jpg" for i in range(6)]
    assert [row.group for row in result] == [row.path for row in result]
    assert list(source.rows(("polar bear", "dog"), 1)) == result[:2]


LABELS: list[tuple[Files, str, str | None]] = [
    ([("0.cls", b"7\n")], "7", None),
    ([("0.cls", b"\xef\xbb\xbfPolar_Bear")], "Polar_Bear", None),
    ([("0.json", b'{"label": "dog", "prompt": "a dog"}')], "dog", "a dog"),
    ([("0.json", b'{"class": "dog"}')], "dog", None),
    ([("0.json", b'{"label": 3, "seed": true, "prompt": 4}')], "3", None),
    ([("0.txt", b" dog \n")], "dog", None),
    ([("0.cls", b"3"), ("0.txt", b"a dog on a log")], "3", "a dog on a log"),
    ([("0.cls", b"3"), ("0.json", b'{"label": "dog"}'), ("0.txt", b"a dog")], "dog", "a dog"),
    ([("0.cls", b"dog"), ("0.json", b'{"caption": "x"}')], "dog", None),
    ([("0.CLS", b"dog"), ("0.mask.png", b"x"), ("0.index", b"x")], "dog", None),
]


@pytest.mark.parametrize(("beside", "label", "prompt"), LABELS)
def test_labels_and_prompts(tmp_path: Path, rows: list[Row], beside: Files, label: str, prompt: str | None) -> None:
    source = source_of(tmp_path / "a.tar", packed([*beside, ("0.PNG", rows[0].data)]))
    assert source.counts() == {label: 1}
    assert list(source.rows((label,), 1)) == [Row(rows[0].data, "a.tar/0.PNG", 0, "a.tar/0.PNG", prompt=prompt)]


def test_files_outside_of_samples_are_ignored(tmp_path: Path, files: Files) -> None:
    extra = [("README", b"x"), ("._0.jpg", b"x"), ("./._1.jpg", b"x"), ("d/.x/..y", b"x"), ("__meta__/x.json", b"x")]
    assert source_of(tmp_path / "a.tar", packed([*extra, *files])).counts() == {"0": 3, "1": 3}


def test_folders_in_a_tar_keep_equal_names_apart(tmp_path: Path, rows: list[Row]) -> None:
    tree = [
        (f"{folder}/v1.0/0.{kind}", data) for folder in "ab" for kind, data in (("cls", b"1"), ("jpg", rows[0].data))
    ]
    assert source_of(tmp_path / "a.tar", packed([("./" + name, data) for name, data in tree])).counts() == {"1": 2}


BAD: list[tuple[Callable[[bytes], Files], str]] = [
    (lambda _: [("0.cls", b"1")], "sample '0' has no images"),
    (lambda jpg: [("0.jpg", jpg)], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b"[]")], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b'{"label": true}')], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b'{"label": [1]}')], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.png", jpg), ("0.cls", b"1")], "sample '0' has 2 images"),
    (lambda jpg: [("0.jpg", jpg), ("0.JPG", jpg), ("0.cls", b"1")], r"sample '0' has two files \.jpg"),
    (lambda jpg: [("0.jpg", jpg), ("1.jpg", jpg), ("0.cls", b"1"), ("1.cls", b"1")], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.cls", b"")], "'' is not a valid name"),
    (lambda jpg: [("0.jpg", jpg), ("0.txt", b"x" * 2000)], "is not a valid name"),
    (lambda jpg: [("0.jpg", jpg), ("0.cls", b"\xff")], r"0\.cls: broken"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b"{")], r"0\.json: broken"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b"[" * 100_000)], r"0\.json: broken"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b'{"label": "\\ud800"}')], r"'\\ud800' is not a valid name"),
    (lambda jpg: [("0.jpg", jpg), ("0.txt", b"x" * (1 << 21))], r"0\.txt: 2,097,152 bytes is too large"),
    (lambda jpg: [("0.jpg", jpg[:100]), ("0.cls", b"1")], r"a\.tar: 0\.jpg: (not an|broken) image"),
    (lambda jpg: [("a\nb.jpg", jpg)], r"sample 'a\\nb' has no label"),
]


@pytest.mark.parametrize(("files_of", "message"), BAD)
def test_invalid_samples_are_rejected_by_name(
    tmp_path: Path, rows: list[Row], files_of: Callable[[bytes], Files], message: str
) -> None:
    source = source_of(tmp_path / "a.tar", packed(files_of(rows[2].data)))
    with pytest.raises(DataError, match=message) as error:
        list(source.rows(("1",), 1))
    assert "\n" not in str(error.value)
    assert "a.tar" in str(error.value)


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 5000, gzip.compress(packed([("0.cls", b"1")]))])
def test_files_that_are_not_tar_are_rejected(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.tar: broken or compressed tar"):
        source_of(tmp_path / "a.tar", data).counts()


def test_missing_shard_is_reported(tmp_path: Path) -> None:
    source = WebDatasetSource("x", (tmp_path / "gone.tar",))
    for look in (source.counts, source.fingerprint):
        with pytest.raises(DataError, match="No such file"):
            look()


def test_truncated_tar_is_reported(tmp_path: Path, files: Files) -> None:
    whole = packed(files)
    end = len(whole.rstrip(b"\0"))
    for size in sorted({*range(0, end, 97), *range(512, end, 512), end}):
        with pytest.raises(DataError, match=r"a\.tar"):
            source_of(tmp_path / "a.tar", whole[:size]).counts()


def test_no_sample_is_lost_to_a_damaged_header(tmp_path: Path, files: Files) -> None:
    whole = bytearray(packed(files))
    last = whole.rindex(b"5.jpg")
    whole[last] ^= 1  # invalid checksum
    with pytest.raises(DataError, match=f"truncated or damaged at byte {last:,}"):
        source_of(tmp_path / "a.tar", bytes(whole)).counts()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_tars_are_read_or_raise_data_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
    whole = bytearray(packed([("é" * 80 + ".cls", b"1"), ("é" * 80 + ".jpg", rows[2].data)], kind))
    for location, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)
    ):
        whole[location] = value
    with contextlib.suppress(DataError):
        list(source_of(tmp_path_factory.getbasetemp() / "damaged.tar", bytes(whole)).rows(("1",), 1))


def header(name: str, size: bytes = b"00000000000\0", kind: bytes = b"0", pax: bytes = b"") -> bytes:
    """A header with any size field and a valid checksum, and the data after it."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157] = size, kind
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + pax + bytes(-len(pax) % 512)


def pax_record(name: str, value: str) -> bytes:
    record = f" {name}={value}\n"
    size = len(record) + 2
    return f"{size}{record}".encode()


NEGATIVE = b"\xff" * 10 + b"\xfc\x00"  # -1024, base 256
RECORD = pax_record("size", "-512")
HOSTILE = [
    (header("0.jpg", NEGATIVE), "negative size"),
    (header(".hidden", NEGATIVE), "negative size"),
    (header("x", b"%011o\0" % len(RECORD), b"x", RECORD) + header("0.jpg"), "negative size"),
    (header("x", NEGATIVE, b"x"), "a header has an invalid size"),
    (header("x", NEGATIVE, b"L"), "a header has an invalid size"),
    (header("x", b"77777777777\0", b"x") + bytes(4096), "a header has an invalid size"),
    (header("x", b"77777777777\0", b"L") + bytes(4096), "a header has an invalid size"),
    (header("0.jpg", b"\x80" + b"\0" * 5 + b"\xff" * 6), "cannot be read|unexpected end of data"),
    (header("0.jpg", kind=b"1"), "is a link"),
    (header("0.jpg", kind=b"2"), "is a link"),
    (header("passwd", kind=b"2"), "is a link"),
    (header("0.jpg", kind=b"3"), "is a link or a special file"),
    (header("0.jpg", kind=b"6"), "is a link or a special file"),
    (header("0.jpg", kind=b"S"), "is a link or a special file|broken"),
    (header("0.jpg", kind=b"Z"), "is a link or a special file"),
    (header("x", b"00000000000\0", b"g") * 2000, "recursion"),
]


@pytest.mark.parametrize(("start", "message"), HOSTILE)
def test_hostile_tars_are_refused(tmp_path: Path, rows: list[Row], start: bytes, message: str) -> None:
    good = packed([("1.cls", b"1"), ("1.jpg", rows[2].data)])
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            source_of(tmp_path / "a.tar", start + good).counts()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_paths_in_member_names_are_not_followed(tmp_path: Path, rows: list[Row]) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    names = ("../../etc/0", "/etc/1")
    tar = packed([(f"{name}.{kind}", data) for name in names for kind, data in (("cls", b"1"), ("jpg", rows[2].data))])
    result = [row.path for row in source_of(inside / "a.tar", tar).rows(("1",), 2)]
    assert result == ["a.tar/../../etc/0.jpg", "a.tar//etc/1.jpg"]
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.tar"]


def test_a_large_image_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(packed([("0.cls", b"1")])[:1024] + header("0.jpg", b"%011o\0" % (1 << 30)))
        file.truncate((1 << 30) + 4096)  # sparse
    source = WebDatasetSource(str(path), (path,))
    assert source.counts() == {"1": 1}
    with pytest.raises(DataError, match=r"0\.jpg: 1,073,741,824 bytes is too large"):
        list(source.rows(("1",), 1))


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path, rows: list[Row]) -> None:
    many = packed([(f"{i}.{kind}", data) for i in range(1500) for kind, data in (("cls", b"1"), ("jpg", rows[2].data))])
    source = source_of(tmp_path / "a.tar", many)
    del many
    tracemalloc.start()
    assert sum(1 for _ in source.rows(("1",), 1500)) == 1500
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_too_many_labels_are_refused(tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.data.sources.base._MAX_CLASSES", 3)
    captions = [(f"{i}.{kind}", data) for i in range(5) for kind, data in (("txt", b"%d" % i), ("jpg", rows[2].data))]
    with pytest.raises(DataError, match="more than 3 labels; are they captions"):
        source_of(tmp_path / "a.tar", packed(captions)).counts()


def test_shards_written_by_the_webdataset_library_are_read(
    tmp_path: Path, rows: list[Row], classes: tuple[str, ...]
) -> None:
    from webdataset import TarWriter

    path = tmp_path / "a.tar"
    with TarWriter(str(path), encoder=True) as writer:
        for i, row in enumerate(rows):
            writer.write({"__key__": f"{i:06d}", "jpg": row.data, "cls": row.label, "json": {"prompt": row.prompt}})
    result = list(WebDatasetSource(str(path), (path,)).rows(classes, 3))
    assert [(row.data, row.label, row.prompt) for row in result] == [(row.data, row.label, row.prompt) for row in rows]


def test_the_fingerprint_changes_with_contents_and_names(tmp_path: Path, files: Files) -> None:
    source = source_of(tmp_path / "a.tar", packed(files))
    assert source_of(tmp_path / "b.tar", packed(files)).fingerprint() != source.fingerprint()
    (tmp_path / "sub").mkdir()
    assert source_of(tmp_path / "sub" / "a.tar", packed(files)).fingerprint() == source.fingerprint()
    assert source_of(tmp_path / "sub" / "a.tar", packed(files[2:])).fingerprint() != source.fingerprint()
