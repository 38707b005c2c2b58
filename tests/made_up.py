"""Studies and machines that records speak of, where no study was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prettyuseful.numerics import Environment
from prettyuseful.records import TaskRecord
from prettyuseful.study.file import Study

MACHINE = Environment(python="3.11", system="Linux", cpu="a processor", cores=2, packages={"torch": "2.9"})


def study_file(datasets: Mapping[str, Mapping[str, Any]], **train: Any) -> Study:
    """A study of these data sets; what they leave out of generator and number of images is filled in."""
    return Study.model_validate(
        {
            "version": 1,
            "task": "photos",
            "datasets": {name: _whole(plan) for name, plan in datasets.items()} or {"base": _whole({})},
            "train": train,
        }
    )


def task_record(classes: Sequence[str] = ("a", "b"), **changes: Any) -> TaskRecord:
    fields: dict[str, Any] = {
        "name": "animals",
        "classes": list(classes),
        "chance": 1 / len(classes),
        "licence": "cat: CC0; dog: public domain",
        "source": "made up",
        "test_images_per_class": 10,
    }
    return TaskRecord(**{**fields, **changes})


def _whole(plan: Mapping[str, Any]) -> dict[str, Any]:
    origin = {} if {"of", "mix"} & plan.keys() else {"generator": "pocket-base"}
    count = {} if "mix" in plan else {"images_per_class": 10}
    return {**origin, **count, **plan}
