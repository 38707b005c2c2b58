from __future__ import annotations

from pathlib import Path

import pytest
from layout_examples import put, tree

from prettyuseful.data.sources.splits import canonical_split, choose_split, find_splits, split_in, split_of
from prettyuseful.data.sources.walker import walk
from prettyuseful.errors import DataError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "TRAIN")),
        *((name, "val") for name in ("val", "valid", "Validation", "dev")),
        *((name, "test") for name in ("test", "Testing", "eval", "evaluation")),
        *((name, None) for name in ("trains", "tests", "cat", "", "holdout")),
    ],
)
def test_names_of_splits(name: str, split: str | None) -> None:
    assert split_of(name) == canonical_split(name) == split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001.parquet", "train"),
        ("cc3m-train-0000.tar", "train"),
        ("imagenet_val_000.tar", "val"),
        ("seg_test", "test"),
        ("train2017", "train"),
        ("test.parquet", "test"),
        ("train_test.tar", None),
        ("training_set", "train"),
        ("restrain.tar", None),
        ("data-0.tar", None),
    ],
)
def test_longer_names_contain_a_split(name: str, split: str | None) -> None:
    assert split_in(name) == split


def names(root: Path) -> list[str]:
    return sorted(find_splits(walk(root), "here").parts)


def test_folders_of_splits(tmp_path: Path) -> None:
    tree(tmp_path, "Train/")
    assert names(tmp_path) == ["Train"]
    tree(tmp_path, "valid/")
    put(tmp_path, "annotations/x.xml", "x")
    assert names(tmp_path) == ["Train", "valid"]
    tree(tmp_path, "unlabelled/")
    splits = find_splits(walk(tmp_path), "here")
    assert (sorted(splits.parts), splits.left_out) == (["Train", "valid"], ("unlabelled",))


def test_class_folders_are_no_splits(tmp_path: Path) -> None:
    tree(tmp_path, classes=["train", "car", "test tube", "bullet train"])
    assert names(tmp_path) == []


def test_one_split_beside_folders_of_folders_is_asked_about(tmp_path: Path) -> None:
    tree(tmp_path, "train/")
    tree(tmp_path, "extra/")
    with pytest.raises(DataError, match="here: the folder 'train' could be a split or a class, beside 'extra'"):
        names(tmp_path)


def test_tables_above_splits_are_kept(tmp_path: Path) -> None:
    tree(tmp_path, "data/train/")
    tree(tmp_path, "data/test/")
    for name in ("labels.csv", "data/more.csv", "data/train/own.csv"):
        put(tmp_path, name, "x")
    assert find_splits(walk(tmp_path), "here").tables == ("labels.csv", "data/more.csv")


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (["train-0.parquet", "train-1.parquet", "test-0.parquet"], {"train": 2, "test": 1}),
        (["a_train.tar", "a_valid.tar", "README.parquet"], {"train": 1, "valid": 1}),
        (["train.parquet"], {"train": 1}),
        (["train.parquet", "more.parquet"], {}),
        (["0.tar", "1.tar"], {}),
    ],
)
def test_names_of_shards_tell_splits(tmp_path: Path, files: list[str], parts: dict[str, int]) -> None:
    for name in files:
        put(tmp_path, name, "x")
    splits = find_splits(walk(tmp_path), "here")
    assert {name: len(folder.shards) for name, folder in splits.parts.items()} == parts


def test_a_split_is_chosen_by_its_name_or_its_kind() -> None:
    names = ["train", "valid", "my_test"]
    assert [choose_split(names, split, "here") for split in ("train", "Valid", "val", "dev", "test")] == [
        "train",
        "valid",
        "valid",
        "valid",
        "my_test",
    ]
    with pytest.raises(DataError, match="here has no extra images; its splits are 'train' and 'valid' and 'my_test'"):
        choose_split(names, "extra", "here")
    with pytest.raises(DataError, match="has 'test' and 'eval', which are both testing images"):
        choose_split(["test", "eval"], "testing", "here")
