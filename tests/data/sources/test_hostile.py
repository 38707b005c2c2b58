"""Inputs that want to fill the memory, to hang, or to reach files outside: refused in one line, soon and cheaply.

Every place is read in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from layout_examples import parquet_table, picture, put, samples, tar, tree

# Above what the process has before: half of what would be allowed on top of a valid place.
MEMORY, SECONDS = 500 << 20, 5.0


class Reader:
    """A process that reads places in processes of their own, and answers what each cost."""

    def __init__(self, process: subprocess.Popen[str], stdin: IO[str], stdout: IO[str]) -> None:
        self.process, self.stdin, self.stdout = process, stdin, stdout

    def read(self, place: Path) -> dict[str, Any]:
        self.stdin.write(json.dumps(str(place)) + "\n")
        self.stdin.flush()
        answer = json.loads(self.stdout.readline())
        assert isinstance(answer, dict)
        return answer


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    script = Path(__file__).with_name("hostile_reader.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Reader(process, process.stdin, process.stdout)
        process.stdin.close()


def write(root: Path, content: Any, **options: Any) -> None:
    pq.write_table(content, root / "data.parquet", **options)


def long_label(root: Path) -> None:
    write(root, pa.table({"image": [b"x"], "label": ["x" * (100 << 20)]}), compression="zstd", use_dictionary=False)


def long_labels_in_a_dictionary(root: Path) -> None:
    labels = pa.DictionaryArray.from_arrays(pa.array([0] * 9000, pa.int32()), pa.array(["x" * (1 << 20)]))
    write(root, pa.table({"image": [b"x"] * 9000, "label": labels}), compression="zstd")


def long_prompts_in_a_dictionary(root: Path) -> None:
    prompts = pa.DictionaryArray.from_arrays(pa.array([0] * 9000, pa.int32()), pa.array(["x" * (1 << 20)]))
    write(root, pa.table({"image": [b"x"] * 9000, "label": ["a"] * 9000, "prompt": prompts}), compression="zstd")


def long_image(root: Path) -> None:
    write(root, pa.table({"image": [bytes(300 << 20)], "label": ["a"]}), compression="zstd", use_dictionary=False)


def long_images_in_a_dictionary(root: Path) -> None:
    images = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array([bytes(20 << 20)]))
    write(root, pa.table({"image": images, "label": ["a"] * 5000}), compression="zstd", store_schema=False)


def many_rows(root: Path) -> None:
    rows = 3_000_000
    content = pa.table({"image": pa.nulls(rows, pa.binary()), "label": pa.nulls(rows, pa.int8())})
    write(root, content, compression="zstd")


def many_labels_of_an_image(root: Path) -> None:
    write(root, pa.table({"image": [b"x"], "label": pa.array([[0] * 2_000_000], pa.list_(pa.int64()))}))


def many_columns(root: Path) -> None:
    write(root, pa.table({f"c{i}": [1] for i in range(25_000)}))


def deep_columns(root: Path) -> None:
    kind: Any = pa.int8()
    value: Any = 1
    for _ in range(60):
        kind, value = pa.struct([("x", kind)]), {"x": value}
    write(root, pa.table({"image": [b"x"], "label": ["a"], "deep": pa.array([value], kind)}), store_schema=False)


def footer_that_is_too_long(root: Path) -> None:
    with (root / "data.parquet").open("wb") as file:
        file.write(b"PAR1")
        file.truncate(200 << 20)
        file.seek(200 << 20)
        file.write((150 << 20).to_bytes(4, "little") + b"PAR1")


def page_with_a_false_size(root: Path) -> None:
    """The header of a page says 126 MB; the file says 2 MB."""
    write(root, pa.table({"image": [b"x"], "label": ["x" * (2 << 20)]}), compression="zstd", use_dictionary=False)
    data = (root / "data.parquet").read_bytes()
    start = pq.read_metadata(root / "data.parquet").row_group(0).column(1).data_page_offset
    assert data[start : start + 3] == b"\x15\x00\x15"  # fields 1 (a data page) and 2 (the number of unpacked bytes)
    (root / "data.parquet").write_bytes(data[: start + 3] + b"\xfe\xff\xff\x7f" + data[start + 7 :])


def header(name: str, size: bytes = b"00000000000\0", kind: bytes = b"0") -> bytes:
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157] = size, kind
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def tar_with_a_long_name(root: Path) -> None:
    put(root, "a.tar", header("x", b"%011o\0" % (2 << 30), b"L"))
    with (root / "a.tar").open("r+b") as file:
        file.truncate(3 << 30)


def tar_with_many_headers(root: Path) -> None:
    put(root, "a.tar", header("x", kind=b"g") * 100_000)


def tar_of_zeros(root: Path) -> None:
    put(root, "a.tar", tar(samples(1)))
    with (root / "a.tar").open("r+b") as file:
        file.truncate(1 << 40)


def tar_with_a_large_text(root: Path) -> None:
    size = 200 << 20
    put(root, "a.tar", tar([("0.png", picture("cat", 0))])[:1536] + header("0.txt", b"%011o\0" % size))
    with (root / "a.tar").open("r+b") as file:
        file.truncate(size + (1 << 20))


def gzip_bomb(root: Path) -> None:
    start = tar([("0.cls", b"x")])[:1024] + header("0.png", b"%011o\0" % (1 << 33))
    with gzip.open(root / "a.tar.gz", "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(300):
            file.write(bytes(1 << 20))


def flat_with(name: str, data: bytes) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        put(root, "0.png", picture("cat", 0))
        put(root, name, data)

    return make


def long_line(root: Path) -> None:
    put(root, "0.png", picture("cat", 0))
    with (root / "metadata.jsonl").open("wb") as file:
        file.write(b'{"file_name": "')
        file.truncate(2 << 30)


def class_file_that_is_too_long(root: Path) -> None:
    tree(root)
    with (root / "prettyuseful.json").open("wb") as file:
        file.truncate(2 << 30)


def class_file_of_brackets(root: Path) -> None:
    tree(root)
    put(root, "prettyuseful.json", "[" * 100_000)


def pipe(root: Path) -> None:
    tree(root)
    os.mkfifo(root / "cat" / "x.png")


def pipe_as_a_shard(root: Path) -> None:
    os.mkfifo(root / "x.tar")


def endless_device(root: Path) -> None:
    tree(root)
    (root / "cat" / "x.png").symlink_to("/dev/zero")


def endless_device_as_a_table(root: Path) -> None:
    put(root, "0.png", picture("cat", 0))
    (root / "metadata.csv").symlink_to("/dev/zero")


def large_image(root: Path) -> None:
    tree(root)
    with (root / "cat" / "000.png").open("wb") as file:
        file.truncate(3 << 30)


def escape_codes(root: Path) -> None:
    tree(root, classes=["cat", "\x1b[31mdog\n"])


def bytes_that_are_no_text(root: Path) -> None:
    tree(root)
    (root / "cat" / "\udcff\udcfe.png").write_bytes(b"x")


def folder_whose_name_is_no_text(root: Path) -> None:
    tree(root)
    (root / "\udcff").mkdir()
    (root / "\udcff" / "0.png").write_bytes(b"x")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a label of 100 MB": (long_label, "unpacks"),
    "9 GB of labels in a dictionary": (long_labels_in_a_dictionary, r"'label': 1,048,576 bytes is too large"),
    "9 GB of prompts in a dictionary": (long_prompts_in_a_dictionary, r"'prompt': 1,048,576 bytes is too large"),
    "an image of zeros": (long_image, "unpacks"),
    "100 GB of images in a dictionary": (long_images_in_a_dictionary, "unpacks to more than 100 times its size"),
    "more rows than bytes": (many_rows, "cannot all be images"),
    "two million labels of an image": (many_labels_of_an_image, "an image needs one label"),
    "25,000 columns": (many_columns, "25,001 columns"),
    "columns in columns": (deep_columns, "nested more than 50 deep"),
    "a long footer": (footer_that_is_too_long, "its footer has"),
    "a false size of a page": (page_with_a_false_size, "unpacks"),
    "a tar with a name of 2 GB": (tar_with_a_long_name, "a header has an invalid size"),
    "a tar with 100,000 headers": (tar_with_many_headers, "truncated or damaged"),
    "a tar with 1 TB of zeros": (tar_of_zeros, "bytes of zeros"),
    "a tar with a text of 200 MB": (tar_with_a_large_text, r"0\.txt: 209,715,200 bytes is too large"),
    "a gzip bomb": (gzip_bomb, "unpacks to more than 50 times its size"),
    "a line of 2 GB": (long_line, r"metadata\.jsonl:1: the line has more than"),
    "100,000 brackets": (flat_with("metadata.jsonl", b"[" * 100_000), r"metadata\.jsonl:1: no JSON"),
    "a number of 100,000 digits": (flat_with("metadata.jsonl", b'{"a": ' + b"9" * 100_000 + b"}"), "no JSON"),
    "a million columns": (flat_with("metadata.csv", b"a," * 1_000_000), "the line has more than"),
    "11,000 columns": (flat_with("metadata.csv", b"a," * 11_000), "more than 10,000 columns"),
    "a table that is not UTF-8": (flat_with("metadata.csv", "file_name,label\n".encode("utf-16")), "not UTF-8"),
    "zeros as a table": (flat_with("metadata.csv", bytes(1000)), "has no rows"),
    "an open quotation mark": (
        flat_with("metadata.csv", b'file_name,label\n"' + b"x\n" * 200_000),
        "field larger than",
    ),
    "a file outside": (flat_with("metadata.csv", b"file_name,label\n../../etc/passwd,a\n"), "leads out of"),
    "a file outside, from Windows": (flat_with("metadata.csv", b"file_name,label\n..\\..\\x.png,a\n"), "leads out of"),
    "an absolute file": (flat_with("metadata.csv", b"file_name,label\n/etc/passwd,a\n"), "is not inside of"),
    "an absolute file in JSON": (
        flat_with("metadata.jsonl", b'{"file_name": "/etc/passwd", "label": "a"}'),
        "is not inside of",
    ),
    "a long list of class names": (
        class_file_that_is_too_long,
        r"prettyuseful\.json: 2,147,483,648 bytes is too large",
    ),
    "a list of class names of brackets": (class_file_of_brackets, r"prettyuseful\.json: broken"),
    "a pipe": (pipe, r"cat/x\.png is not a regular file"),
    "a pipe as a shard": (pipe_as_a_shard, r"x\.tar is not a regular file"),
    "an endless device": (endless_device, r"cat/x\.png is not a regular file"),
    "an endless device as a table": (endless_device_as_a_table, r"metadata\.csv is not a regular file"),
    "an image of 3 GB": (large_image, r"cat/000\.png: 3,221,225,472 bytes is too large"),
    "escape codes in a class name": (escape_codes, r"'\\x1b\[31mdog\\n' has control characters"),
    "a file name that is no text": (bytes_that_are_no_text, r"\\udcff\\udcfe\.png: the name is not UTF-8 text"),
    "a folder name that is no text": (folder_whose_name_is_no_text, r"\\udcff: the name is not UTF-8 text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_in_one_line_with_little_memory(tmp_path: Path, reader: Reader, name: str) -> None:
    make, message = HOSTILE[name]
    make(tmp_path)
    answer = reader.read(tmp_path)
    assert answer["is_user_error"], answer["message"]
    assert answer["message"], "it was read"
    assert re.search(message, answer["message"])
    assert answer["message"].isprintable()
    assert len(answer["message"]) < 1500
    assert answer["memory"] < MEMORY
    assert answer["seconds"] < SECONDS


HARMLESS: dict[str, Callable[[Path], object]] = {
    "valid folders": tree,
    "valid Parquet": lambda root: write(root, parquet_table()),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_valid_input_is_read_in_the_same_way(tmp_path: Path, reader: Reader, name: str) -> None:
    HARMLESS[name](tmp_path)
    answer = reader.read(tmp_path)
    assert answer["message"] == ""
    assert answer["memory"] < MEMORY


def test_links_that_multiply_are_followed_once(tmp_path: Path, reader: Reader) -> None:
    """Each of 40 folders links twice to the next: followed each time, these were a million million folders."""
    tree(tmp_path / "place")
    for i in range(40):
        (tmp_path / f"level{i}").mkdir()
        for name in "ab":
            (tmp_path / f"level{i}" / name).symlink_to(tmp_path / f"level{i + 1}", target_is_directory=True)
    tree(tmp_path / "level40")
    (tmp_path / "place" / "cat" / "more").symlink_to(tmp_path / "level0", target_is_directory=True)
    answer = reader.read(tmp_path / "place")
    assert answer["message"] == ""
    assert answer["seconds"] < SECONDS
