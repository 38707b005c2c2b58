from __future__ import annotations

import contextlib
import gzip
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_examples import Files, tar

from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.parquet import ParquetSource
from prettyuseful.data.sources.webdataset import WebDatasetSource
from prettyuseful.errors import DataError


def source_of(path: Path, data: bytes) -> WebDatasetSource:
    path.write_bytes(data)
    return WebDatasetSource(str(path), (path,))


@pytest.fixture
def files(rows: list[Row]) -> Files:
    return [file for i, row in enumerate(rows) for file in ((f"{i}.cls", str(i % 2).encode()), (f"{i}.jpg", row.data))]


def test_shards_are_read_in_their_order(tmp_path: Path, rows: list[Row], files: Files) -> None:
    paths = (tmp_path / "a.tar", tmp_path / "b.tar")
    for path, part in zip(paths, (files[:6], files[6:]), strict=True):
        path.write_bytes(tar(part))
    source = WebDatasetSource("here", paths)
    assert source.counts() == {"0": 3, "1": 3}
    assert [sample.path for sample in source.samples()] == [f"{'ab'[i // 3]}.tar/{i}.jpg" for i in range(6)]
    result = list(source.rows(("polar bear", "dog"), 3))
    assert sorted(row.data for row in result) == sorted(row.data for row in rows)
    assert [row.group for row in result] == [source.content_ids()[row.path] for row in result]
    assert [row.label for row in result] == [0, 0, 0, 1, 1, 1]


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
    ([("0.text", b"dog")], "dog", None),
    ([("0.index", b"7")], "7", None),
    ([("0.json", b'{"label": ["dog"]}')], "dog", None),
]


@pytest.mark.parametrize(("beside", "label", "prompt"), LABELS)
def test_labels_and_prompts(tmp_path: Path, rows: list[Row], beside: Files, label: str, prompt: str | None) -> None:
    source = source_of(tmp_path / "a.tar", tar([*beside, ("0.PNG", rows[0].data)]))
    assert source.counts() == {label: 1}
    content_id = source.content_ids()["a.tar/0.PNG"]
    assert list(source.rows((label,), 1)) == [Row(rows[0].data, "a.tar/0.PNG", 0, content_id, prompt=prompt)]


def test_files_outside_of_samples_are_ignored(tmp_path: Path, files: Files) -> None:
    extra = [("README", b"x"), ("._0.jpg", b"x"), ("./._1.jpg", b"x"), ("d/.x/..y", b"x"), ("__meta__/x.json", b"x")]
    assert source_of(tmp_path / "a.tar", tar([*extra, *files])).counts() == {"0": 3, "1": 3}


def test_folders_in_a_tar_keep_equal_names_apart(tmp_path: Path, rows: list[Row]) -> None:
    tree = [
        (f"{folder}/v1.0/0.{kind}", data) for folder in "ab" for kind, data in (("cls", b"1"), ("jpg", rows[0].data))
    ]
    assert source_of(tmp_path / "a.tar", tar([("./" + name, data) for name, data in tree])).counts() == {"1": 2}


BAD: list[tuple[Callable[[bytes], Files], str]] = [
    (lambda _: [("0.cls", b"1")], "no images of 1 of the task's 1 classes"),
    (lambda jpg: [("0.jpg", jpg), ("0.cls", b"1"), ("1.jpg", jpg)], "sample '1' has no label"),
    (lambda jpg: [("0.jpg", jpg)], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b"[]")], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b'{"label": true}')], "sample '0' has no label"),
    (lambda jpg: [("0.jpg", jpg), ("0.json", b'{"label": [1, 2]}')], "sample '0' has 2 labels"),
    (lambda jpg: [("0.jpg", jpg), ("0.png", jpg), ("0.cls", b"1")], "sample '0' has 2 images"),
    (lambda jpg: [("0.jpg", jpg), ("0.JPG", jpg), ("0.cls", b"1")], "sample '0' has 2 images"),
    (lambda jpg: [("0.jpg", jpg), ("0.cls", b"1"), ("0.CLS", b"1")], r"sample '0' has two files \.cls"),
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
    (lambda jpg: [("0.jpg", jpg), ("0.cls", b"a\x1b[31m")], r"'a\\x1b\[31m' has control characters"),
    (lambda jpg: [("\x1b[31m/0.jpg", jpg)], r"'\\x1b\[31m' has control characters"),
]


