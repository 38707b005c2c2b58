from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, StudyError
from prettyuseful.plan.gather import gather
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


def test_the_schemas_of_records_and_manifests_are_pinned() -> None:
    """A change here is a change of what others read. Raise the version, say it in the changelog, and renew with
    `python -c "from prettyuseful.records import schema; ..."` as docs/schemas.md tells."""
    assert schema() == json.loads(SNAPSHOT.read_text("utf-8"))


def test_a_study_leaves_a_record_of_each_kind(finished: Path) -> None:
    records = read_records(finished / "out" / "records")
    assert sum(isinstance(r, StudyRecord) for r in records) == 1
    assert {r.name for r in records if isinstance(r, DatasetRecord)} == {"real", "tiny", "told"}
    runs = [r for r in records if isinstance(r, RunRecord)]
    assert {(r.dataset, r.seed) for r in runs} == {(d, s) for d in ("real", "tiny", "told") for s in (0, 1)}
    assert {r.status for r in runs} == {"complete"}
    real = next(r for r in runs if r.dataset == "real")
    assert [(t.kind, t.tested_on) for t in real.transfers] == [
        ("real_to_real", "real"),
        ("real_to_synth", "tiny"),
        ("real_to_synth", "told"),
    ]
    assert real.environment is not None
    assert real.environment.packages["torch"]
    assert real.seconds["train"] > 0


def test_a_data_set_record_says_how_it_was_made(finished: Path) -> None:
    records = read_records(finished / "out" / "records")
    told = next(r for r in records if isinstance(r, DatasetRecord) and r.name == "told")
    assert told.prompts == "caption"
    assert told.applied["steps"] == 2
    assert told.prompts_cut == {"tokenizer": 14}  # a caption per real image, all longer than the tiny tokenizer takes
    tiny = next(r for r in records if isinstance(r, DatasetRecord) and r.name == "tiny")
    assert (tiny.prompts, tiny.prompts_cut) == ("class-name", {})
    assert told.generator is not None
    assert told.generator.id == "tiny-pipeline"
    assert [len(images) for images in told.samples] == [7, 7]
    assert [(found.subject, found.encoder, found.reencoded) for found in told.measured] == [
        ("data-set", "real-trained", None),
        ("data-set", "real-trained", Reencoding(side=16, quality=90)),
    ]
    assert all(set(found.parts) == {"density", "coverage"} for found in told.measured)
    real = next(r for r in records if isinstance(r, DatasetRecord) and r.control)
    assert {found.subject for found in real.measured} == {"real-test", "real-train"}


def test_records_come_back_as_they_were(finished: Path, tmp_path: Path) -> None:
    records = read_records(finished / "out" / "records")
    write_records(records, tmp_path)
    assert read_records(tmp_path) == records
    assert [type(r).__name__[:3] for r in records] == ["Stu", *["Dat"] * 3, *["Run"] * 6]
    assert [r.name for r in records if isinstance(r, DatasetRecord)] == ["real", "tiny", "told"]  # the study's order
    write_records([r for r in records if not (isinstance(r, RunRecord) and r.seed == 1)], tmp_path)
    assert len(read_records(tmp_path)) == len(records) - 3  # what is no longer there is removed


@pytest.mark.parametrize("content", ["{", "[]", '{"record": "run"}', '{"record": "study", "schema_version": 1}'])
def test_a_file_that_is_no_record_is_named(finished: Path, tmp_path: Path, content: str) -> None:
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    (tmp_path / "records" / "odd.json").write_text(content)
    with pytest.raises(DataError, match=r"odd\.json is not a record of version 3"):
        read_records(tmp_path / "records")


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no study\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize("name", ["real-100", "Base"])
def test_every_record_has_a_file_of_its_own(tmp_path: Path, name: str) -> None:
    """Also for a data set that is called as the real images' files are."""
    text = f"version: 1\ntask: photos\ndatasets: {{{name}: {{generator: pocket-base, images_per_class: 100}}}}\n"
    try:
        study = parse_study(text)
    except StudyError:
        return  # refusing the name is as good
    records = gather(make_plan(study), LocalStore(tmp_path))
    assert len({record_name(record) for record in records}) == len(records)


def test_what_was_not_made_is_missing_and_not_empty_numbers(tmp_path: Path) -> None:
    study = parse_study("version: 1\ntask: photos\ndatasets: {a: {generator: pocket-base, images_per_class: 9}}\n")
    records = gather(make_plan(study), LocalStore(tmp_path))
    rest = [r for r in records if not isinstance(r, StudyRecord)]
    assert {r.status for r in rest} == {"missing"}
    assert all(r.transfers == [] for r in rest if isinstance(r, RunRecord))
    assert all(r.measured == [] for r in rest if isinstance(r, DatasetRecord))


@pytest.mark.parametrize("change", ["no data set", "no seed", "no study"])
def test_records_of_another_study_are_named(finished: Path, tmp_path: Path, change: str) -> None:
    """Someone mixed two folders, or wrote into study.json."""
    shutil.copytree(finished / "out" / "records", tmp_path / "records")
    path = tmp_path / "records" / "study.json"
    content = json.loads(path.read_text("utf-8"))
    if change == "no data set":
        del content["file"]["datasets"]["told"]
    elif change == "no seed":
        content["file"]["train"]["seeds"] = [0]
    else:
        content["file"] = {}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"run the study again") as error:
        read_records(tmp_path / "records")
    assert "\n" not in str(error.value)
