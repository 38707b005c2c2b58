from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, StudyError
from prettyuseful.plan.gather import gather_records
from prettyuseful.plan.study import make_plan
from prettyuseful.records import (
    DatasetRecord,
    Reencoding,
    RunRecord,
    StudyRecord,
    read_records,
    record_name,
    schema,
    write_records,
)
from prettyuseful.study.reading import parse_study

SNAPSHOT = Path(__file__).parent / "record_schemas.json"


def test_the_schemas_of_records_and_manifests_are_unchanged() -> None:
    """A change of the schemas affects other readers of records.

    Raise the version, write it in the changelog, and renew the snapshot, see docs/contributing/adding-a-cause.md.
    """
    assert schema() == json.loads(SNAPSHOT.read_text("utf-8"))


def test_a_study_writes_records_of_each_kind(finished: Path) -> None:
    records = read_records(finished / "out" / "records")
    assert sum(isinstance(r, StudyRecord) for r in records) == 1
    assert {r.name for r in records if isinstance(r, DatasetRecord)} == {"real", "tiny", "captioned"}
    runs = [r for r in records if isinstance(r, RunRecord)]
    assert {(r.dataset, r.seed) for r in runs} == {(d, s) for d in ("real", "tiny", "captioned") for s in (0, 1)}
    assert {r.status for r in runs} == {"complete"}
    real = next(r for r in runs if r.dataset == "real")
    assert [(t.kind, t.tested_on) for t in real.transfers] == [
        ("real_to_real", "real"),
        ("real_to_synth", "tiny"),
        ("real_to_synth", "captioned"),
    ]
    assert real.environment is not None
    assert real.environment.packages["torch"]
    assert real.seconds["train"] > 0


def test_a_data_set_record_describes_how_it_was_made(finished: Path) -> None:
    records = read_records(finished / "out" / "records")
    captioned = next(r for r in records if isinstance(r, DatasetRecord) and r.name == "captioned")
    assert captioned.prompts == "caption"
    assert captioned.applied["steps"] == 2
    assert captioned.prompts_cut == {"tokenizer": 14}  # every caption is longer than its limit
    tiny = next(r for r in records if isinstance(r, DatasetRecord) and r.name == "tiny")
    assert (tiny.prompts, tiny.prompts_cut) == ("class-name", {})
    assert captioned.generator is not None
    assert captioned.generator.id == "tiny-pipeline"
    assert [len(images) for images in captioned.samples] == [7, 7]
    assert [(result.subject, result.encoder, result.reencoded) for result in captioned.measured] == [
        ("data-set", "real-trained", None),
        ("data-set", "real-trained", Reencoding(side=16, quality=90)),
    ]
    assert all(set(result.parts) == {"density", "coverage"} for result in captioned.measured)
    real = next(r for r in records if isinstance(r, DatasetRecord) and r.control)
    assert {result.subject for result in real.measured} == {"real-test", "real-train"}


def test_written_records_are_read_unchanged(finished: Path, tmp_path: Path) -> None:
    records = read_records(finished / "out" / "records")
    write_records(records, tmp_path)
    assert read_records(tmp_path) == records
    assert [type(r).__name__[:3] for r in records] == ["Stu", *["Dat"] * 3, *["Run"] * 6]
    assert [r.name for r in records if isinstance(r, DatasetRecord)] == [
        "real",
        "tiny",
        "captioned",
    ]  # the order of the study
    write_records([r for r in records if not (isinstance(r, RunRecord) and r.seed == 1)], tmp_path)
    assert len(read_records(tmp_path)) == len(records) - 3  # files of missing records are removed


@pytest.mark.parametrize("content", ["{", "[]", '{"record": "run"}', '{"record": "study", "schema_version": 1}'])
def test_invalid_record_files_are_reported(finished: Path, tmp_path: Path, content: str) -> None:
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    (tmp_path / "records" / "odd.json").write_text(content)
    with pytest.raises(DataError, match=r"odd\.json is not a record of version 3"):
        read_records(tmp_path / "records")


def test_a_folder_without_records_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no study\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize("name", ["real-100", "Base"])
def test_every_record_has_its_own_file(tmp_path: Path, name: str) -> None:
    """Also for a data set with a name like the files of real images."""
    text = f"version: 1\ntask: photos\ndatasets: {{{name}: {{generator: pocket-base, images_per_class: 100}}}}\n"
    try:
        study = parse_study(text)
    except StudyError:
        return  # rejecting the name is also correct
    records = gather_records(make_plan(study), LocalStore(tmp_path))
    assert len({record_name(record) for record in records}) == len(records)