@pytest.mark.parametrize(("files_of", "message"), BAD)
def test_invalid_samples_are_rejected_by_name(
    tmp_path: Path, rows: list[Row], files_of: Callable[[bytes], Files], message: str
) -> None:
    source = source_of(tmp_path / "a.tar", tar(files_of(rows[2].data)))
    with pytest.raises(DataError, match=message) as error:
        list(source.rows(("1",), 1))
    assert "\n" not in str(error.value)
    assert "a.tar" in str(error.value)


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 5000, gzip.compress(b"x" * 5000, mtime=0), b"\x1f\x8b"])
def test_files_that_are_not_tar_are_rejected(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.tar: broken tar"):
        source_of(tmp_path / "a.tar", data).counts()


def test_compressed_tars_are_read_whatever_their_names(tmp_path: Path, rows: list[Row], files: Files) -> None:
    source = source_of(tmp_path / "a.tar", gzip.compress(tar(files)))
    assert sorted(row.data for row in source.rows(("x", "y"), 3)) == sorted(row.data for row in rows)
    (tmp_path / "a.tar").write_bytes(gzip.compress(tar(files))[:-30])
    with pytest.raises(DataError, match=r"b\.tar: broken tar"):
        source_of(tmp_path / "b.tar", (tmp_path / "a.tar").read_bytes()).counts()


def test_missing_shard_is_reported(tmp_path: Path) -> None:
    for look in (WebDatasetSource("x", (tmp_path / "gone.tar",)).counts, ParquetSource("x", (tmp_path / "x",)).counts):
        with pytest.raises(DataError, match="No such file"):
            look()


@pytest.mark.parametrize("between", [b"", bytes(10240), bytes(512)])
def test_concatenated_tars_are_read_to_the_end(tmp_path: Path, files: Files, between: bytes) -> None:
    """`cat a.tar b.tar` and `tar -A`; equal names in both stay apart."""
    source = source_of(tmp_path / "a.tar", tar(files) + between + tar(files))
    assert source.counts() == {"0": 6, "1": 6}
    assert [path for path in source.content_ids() if "#" in path] == [f"a.tar/{i}.jpg#2" for i in range(6)]
    appended = tmp_path / "b.tar"
    appended.write_bytes(tar(files))
    (tmp_path / "c.tar").write_bytes(tar(files))
    subprocess.run(["tar", "-A", "-f", str(appended), str(tmp_path / "c.tar")], check=True)
    assert WebDatasetSource("b", (appended,)).counts() == {"0": 6, "1": 6}


def test_something_behind_the_end_of_a_tar_is_reported(tmp_path: Path, files: Files) -> None:
    with pytest.raises(DataError, match="truncated or damaged at byte"):
        source_of(tmp_path / "a.tar", tar(files) + b"x" * 512).counts()


def test_images_in_class_folders_with_descriptions_without_label(tmp_path: Path, rows: list[Row]) -> None:
    files = [
        (f"{name}/{i}.{kind}", data)
        for i, name in enumerate(("cat", "dog"))
        for kind, data in (("jpg", rows[i].data), ("json", b'{"prompt": "a pet"}'))
    ]
    source = source_of(tmp_path / "a.tar", tar(files))
    assert source.counts() == {"cat": 1, "dog": 1}
    assert [row.prompt for row in source.rows(("cat", "dog"), 1)] == ["a pet", "a pet"]


def test_tars_of_folders_made_by_tar_are_read(tmp_path: Path, rows: list[Row]) -> None:
    for row in rows:
        path = tmp_path / "tree" / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.data)
    for form in ("gnu", "pax", "ustar", "v7"):
        subprocess.run(
            ["tar", f"--format={form}", "-cf", str(tmp_path / "a.tar"), "-C", str(tmp_path), "tree"], check=True
        )
        assert WebDatasetSource("a", (tmp_path / "a.tar",)).counts() == {"dog": 3, "polar bear": 3}


def test_hard_links_and_sparse_files_say_how_to_pack_them(tmp_path: Path, rows: list[Row]) -> None:
    folder = tmp_path / "tree" / "cat"
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(rows[0].data)
    (folder / "1.png").hardlink_to(folder / "0.png")
    command = ["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "a.tar"), "tree"]
    subprocess.run(command, check=True)
    with pytest.raises(DataError, match=r"tree/cat/1\.png is a link; pack what it leads to \(tar --deref"):
        WebDatasetSource("a", (tmp_path / "a.tar",)).counts()
    subprocess.run([*command, "--hard-dereference"], check=True)
    assert WebDatasetSource("a", (tmp_path / "a.tar",)).counts() == {"cat": 2}
    with (folder / "1.png").open("r+b") as file:
        file.truncate(1 << 20)
    for form in ("gnu", "pax"):
        subprocess.run([*command, "--sparse", "--hard-dereference", f"--format={form}"], check=True)
        with pytest.raises(DataError, match=r"\.png is a sparse file; pack it as a whole"):
            WebDatasetSource("a", (tmp_path / "a.tar",)).counts()


def test_truncated_tar_is_reported(tmp_path: Path, files: Files) -> None:
    whole = tar(files)
    end = len(whole.rstrip(b"\0"))
    for size in sorted({*range(0, end, 97), *range(512, end, 512), end}):
        with pytest.raises(DataError, match=r"a\.tar"):
            source_of(tmp_path / "a.tar", whole[:size]).counts()


def test_no_sample_is_lost_to_a_damaged_header(tmp_path: Path, files: Files) -> None:
    whole = bytearray(tar(files))
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
    whole = bytearray(tar([("é" * 80 + ".cls", b"1"), ("é" * 80 + ".jpg", rows[2].data)], kind))
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
    (header("x", NEGATIVE, b"x"), "negative size"),
    (header("x", NEGATIVE, b"L"), "negative size"),
    (header("x", b"77777777777\0", b"x") + bytes(4096), "a header has an invalid size"),
    (header("x", b"77777777777\0", b"L") + bytes(4096), "a header has an invalid size"),
    (header("0.jpg", b"\x80" + b"\0" * 5 + b"\xff" * 6), "is not complete|cannot be read|broken tar"),
    (header("0.jpg", kind=b"1"), "is a link"),
    (header("0.jpg", kind=b"2"), "is a link"),
    (header("0.jpg", kind=b"3"), "is a special file"),
    (header("0.jpg", kind=b"6"), "is a special file"),
    (header("0.jpg", kind=b"S"), "is a sparse file"),
    (header("0.jpg", kind=b"Z"), "is a special file"),
    (header("x", b"%011o\0" % 9, b"x", b"nonsense!") + header("0.jpg"), "an extended header is damaged"),
]


