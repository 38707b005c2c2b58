"""Layouts in which people have images, and what is made of each: classes, numbers of images, notes, or an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_examples import CLASSES, Example, examples, picture, put, put_parquet, tar, tree

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.columns import Columns
from prettyuseful.data.sources.open import open_source, open_splits
from prettyuseful.errors import DataError

Counts = Mapping[str, int]

FOUR: Counts = dict.fromkeys(CLASSES, 4)
NUMBERS: Counts = dict.fromkeys("012", 4)
TWO: Counts = dict.fromkeys(CLASSES, 2)

# For each layout: the training images of each class, the test images or None, and a text of each expected note.
EXPECTED: dict[str, tuple[Counts, Counts | None, Sequence[str]]] = {
    "class folders": (FOUR, None, []),
    "class folders with sub-folders": (FOUR, None, ["'cat', 'dog', 'owl' hold folders, whose images belong to the"]),
    "one folder around class folders": (FOUR, None, []),
    "superclasses": (
        {"bus": 4, "car": 4, "cat": 4, "dog": 4},
        None,
        ["2 folders hold only folders of images, so these 4 are the classes: 'bus', 'car', 'cat', 'dog'"],
    ),
    "superclasses that share a class": (
        {"apple": 4, "blue": 4, "colour/orange": 4, "fruit/orange": 4, "kiwi": 4, "red": 4},
        None,
        ["these 6 are the classes"],
    ),
    "an empty class folder": (FOUR, None, ["folders without images are left out: 'empty'"]),
    "images beside class folders": (FOUR, None, ["images beside the class folders are left out: 'cover.png'"]),
    "files of systems and tools": (
        FOUR,
        None,
        ["9 files are no images and are skipped (3 hidden, 2 Thumbs.db, 1 @eaDir, 1 Icon, 1 __MACOSX, 1 desktop.ini)"],
    ),
    "captions and texts": (FOUR, None, ["10 files are no images and are skipped (4 .txt, 1 .cache, 1 .md, 1 .npz, "]),
    "images without a suffix": (
        {"cat": 5, "dog": 5, "owl": 4},
        None,
        [
            "1 file is no image and is skipped (1 without suffix)",
            "2 files without an image suffix are read, since they begin as images do: cat/no_suffix, dog/photo.jpg_l",
        ],
    ),
    "suffixes in upper case": (TWO, None, []),
    "links to folders": (FOUR, None, ["1 link to folders that are read under another name are left out: cat/again"]),
    "two spellings of a class": (
        {"golden_retriever": 6, "cat": 4},
        None,
        ["'Golden retriever' (2) and 'golden_retriever' (4) are read as one class, 'golden_retriever'"],
    ),
    "train and test": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "train, valid and test": (
        FOUR,
        TWO,
        ["images are read from 'train', test images from 'test'; 'valid' is not read"],
    ),
    "train and val": (FOUR, TWO, ["training images are read from 'train', test images from 'val'."]),
    "Training and Testing": (FOUR, TWO, ["training images are read from 'Training', test images from 'Testing'."]),
    "train alone": (FOUR, None, ["the split 'train' is read."]),
    "splits in images/": (FOUR, TWO, ["training images are read from 'train', test images from 'val'."]),
    "splits in data/": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "splits with longer names": (
        FOUR,
        TWO,
        ["training images are read from 'seg_train', test images from 'seg_test'.", "in 'seg_train/seg_train'"],
    ),
    "splits in class folders": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "a class named train": ({"bus": 4, "car": 4, "train": 4}, None, []),
    "metadata.jsonl with labels": (FOUR, None, ["read from metadata.jsonl (files in 'file_name', labels in 'label')"]),
    "metadata.csv with labels": (FOUR, None, ["labels are read from metadata.csv"]),
    "metadata.parquet with labels": (FOUR, None, ["labels are read from metadata.parquet"]),
    "metadata.jsonl in each split": (
        FOUR,
        TWO,
        ["from 'train', test images from 'test'.", "labels are read from train/metadata.jsonl"],
    ),
    "metadata.jsonl of texts": (FOUR, None, []),
    "labels.csv": (FOUR, None, ["labels are read from labels.csv (files in 'id', labels in 'breed')"]),
    "train.csv and test images without labels": (
        FOUR,
        None,
        [
            "'train' is read; 'test' is not read",
            "the images of 'test' have no labels",
            "labels are read from train.csv",
        ],
    ),
    "a table without header": (FOUR, None, ["labels are read from list.csv (files in '0', labels in '1')"]),
    "a table with tabs": (FOUR, None, ["labels are read from labels.tsv (files in 'filename', labels in 'class')"]),
    "_classes.csv": (
        FOUR,
        TWO,
        ["from 'train', test images from 'valid'.", "train/_classes.csv (files in 'filename', labels one of 3 columns"],
    ),
    "a table with a column of splits": (
        dict.fromkeys(CLASSES, 3),
        dict.fromkeys(CLASSES, 1),
        ["from 'train', test images from 'test'.", "labels are read from labels.csv (files in 'file', labels in 'lab"],
    ),
    "images/ of images without labels": (
        FOUR,
        None,
        [
            "the split 'train' is read; 'val' is not read",
            "the images of 'val' have no labels",
            "'cat', 'dog', 'owl' hold folders, whose images belong to the class",
        ],
    ),
    "test images without labels on the hub": (
        FOUR,
        TWO,
        [
            "training images are read from 'train', test images from 'validation'; 'test' is not read",
            "the images of 'test' have no labels",
        ],
    ),
    "Parquet with a column of splits": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "a clone from the hub": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "a converted data set of the hub": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "Parquet with other names": (FOUR, None, ["images are read from the column 'img', labels from 'fine_label'"]),
    "Parquet with numbers": (NUMBERS, None, ["every label is a number without a name."]),
    "Parquet with bytes": (FOUR, None, []),
    "Parquet with names of files": (FOUR, None, []),
    "Parquet with lists of one label": (FOUR, None, []),
    "WebDataset": (NUMBERS, None, ["every label is a number without a name."]),
    "WebDataset with names of classes": (FOUR, None, []),
    "WebDataset of JSON": (FOUR, None, []),
    "WebDataset in splits": (
        NUMBERS,
        dict.fromkeys("012", 2),
        ["training images are read from 'train', test images from 'val'.", "every label is a number without a name."],
    ),
    "class folders in a tar": (FOUR, None, []),
    "splits in a tar": (FOUR, TWO, ["training images are read from 'train', test images from 'test'."]),
    "class folders and captions in a tar": (FOUR, None, []),
    "a compressed tar": (NUMBERS, None, ["every label is a number without a name."]),
    "names with dots in a tar": (NUMBERS, None, ["every label is a number without a name."]),
    "longer suffixes in a tar": (NUMBERS, None, ["every label is a number without a name."]),
    "other files in a tar": (
        NUMBERS,
        None,
        [
            "skipped (12 .mask.png beside the image, 1 .json without image, 1 hidden, 1 without suffix)",
            "every label is a number without a name.",
        ],
    ),
    "two tars in one file": (NUMBERS, None, ["every label is a number without a name."]),
    "long names in a tar": (NUMBERS, None, ["every label is a number without a name."]),
}

# Layouts that could be read in several ways, or not at all, and what the error says.
REFUSED = {
    "a split or a class": "the folder 'train' could be a split or a class, beside 'more'; give train itself",
    "a table that contradicts the folders": "gives cat/000.png the label 'dog', but it is in the class folder 'cat'",
    "boxes": "; data.yaml belongs to a data set of boxes: export it for classification, as folders",
    "images alone": "has 12 images, but neither class folders nor a table of their labels",
    "several configurations": "has shards in several folders ('large', 'small'), such as configurations",
    "Parquet with two columns of labels": "could be the label: fine_label, coarse_label; set `label: ` to one of them",
    "save_to_disk": "is a data set that Hugging Face's save_to_disk wrote; give it as a task (huggingface: ",
    "a zip archive": "is an archive that is not read; unpack it",
    "photographs of a phone": "IMG_0001.HEIC: this is a HEIC photograph, which cannot be read",
}

ALL = {example.name: example for example in examples()}


def place(example: Example, folder: Path) -> str:
    below = example.make(folder)
    return str(folder / below) if below else str(folder)


def test_every_layout_has_an_expectation() -> None:
    assert sorted(ALL) == sorted([*EXPECTED, *REFUSED])
    assert len(ALL) >= 60


@pytest.mark.parametrize("name", EXPECTED)
def test_layouts_are_read(tmp_path: Path, name: str) -> None:
    train_counts, test_counts, expected_notes = EXPECTED[name]
    location = place(ALL[name], tmp_path)
    train, test = open_splits(location)
    assert train.counts() == train_counts
    assert (test and test.counts()) == test_counts
    notes = train.notes()
    assert all(note.startswith(location) and note.endswith(".") and note.isprintable() for note in notes)
    assert [expected in note for expected, note in zip(expected_notes, notes, strict=True)] == [True] * len(notes)
    rows = list(train.rows(train.class_names(), 2))
    assert [row.label for row in rows] == [label for label in range(len(train_counts)) for _ in range(2)]
    assert len({row.data for row in rows}) == len(rows)
    assert train.location == location


@pytest.mark.parametrize("name", [name for name, (_, test, _) in EXPECTED.items() if test])
def test_one_set_takes_the_training_images_and_tests_take_the_test_images(tmp_path: Path, name: str) -> None:
    location = place(ALL[name], tmp_path)
    train, test = open_splits(location)
    assert test is not None
    for one, split, same in ((open_source(location), "train", train), (open_source(location, "test"), "test", test)):
        assert (one.fingerprint(), one.counts()) == (same.fingerprint(), same.counts())
        assert any("is read" in note for note in one.notes()), split
    assert not set(train.content_ids().values()) & set(test.content_ids().values())


def read_all(location: str) -> None:
    source = open_source(location)
    for _ in source.rows(source.class_names(), ClassCounts(tuple(source.counts().values()))):
        pass


@pytest.mark.parametrize("name", REFUSED)
def test_unclear_layouts_are_refused(tmp_path: Path, name: str) -> None:
    location = place(ALL[name], tmp_path)
    with pytest.raises(DataError) as error:
        read_all(location)
    assert REFUSED[name] in str(error.value)
    assert str(error.value).isprintable()


def test_images_in_classes_that_have_prompts_get_them(tmp_path: Path) -> None:
    for name in ("metadata.jsonl with labels", "metadata.jsonl of texts"):
        source = open_source(place(ALL[name], tmp_path / name.replace(" ", "-")))
        assert {row.prompt for row in source.rows(CLASSES, 4)} == {"a cat", "a dog", "a owl"}


def test_the_user_can_name_a_split_and_columns(tmp_path: Path) -> None:
    location = place(ALL["train, valid and test"], tmp_path)
    assert open_source(location, "valid").counts() == dict.fromkeys(CLASSES, 3)
    assert open_source(location, "val").counts() == dict.fromkeys(CLASSES, 3)
    with pytest.raises(DataError, match="no extra images; its splits are 'test' and 'train' and 'valid'"):
        open_source(location, "extra")
    table = place(ALL["Parquet with two columns of labels"], tmp_path)
    assert open_source(table, columns=Columns(label="coarse_label")).counts() == {"animal": 12}
    with pytest.raises(DataError, match=r"no column 'corse_label'; did you mean 'coarse_label'\?"):
        open_source(table, columns=Columns(label="corse_label")).counts()


def test_several_folders_of_one_split_are_asked_about(tmp_path: Path) -> None:
    for name in ("train", "valid", "dev"):
        tree(tmp_path, f"{name}/", split=name)
    with pytest.raises(DataError, match="has 'dev' and 'valid', which are both val images; give one of these folders"):
        open_splits(str(tmp_path))
    assert (
        open_source(str(tmp_path), "dev")
        .notes()[0]
        .endswith("the split 'dev' is read; 'train' and 'valid' are not read.")
    )


IMAGES = st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(0, 6)), min_size=4, max_size=12)


@pytest.mark.parametrize("kind", ["folders", "tar", "parquet"])
@settings(max_examples=15, deadline=None)
@given(images=IMAGES, random=st.randoms(use_true_random=False))
def test_renamed_and_reordered_files_give_equal_rows(
    tmp_path_factory: pytest.TempPathFactory, kind: str, images: list[tuple[str, int]], random: Random
) -> None:
    counts = {name: sum(name == other for other, _ in images) for name in sorted({name for name, _ in images})}
    results = []
    for names in ([f"{i:03d}" for i in range(99)], [f"{random.randrange(10**6)}-{i}" for i in range(99)]):
        root = tmp_path_factory.mktemp(kind)
        files = [(f"{image[0]}/{name}.png", picture(*image)) for name, image in zip(names, images, strict=False)]
        if kind == "folders":
            for path, data in files:
                put(root, path, data)
        elif kind == "tar":
            put(root, "a.tar", tar(files))
        else:
            content = pa.table({"image": [data for _, data in files], "label": [label for label, _ in images]})
            put_parquet(root, f"{names[0]}.parquet", content)
        source = open_source(str(root))
        results.append([(row.data, row.label, row.group) for row in source.rows(list(counts), min(counts.values()))])
        random.shuffle(images)
    assert results[0] == results[1]
