from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prettyuseful.errors import UnknownNameError
from prettyuseful.tasks.base import available
from prettyuseful.tasks.huggingface import HubTask
from prettyuseful.tasks.imagenet import load_class_list
from prettyuseful.tasks.source import TaskSource

from .conftest import make_dataset, save_parquet


def test_a_name_and_a_folder_are_tasks(folder_task: Path) -> None:
    assert TaskSource(name="photos").open().name == "photos"
    task = TaskSource(folder=str(folder_task), licence="CC0").open()
    assert (task.classes, task.licence) == (("blue", "red"), "CC0")


def test_a_hugging_face_data_set_is_a_task(tmp_path: Path) -> None:
    both = make_dataset([0, 1], ["day", "night"]).rename_column("image", "img").rename_column("label", "time")
    folder = save_parquet(tmp_path / "sky", train=both, validation=both)
    source = TaskSource(huggingface=str(folder), image="img", label="time", test="validation", licence="CC BY 4.0")
    task = source.open()
    assert (task.name, task.classes, task.licence) == ("sky", ("day", "night"), "CC BY 4.0")
    assert TaskSource.model_validate(source.model_dump()) == source


def test_imagenet_task_tests_on_validation_with_a_fast_fingerprint(tmp_path: Path) -> None:
    synsets = load_class_list("imagenet-200").synsets
    one_each = make_dataset(range(200), synsets)
    folder = save_parquet(tmp_path / "copy", train=one_each, validation=one_each)
    task = TaskSource(name="imagenet-200", huggingface=str(folder)).open()
    assert isinstance(task, HubTask)
    assert (task.data.test, task.data.by_contents, available(task, "test")) == ("validation", False, 1)


def test_fingerprint_of_a_folder_depends_on_its_contents(tmp_path: Path) -> None:
    both = make_dataset([0, 1], ["day", "night"])
    task = TaskSource(huggingface=str(save_parquet(tmp_path / "sky", train=both, test=both))).open()
    assert isinstance(task, HubTask)
    assert task.data.by_contents


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "no images given; set exactly one of name, folder, huggingface and real"),
        ({"name": "photos", "folder": "x"}, "the task photos includes its images"),
        ({"name": "photos", "huggingface": "a/b"}, "the task photos includes its images"),
        ({"name": "imagenet-200"}, "imagenet-200 has no images; add folder .* or huggingface, such as ILSVRC"),
        ({"name": "imagenet-1k", "folder": "x", "huggingface": "a/b"}, "set only one of folder, huggingface and real"),
        ({"folder": "x", "huggingface": "a/b"}, "set only one of folder, huggingface and real"),
        ({"name": "photos", "label": "fine", "test": "val"}, "the task photos does not use label, test; remove it"),
        ({"name": "photos", "leave_out": ["cat"]}, "only folder, huggingface and real without a name use leave_out"),
        ({"name": "imagenet-1k", "folder": "x", "classes": {"a": "b"}}, "without a name use classes; remove it"),
        ({"name": "photos", "train": "test"}, "only huggingface data sets use train; remove it"),
        ({"name": "photos", "licence": "CC0"}, "the task photos has a fixed licence"),
        ({"huggingface": "a/b", "test": "train"}, "train and test are the same split, train"),
        ({"huggingface": "a/b", "train": "test"}, "train and test are the same split, test"),
        ({"name": "imagenet-1k", "huggingface": "a/b", "train": "validation"}, "the same split, validation"),
    ],
)
def test_conflicting_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TaskSource(**fields)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'imagenet-200'"):
        TaskSource(name="imagnet-200").open()