@pytest.mark.parametrize(("start", "message"), HOSTILE)
def test_hostile_tars_are_refused(tmp_path: Path, rows: list[Row], start: bytes, message: str) -> None:
    good = tar([("1.cls", b"1"), ("1.jpg", rows[2].data)])
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            source_of(tmp_path / "a.tar", start + good).counts()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_links_and_special_files_that_are_no_images_are_skipped(tmp_path: Path, files: Files) -> None:
    start = header("passwd", kind=b"2") + header("pipe", kind=b"6") + header("x", kind=b"g") * 2000
    source = source_of(tmp_path / "a.tar", start + tar(files))
    assert source.counts() == {"0": 3, "1": 3}
    assert source.notes()[0].endswith("2 files are no images and are skipped (1 links, 1 special files).")


def test_paths_in_member_names_are_not_followed(tmp_path: Path, rows: list[Row]) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    names = ("../../etc/0", "/etc/1")
    archive = tar([(f"{name}.{kind}", data) for name in names for kind, data in (("cls", b"1"), ("jpg", rows[2].data))])
    result = [row.path for row in source_of(inside / "a.tar", archive).rows(("1",), 2)]
    assert sorted(result) == ["a.tar/../../etc/0.jpg", "a.tar//etc/1.jpg"]
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.tar"]


def test_a_large_image_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(tar([("0.cls", b"1")])[:1024] + header("0.jpg", b"%011o\0" % (1 << 30)))
        file.truncate((1 << 30) + 4096)  # sparse
    source = WebDatasetSource(str(path), (path,))
    assert source.counts() == {"1": 1}
    with pytest.raises(DataError, match=r"0\.jpg: 1,073,741,824 bytes is too large"):
        list(source.rows(("1",), 1))


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path, rows: list[Row]) -> None:
    many = tar([(f"{i}.{kind}", data) for i in range(1500) for kind, data in (("cls", b"1"), ("jpg", rows[2].data))])
    source = source_of(tmp_path / "a.tar", many)
    del many
    tracemalloc.start()
    assert sum(1 for _ in source.samples()) == 1500
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_too_many_labels_are_refused(tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.data.sources.base._MAX_CLASSES", 3)
    captions = [(f"{i}.{kind}", data) for i in range(5) for kind, data in (("txt", b"%d" % i), ("jpg", rows[2].data))]
    with pytest.raises(DataError, match="more than 3 labels; are they captions"):
        source_of(tmp_path / "a.tar", tar(captions)).counts()


def test_shards_written_by_the_webdataset_library_are_read(
    tmp_path: Path, rows: list[Row], classes: tuple[str, ...]
) -> None:
    from webdataset import TarWriter

    path = tmp_path / "a.tar"
    with TarWriter(str(path), encoder=True) as writer:
        for i, row in enumerate(rows):
            writer.write({"__key__": f"{i:06d}", "jpg": row.data, "cls": row.label, "json": {"prompt": row.prompt}})
    result = list(WebDatasetSource(str(path), (path,)).rows(classes, 3))
    facts = sorted((row.data, row.label, row.prompt or "") for row in rows)
    assert sorted((row.data, row.label, row.prompt or "") for row in result) == facts


def test_the_fingerprint_changes_with_contents_and_names(tmp_path: Path, files: Files) -> None:
    source = source_of(tmp_path / "a.tar", tar(files))
    assert source_of(tmp_path / "b.tar", tar(files)).fingerprint() != source.fingerprint()
    (tmp_path / "sub").mkdir()
    assert source_of(tmp_path / "sub" / "a.tar", tar(files)).fingerprint() == source.fingerprint()
    assert source_of(tmp_path / "sub" / "a.tar", tar(files[2:])).fingerprint() != source.fingerprint()
