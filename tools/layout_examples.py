"""Small examples of the layouts in which people have images: each makes its files in an empty folder.

The tests read every one with prettyuseful, and docs/reference/layouts.md says what other libraries make of some.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog", "owl")

Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Example:
    """A layout.

    `name`: short and unique. `shows`: the files, in words or as a pattern. `make`: writes the files into a folder, and
    returns the path below it that a user would give (None: the folder itself).
    """

    name: str
    shows: str
    make: Callable[[Path], str | None]


def picture(class_name: str, number: int, split: str = "train", kind: str = "PNG") -> bytes:
    """Return an encoded image of 16 x 16 pixels that differs from all others."""
    seed = [*class_name.encode(), number, *split.encode()]
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def put(root: Path, path: str, data: bytes | str) -> None:
    """Write a file, and the folders above it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)


def tree(root: Path, prefix: str = "", count: int = 4, classes: Sequence[str] = CLASSES, split: str = "train") -> None:
    """Write `<prefix><class>/<number>.png` for some images of each class."""
    for name in classes:
        for i in range(count):
            put(root, f"{prefix}{name}/{i:03d}.png", picture(name, i, split))


def flat(root: Path, prefix: str = "", count: int = 4, split: str = "train") -> list[tuple[str, str]]:
    """Write images without class folders, and return the name and the class of each."""
    listed = []
    for number, name in enumerate(CLASSES):
        for i in range(count):
            file = f"{10 * number + i:04d}.png"
            put(root, prefix + file, picture(name, i, split))
            listed.append((file, name))
    return listed


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    """Return a CSV table."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def json_lines(rows: Sequence[Mapping[str, object]]) -> str:
    """Return JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def tar(files: Files, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Return a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def samples(
    count: int = 4, name: str = "{number}.png", label: str = "{number}.cls", split: str = "train", numbers: bool = True
) -> list[tuple[str, bytes]]:
    """Return the files of a WebDataset: an image and its class for each sample. `numbers`: classes are numbers."""
    files = []
    for index, class_name in enumerate(CLASSES):
        for i in range(count):
            values = {"number": f"{10 * index + i:04d}", "class": class_name}
            files.append((name.format(**values), picture(class_name, i, split)))
            if label:
                files.append((label.format(**values), (str(index) if numbers else class_name).encode()))
    return files


def parquet_table(
    image: str = "image", label: str = "label", count: int = 4, split: str = "train", numbers: bool = False
) -> Any:
    """Return an Arrow table of images and labels."""
    import pyarrow as pa

    rows = [(name, index, i) for index, name in enumerate(CLASSES) for i in range(count)]
    images = [{"bytes": picture(name, i, split), "path": f"{name}{i}.png"} for name, _, i in rows]
    return pa.table({image: images, label: [index if numbers else name for name, index, _ in rows]})


def put_parquet(root: Path, path: str, content: Any) -> None:
    """Write a Parquet file."""
    import pyarrow.parquet as pq

    (root / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, root / path)


def named_labels(content: Any, names: Sequence[str] = CLASSES) -> Any:
    """Add Hugging Face's description of the columns, with the names of the classes."""
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    return content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


_EXAMPLES: dict[str, Example] = {}


def example(name: str, shows: str) -> Callable[[Callable[[Path], str | None]], Callable[[Path], str | None]]:
    """Add the function below to the examples."""

    def add(make: Callable[[Path], str | None]) -> Callable[[Path], str | None]:
        assert name not in _EXAMPLES, name
        _EXAMPLES[name] = Example(name, shows, make)
        return make

    return add


def examples() -> Iterator[Example]:
    """Yield every example."""
    return iter(_EXAMPLES.values())


@example("class folders", "`<class>/<image>`")
def _(root: Path) -> None:
    tree(root)


@example("class folders with sub-folders", "`<class>/session1/<image>`, `<class>/session2/<image>`")
def _(root: Path) -> None:
    tree(root, classes=[f"{name}/session{i}" for name in CLASSES for i in (1, 2)], count=2)


@example("one folder around class folders", "`data/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "data/")


@example("superclasses", "`animal/cat/<image>`, `vehicle/car/<image>`")
def _(root: Path) -> None:
    tree(root, classes=["animal/cat", "animal/dog", "vehicle/car", "vehicle/bus"])


@example("superclasses that share a class", "`fruit/orange/<image>`, `colour/orange/<image>`")
def _(root: Path) -> None:
    tree(root, classes=["fruit/orange", "fruit/apple", "fruit/kiwi", "colour/orange", "colour/red", "colour/blue"])


@example("an empty class folder", "`<class>/<image>`, `empty/`")
def _(root: Path) -> None:
    tree(root)
    (root / "empty").mkdir()


@example("images beside class folders", "`<class>/<image>`, `cover.png`")
def _(root: Path) -> None:
    tree(root)
    put(root, "cover.png", picture("cover", 0))


@example("files of systems and tools", "`<class>/<image>`, `Thumbs.db`, `desktop.ini`, `.DS_Store`, `__MACOSX/`")
def _(root: Path) -> None:
    tree(root)
    for name in ("Thumbs.db", "cat/Thumbs.db", "dog/desktop.ini", ".DS_Store", "owl/._000.png", "cat/Icon\r"):
        put(root, name, b"x")
    put(root, "__MACOSX/cat/._000.png", b"x")
    put(root, "@eaDir/cat/x.png", b"x")
    put(root, ".ipynb_checkpoints/x.png", b"x")


@example("captions and texts", "`<class>/001.png`, `<class>/001.txt`, `README.md`, `classes.txt`, `data.yaml`")
def _(root: Path) -> None:
    tree(root)
    for name in CLASSES:
        put(root, f"{name}/000.txt", "a photograph")
    for name in ("README.md", "LICENSE", "classes.txt", "data.yaml", "labels.cache", "cat/a.xml", "dog/f.npz"):
        put(root, name, "x")


@example("images without a suffix", "`<class>/001`, `<class>/photo.jpg_large`")
def _(root: Path) -> None:
    tree(root)
    put(root, "cat/no_suffix", picture("cat", 10))
    put(root, "dog/photo.jpg_large", picture("dog", 10, kind="JPEG"))
    put(root, "dog/notes", "no image")


@example("suffixes in upper case", "`<class>/001.PNG`, `<class>/001.JPG`")
def _(root: Path) -> None:
    for name in CLASSES:
        put(root, f"{name}/0.PNG", picture(name, 0))
        put(root, f"{name}/1.JPG", picture(name, 1, kind="JPEG"))


@example("links to folders", "`cat -> /elsewhere`, a link that leads in a circle")
def _(root: Path) -> str:
    tree(root / "place", classes=CLASSES[:2])
    tree(root / "elsewhere", classes=CLASSES[2:])
    (root / "place/owl").symlink_to(root / "elsewhere/owl", target_is_directory=True)
    (root / "place/cat/again").symlink_to(root / "place", target_is_directory=True)
    return "place"


@example("two spellings of a class", "`golden_retriever/`, `Golden retriever/`")
def _(root: Path) -> None:
    tree(root, classes=["golden_retriever", "cat"])
    tree(root, classes=["Golden retriever"], count=2, split="more")


@example("train and test", "`train/<class>/<image>`, `test/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "train/")
    tree(root, "test/", 2, split="test")


@example("train, valid and test", "`train/<class>/`, `valid/<class>/`, `test/<class>/` (Roboflow)")
def _(root: Path) -> None:
    tree(root, "train/")
    tree(root, "valid/", 3, split="valid")
    tree(root, "test/", 2, split="test")
    put(root, "README.roboflow.txt", "x")


@example("train and val", "`train/<class>/<image>`, `val/<class>/<image>` (ImageNet)")
def _(root: Path) -> None:
    tree(root, "train/")
    tree(root, "val/", 2, split="val")


@example("Training and Testing", "`Training/<class>/<image>`, `Testing/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "Training/")
    tree(root, "Testing/", 2, split="test")


@example("train alone", "`train/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "train/")


@example("splits in images/", "`images/train/<class>/<image>`, `labels/train/<text>`")
def _(root: Path) -> None:
    tree(root, "images/train/")
    tree(root, "images/val/", 2, split="val")
    put(root, "labels/train/000.txt", "0 0.5 0.5 1 1")


@example("splits in data/", "`data/train/<class>/<image>`, `data/test/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "data/train/")
    tree(root, "data/test/", 2, split="test")


@example("splits with longer names", "`seg_train/seg_train/<class>/`, `seg_test/seg_test/<class>/` (Kaggle)")
def _(root: Path) -> None:
    tree(root, "seg_train/seg_train/")
    tree(root, "seg_test/seg_test/", 2, split="test")


@example("splits in class folders", "`<class>/train/<image>`, `<class>/test/<image>`")
def _(root: Path) -> None:
    tree(root, classes=[f"{name}/train" for name in CLASSES])
    tree(root, classes=[f"{name}/test" for name in CLASSES], count=2, split="test")


@example("a class named train", "`train/<image>`, `car/<image>`, `bus/<image>`")
def _(root: Path) -> None:
    tree(root, classes=["train", "car", "bus"])


@example("a split or a class", "`train/<class>/<image>`, `more/<class>/<image>`")
def _(root: Path) -> None:
    tree(root, "train/")
    tree(root, "more/", split="more")


@example("metadata.jsonl with labels", "`0001.png`, ..., `metadata.jsonl` (file_name, label, text)")
def _(root: Path) -> None:
    rows = [{"file_name": file, "label": name, "text": f"a {name}"} for file, name in flat(root)]
    put(root, "metadata.jsonl", json_lines(rows))


@example("metadata.csv with labels", "`0001.png`, ..., `metadata.csv` (file_name, label)")
def _(root: Path) -> None:
    put(root, "metadata.csv", table(["file_name", "label"], flat(root)))


@example("metadata.parquet with labels", "`0001.png`, ..., `metadata.parquet` (file_name, label)")
def _(root: Path) -> None:
    import pyarrow as pa

    files, names = zip(*flat(root), strict=True)
    put_parquet(root, "metadata.parquet", pa.table({"file_name": list(files), "label": list(names)}))


@example("metadata.jsonl in each split", "`train/0001.png`, `train/metadata.jsonl`, `test/0001.png`, ...")
def _(root: Path) -> None:
    for split, count in (("train", 4), ("test", 2)):
        rows = [{"file_name": file, "label": name} for file, name in flat(root, f"{split}/", count, split)]
        put(root, f"{split}/metadata.jsonl", json_lines(rows))


@example("metadata.jsonl of texts", "`<class>/<image>`, `metadata.jsonl` (file_name, text)")
def _(root: Path) -> None:
    tree(root)
    rows = [{"file_name": f"{name}/{i:03d}.png", "text": f"a {name}"} for name in CLASSES for i in range(4)]
    put(root, "metadata.jsonl", json_lines(rows))


@example("labels.csv", "`images/0001.png`, `labels.csv` (id without suffix, breed) (Kaggle)")
def _(root: Path) -> None:
    rows = [(file.removesuffix(".png"), name) for file, name in flat(root, "images/")]
    put(root, "labels.csv", table(["id", "breed"], rows))


@example(
    "train.csv and test images without labels", "`train/0001.png`, `test/0001.png`, `train.csv` (id, label) (Kaggle)"
)
def _(root: Path) -> None:
    put(root, "train.csv", table(["id", "label"], flat(root, "train/")))
    files = [file for file, _ in flat(root, "test/", 2, "test")]
    put(root, "sample_submission.csv", table(["id", "label"], [(file, "cat") for file in files]))


@example("a table without header", "`0001.png`, ..., `list.csv` (lines `0001.png,cat`)")
def _(root: Path) -> None:
    put(root, "list.csv", "".join(f"{file},{name}\n" for file, name in flat(root)))


@example("a table with tabs", "`0001.png`, ..., `labels.tsv`")
def _(root: Path) -> None:
    put(root, "labels.tsv", table(["filename", "class"], flat(root), "\t"))


@example("_classes.csv", "`train/0001.png`, `train/_classes.csv` (filename, cat, dog, owl: 0 or 1) (Roboflow)")
def _(root: Path) -> None:
    for split, count in (("train", 4), ("valid", 2)):
        rows = [
            (file, *(int(name == other) for other in CLASSES)) for file, name in flat(root, f"{split}/", count, split)
        ]
        put(root, f"{split}/_classes.csv", table(["filename", *(f" {name}" for name in CLASSES)], rows))


@example("a table with a column of splits", "`0001.png`, ..., `labels.csv` (file, label, split)")
def _(root: Path) -> None:
    rows = [(file, name, "test" if file.endswith("3.png") else "train") for file, name in flat(root)]
    put(root, "labels.csv", table(["file", "label", "split"], rows))


@example("a table that contradicts the folders", "`<class>/<image>`, `labels.csv` with other classes")
def _(root: Path) -> None:
    tree(root)
    put(root, "labels.csv", table(["file", "label"], [("cat/000.png", "dog"), ("dog/000.png", "cat")]))


@example("images/ of images without labels", "`train/<class>/images/<image>`, `val/images/<image>` (Tiny ImageNet)")
def _(root: Path) -> None:
    tree(root, "train/", classes=[f"{name}/images" for name in CLASSES])
    flat(root, "val/images/", 2, "val")
    put(root, "val/val_annotations.txt", "0000.png\tcat\n")


@example("boxes", "`train/images/<image>`, `train/labels/<text>`, `data.yaml` (YOLO)")
def _(root: Path) -> None:
    for file, _ in flat(root, "train/images/"):
        put(root, f"train/labels/{file}.txt", "0 0.5 0.5 1 1")
    put(root, "data.yaml", "nc: 3")


@example("images alone", "`0001.png`, `0002.png`, ...")
def _(root: Path) -> None:
    flat(root)


@example("a clone from the hub", "`README.md`, `data/train-00000-of-00001.parquet`, `data/test-...`")
def _(root: Path) -> None:
    put(root, "README.md", "---\nlicense: mit\n---\n")
    put(root, ".gitattributes", "*.parquet filter=lfs")
    put(root, "assets/example.png", picture("cat", 99))
    put_parquet(root, "data/train-00000-of-00001.parquet", named_labels(parquet_table(numbers=True)))
    test = named_labels(parquet_table(count=2, split="test", numbers=True))
    put_parquet(root, "data/test-00000-of-00001.parquet", test)


@example("a converted data set of the hub", "`default/train/0000.parquet`, `default/test/0000.parquet`")
def _(root: Path) -> None:
    put_parquet(root, "default/train/0000.parquet", parquet_table())
    put_parquet(root, "default/test/0000.parquet", parquet_table(count=2, split="test"))


@example(
    "test images without labels on the hub",
    "`data/train-....parquet`, `data/validation-...`, `data/test-...` (label: -1)",
)
def _(root: Path) -> None:
    import pyarrow as pa

    put_parquet(root, "data/train-00000-of-00001.parquet", named_labels(parquet_table(numbers=True)))
    validation = parquet_table(count=2, split="validation", numbers=True)
    put_parquet(root, "data/validation-00000-of-00001.parquet", named_labels(validation))
    test = parquet_table(count=3, split="test", numbers=True)
    test = test.set_column(1, "label", pa.array([-1] * test.num_rows))
    put_parquet(root, "data/test-00000-of-00001.parquet", named_labels(test))


@example("several configurations", "`small/train.parquet`, `large/train.parquet`")
def _(root: Path) -> None:
    put_parquet(root, "small/train.parquet", parquet_table(count=2))
    put_parquet(root, "large/train.parquet", parquet_table())


@example("Parquet with other names", "`data.parquet` (img, fine_label)")
def _(root: Path) -> str:
    put_parquet(root, "data.parquet", parquet_table("img", "fine_label"))
    return "data.parquet"


@example("Parquet with two columns of labels", "`data.parquet` (image, fine_label, coarse_label)")
def _(root: Path) -> str:
    content = parquet_table(label="fine_label")
    put_parquet(root, "data.parquet", content.append_column("coarse_label", [["animal"] * content.num_rows]))
    return "data.parquet"


@example("Parquet with numbers", "`data.parquet` (image, label: 0, 1, 2 without names)")
def _(root: Path) -> str:
    put_parquet(root, "data.parquet", parquet_table(numbers=True))
    return "data.parquet"


@example("Parquet with bytes", "`data.parquet` (image: binary, label: dictionary)")
def _(root: Path) -> str:
    import pyarrow as pa

    content = parquet_table()
    images = pa.array([row["bytes"] for row in content["image"].to_pylist()])
    put_parquet(root, "data.parquet", pa.table({"image": images, "label": content["label"].dictionary_encode()}))
    return "data.parquet"


@example("Parquet with names of files", "`images/0001.png`, `data.parquet` (image: `images/0001.png`, label)")
def _(root: Path) -> None:
    import pyarrow as pa

    files, names = zip(*flat(root, "images/"), strict=True)
    content = pa.table({"image": [f"images/{file}" for file in files], "label": list(names)})
    put_parquet(root, "data.parquet", content)


@example("Parquet with lists of one label", "`data.parquet` (image, label: `[cat]`)")
def _(root: Path) -> str:
    import pyarrow as pa

    content = parquet_table()
    labels = pa.array([[name] for name in content["label"].to_pylist()])
    put_parquet(root, "data.parquet", content.set_column(1, "label", labels))
    return "data.parquet"


@example("Parquet with a column of splits", "`data.parquet` (image, label, split)")
def _(root: Path) -> str:
    import pyarrow as pa

    train, test = parquet_table(), parquet_table(count=2, split="test")
    content = pa.concat_tables([train, test])
    splits = ["train"] * train.num_rows + ["test"] * test.num_rows
    put_parquet(root, "data.parquet", content.append_column("split", pa.array(splits)))
    return "data.parquet"


@example("save_to_disk", "`dataset_info.json`, `state.json`, `data-00000-of-00001.arrow`")
def _(root: Path) -> None:
    for name in ("dataset_info.json", "state.json", "data-00000-of-00001.arrow"):
        put(root, name, b"{}")


@example("WebDataset", "`data-000000.tar`: `0001.png`, `0001.cls` (a number)")
def _(root: Path) -> None:
    files = samples()
    put(root, "data-000000.tar", tar(files[:12]))
    put(root, "data-000001.tar", tar(files[12:]))


@example("WebDataset with names of classes", "`data.tar`: `0001.png`, `0001.cls` (the text `cat`)")
def _(root: Path) -> str:
    put(root, "data.tar", tar(samples(numbers=False)))
    return "data.tar"


@example("WebDataset of JSON", "`0001.jpg`, `0001.json` ({label: cat}), `0001.txt` (caption)")
def _(root: Path) -> str:
    files = []
    for name, data in samples(label=""):
        key = name.removesuffix(".png")
        label = CLASSES[int(key) // 10]
        caption = [(f"{key}.txt", b"a caption")]
        files += [(name, data), (f"{key}.json", json.dumps({"label": label}).encode()), *caption]
    put(root, "data.tar", tar(files))
    return "data.tar"


@example("WebDataset in splits", "`train-000000.tar`, `val-000000.tar`")
def _(root: Path) -> None:
    put(root, "set-train-000000.tar", tar(samples()))
    put(root, "set-val-000000.tar", tar(samples(2, split="val")))


@example("class folders in a tar", "`data.tar`: `cat/001.png`")
def _(root: Path) -> str:
    put(root, "data.tar", tar(samples(name="./{class}/{number}.png", label="")))
    return "data.tar"


@example("splits in a tar", "`data.tar`: `train/cat/001.png`, `test/cat/001.png`")
def _(root: Path) -> str:
    files = samples(name="x/train/{class}/{number}.png", label="")
    files += samples(2, "x/test/{class}/{number}.png", "", "test")
    put(root, "data.tar", tar(files))
    return "data.tar"


@example("class folders and captions in a tar", "`data.tar`: `cat/001.png`, `cat/001.txt`")
def _(root: Path) -> str:
    files = samples(name="{class}/{number}.png", label="{class}/{number}.txt", numbers=False)
    put(root, "data.tar", tar(files))
    return "data.tar"


@example("a compressed tar", "`data.tar.gz`: `0001.png`, `0001.cls`")
def _(root: Path) -> str:
    put(root, "data.tar.gz", gzip.compress(tar(samples())))
    return "data.tar.gz"


@example("names with dots in a tar", "`img.v2.0001.png`, `img.v2.0001.cls`")
def _(root: Path) -> str:
    put(root, "data.tar", tar(samples(name="img.v2.{number}.png", label="img.v2.{number}.cls")))
    return "data.tar"


@example("longer suffixes in a tar", "`0001.input.png`, `0001.output.cls`")
def _(root: Path) -> str:
    put(root, "data.tar", tar(samples(name="{number}.input.png", label="{number}.output.cls")))
    return "data.tar"


@example("other files in a tar", "`dataset.json`, `README`, `0001.bmp`, `0001.cls`, `0001.mask.png`")
def _(root: Path) -> str:
    files = [("dataset.json", b"{}"), ("README", b"x"), ("._x.png", b"x")]
    for name, data in samples():
        files.append((name, data))
        if name.endswith(".cls"):
            files.append((name.replace(".cls", ".mask.png"), b"x"))
    put(root, "data.tar", tar(files))
    return "data.tar"


@example("two tars in one file", "`cat a.tar b.tar > data.tar`")
def _(root: Path) -> str:
    files = samples()
    put(root, "data.tar", tar(files[:12]) + tar(files[12:]))
    return "data.tar"


@example("long names in a tar", "names of 240 characters, in the formats of GNU and of POSIX")
def _(root: Path) -> None:
    files = samples(name="é" * 100 + "/{number}.png", label="é" * 100 + "/{number}.cls")
    put(root, "0.tar", tar(files[:12], tarfile.GNU_FORMAT))
    put(root, "1.tar", tar(files[12:], tarfile.PAX_FORMAT))


@example("a zip archive", "`data.zip`")
def _(root: Path) -> str:
    put(root, "data.zip", b"PK\3\4")
    return "data.zip"


@example("photographs of a phone", "`<class>/001.heic`")
def _(root: Path) -> None:
    tree(root)
    put(root, "cat/IMG_0001.HEIC", b"\0\0\0\x18ftypheic" + bytes(64))