def test_unequal_numbers_of_images_are_lists_and_have_files_of_their_own(tmp_path: Path) -> None:
    study = parse_study("version: 1\ntask: photos\ndatasets: {a: {generator: pocket-base, images_per_class: 9}}\n")
    [head, real, *others] = gather_records(make_plan(study), LocalStore(tmp_path / "store"))
    assert isinstance(real, DatasetRecord)
    unequal = [
        real.model_copy(update={"images_per_class": ClassCounts(numbers)})
        for numbers in ([3] * 15 + [9], [9] + [3] * 15)
    ]
    runs = [
        record.model_copy(
            update={"images_per_class": unequal[0].images_per_class, "steps_of": unequal[1].images_per_class}
        )
        for record in others
        if isinstance(record, RunRecord) and record.dataset == "real"
    ]
    write_records([head, real, *unequal, *runs], tmp_path / "records")
    assert len(list((tmp_path / "records").iterdir())) == 4 + len(runs)
    back = read_records(tmp_path / "records")
    assert [record.images_per_class for record in back if isinstance(record, DatasetRecord)] == [
        unequal[0].images_per_class,
        unequal[1].images_per_class,
        real.images_per_class,
    ]
    assert [record for record in back if isinstance(record, RunRecord)] == runs
    contents = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "records").glob("dataset@real*.json")]
    numbers = [content["images_per_class"] for content in contents]
    assert sorted(numbers, key=str) == sorted([9, [3] * 15 + [9], [9] + [3] * 15], key=str)


def test_every_draw_has_records_of_its_own(tmp_path: Path) -> None:
    text = "version: 1\ntask: photos\ndatasets: {a: {generator: pocket-base, images_per_class: 9, draws: 3}}\n"
    records = gather_records(make_plan(parse_study(text)), LocalStore(tmp_path / "store"))
    write_records(records, tmp_path / "records")
    assert read_records(tmp_path / "records") == records
    runs = [record for record in records if isinstance(record, RunRecord) and record.dataset == "a"]
    assert [(run.seed, run.draw) for run in runs] == [(seed, draw) for seed in (0, 1, 2) for draw in (0, 1, 2)]
    assert [run.dataset_title for run in runs[:3]] == ["a", "a, draw 1", "a, draw 2"]
    assert [record_name(run) for run in runs[:2]] == [
        "run@a@small@small@rgb@0.json",
        "run@a@draw-1@small@small@rgb@0.json",
    ]
    one = gather_records(make_plan(parse_study(text.replace(", draws: 3", ""))), LocalStore(tmp_path / "store"))
    write_records(one, tmp_path / "records")  # removes the records of draws that the study no longer has
    assert read_records(tmp_path / "records") == one


def test_records_without_draws_are_read_as_the_first_draw(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    for path in (tmp_path / "records").iterdir():
        content = json.loads(path.read_text("utf-8"))
        content.pop("draw", None)
        content.pop("draws", None)
        path.write_text(json.dumps(content))
    assert read_records(tmp_path / "records") == read_records(finished / "out" / "records")


def test_results_that_do_not_exist_are_missing(tmp_path: Path) -> None:
    study = parse_study("version: 1\ntask: photos\ndatasets: {a: {generator: pocket-base, images_per_class: 9}}\n")
    records = gather_records(make_plan(study), LocalStore(tmp_path))
    rest = [r for r in records if not isinstance(r, StudyRecord)]
    assert {r.status for r in rest} == {"missing"}
    assert all(r.transfers == [] for r in rest if isinstance(r, RunRecord))
    assert all(r.measured == [] for r in rest if isinstance(r, DatasetRecord))


@pytest.mark.parametrize("change", ["no data set", "no seed", "no study"])
def test_records_of_another_study_are_reported(finished: Path, tmp_path: Path, change: str) -> None:
    """Two folders were mixed, or study.json was edited."""
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    path = tmp_path / "records" / "study.json"
    content = json.loads(path.read_text("utf-8"))
    if change == "no data set":
        del content["file"]["datasets"]["captioned"]
    elif change == "no seed":
        content["file"]["train"]["seeds"] = [0]
    else:
        content["file"] = {}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"run the study again") as error:
        read_records(tmp_path / "records")
    assert "\n" not in str(error.value)


def change_record(folder: Path, kind: str, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change the content of a record in a folder; return its file."""
    path = next(folder.glob({"study": "study.json", "run": "run@real*@0.json", "dataset": "dataset@tiny.json"}[kind]))
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("kind", "keys", "value", "problem"),
    [
        ("run", "transfers.0.top1", nan, "transfers.0.top1 is nan, which is not a finite number"),
        ("run", "transfers.0.top1", inf, "transfers.0.top1 is inf, which is not a finite number"),
        ("run", "transfers.0.top1", 1.5, "transfers.0.top1: expected a number from 0 to 1, got 1.5"),
        ("run", "transfers.0.top1", "0.5", "transfers.0.top1: expected a number from 0 to 1, got '0.5'"),
        ("run", "transfers.0.top1", None, "transfers.0.top1: expected a number from 0 to 1, got null"),
        ("run", "transfers.0.confusion.0.0", -1, "transfers.0.confusion.0.0: expected"),
        ("run", "transfers.0.confusion.0.0", True, "transfers.0.confusion.0.0: expected"),
        ("run", "transfers.0.confusion.0.0", 2.5, "transfers.0.confusion.0.0: expected"),
        ("run", "transfers.0.confusion.0.0", 10**30, "is a number of more than 18 digits"),
        ("run", "transfers.0.confusion.0", [1], "transfers.0.confusion is not a table of 2 x 2 numbers"),
        ("run", "transfers.0.per_class", [1.0], "transfers.0.per_class has 1 values for 2 classes"),
        ("run", "transfers.0.group_labels.0", 7, "transfers.0.group_labels does not hold the labels 0 to 1"),
        ("run", "transfers.0.group_sizes", [], r"transfers.0.group_sizes has 0 values for \d+ groups"),
        ("run", "transfers.0.group_sizes.0", 0, "transfers.0.group_sizes holds 0"),
        ("run", "transfers.0.group_correct.0", 999, "transfers.0.group_correct is larger than group_sizes"),
        ("run", "transfers.0.groups.0", "another", "the test groups of 'real' differ"),
        ("run", "transfers.0.calibration.ece", nan, "transfers.0.calibration.ece is nan"),
        ("run", "seconds.train", -1, "seconds.train: expected a number of 0 or more"),
        ("run", "seed", True, "seed: expected a whole number, got true"),
        ("run", "images_per_class", -7, "images_per_class"),
        ("dataset", "applied.steps", inf, "applied.steps is inf"),
        ("dataset", "size_bytes", -1, "size_bytes: expected"),
        ("dataset", "measured.0.images_per_class", [7], "measured.0.images_per_class has 1 values for 2 classes"),
        ("dataset", "measured.0.parts.density", [], "measured.0.parts.density has 0 values for 2 classes"),
        ("dataset", "measured.0.parts.density.0.sizes.0", 0, "measured.0.parts.density has not one sum and one size"),
        ("study", "task.chance", nan, "task.chance is nan"),
        ("study", "task.classes", "red", "task.classes: expected a list"),
        ("study", "file.train.seeds.0", "x", "file.train.seeds.0: expected"),
    ],
)
def test_hostile_values_are_reported_with_file_and_field(
    finished: Path, tmp_path: Path, kind: str, keys: str, value: Any, problem: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        *outer, last = [int(key) if key.isdigit() else key for key in keys.split(".")]
        part: Any = content
        for key in outer:
            part = part[key]
        part[last] = value

    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    path = change_record(tmp_path / "records", kind, change)
    with pytest.raises(DataError, match=problem) as error:
        read_records(tmp_path / "records")
    if "groups.0" not in keys:
        assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", ["schema_version", "dataset", "seed", "keys"])
def test_a_missing_field_is_reported(finished: Path, tmp_path: Path, field: str) -> None:
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    change_record(tmp_path / "records", "run", lambda content: content.pop(field))
    if field == "schema_version":  # it has a default
        assert read_records(tmp_path / "records")
        return
    with pytest.raises(DataError, match=f"'{field}' is missing"):
        read_records(tmp_path / "records")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nothing", "copy"])
def test_files_that_are_no_records_of_their_own_are_reported(finished: Path, tmp_path: Path, kind: str) -> None:
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    odd = tmp_path / "records" / "odd.json"
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    elif kind == "copy":
        shutil.copy(tmp_path / "records" / "study.json", odd)
    else:
        odd.symlink_to(tmp_path / "missing")
    with pytest.raises(DataError, match=r"odd\.json") as error:
        read_records(tmp_path / "records")
    assert "\n" not in str(error.value)
