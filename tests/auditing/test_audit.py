import json
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.auditing.colours import COLOURS, write_class_folders
from tests.checks.pictures import clean, write_folder
from tests.cli.commands import call_here

from prettyuseful.auditing.audit import audit, plan_audit, prepared
from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import NOT_MEASURED, Audit
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError, StoreError, UnknownNameError
from prettyuseful.plan.study import make_plan
from prettyuseful.records import DatasetRecord, dataset_label, read_records
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource


def command(folders: Path, *options: str) -> subprocess.CompletedProcess[str]:
    images = ("--real", folders / "real", "--synthetic", folders / "fake")
    return call_here("audit", *images, "--out", folders / "out", "--store", folders / "store", *options)


@pytest.mark.integration
def test_every_class_keeps_its_images_and_is_compared_with_equally_many_real_ones(audit_result: Audit) -> None:
    [synthetic_set] = audit_result.synthetic
    used = ClassCounts([14, 14, 10])  # blue, green, red
    assert (audit_result.images_per_class, synthetic_set.images_per_class, synthetic_set.left_out) == (used, used, 0)
    assert audit_result.as_json()["images_per_class"] == [14, 14, 10]
    assert synthetic_set.real_to_real == audit_result.real_to_real
    assert "every class is cut to the smaller number of its images, 10 to 14." in audit_result.notes[0]
    assert "The class red has the fewest images: 10 images in fake." in audit_result.notes
    assert [row[:2] for row in audit_result.table_rows()[1:]] == [("real", "10 to 14"), ("fake", "10 to 14")]


def test_the_datasets_have_the_numbers_that_the_audit_states(audit_result: Audit, folders: Path) -> None:  # noqa: ARG001
    records = read_records(folders / "out" / "records")
    by_name = {record.name: record for record in records if isinstance(record, DatasetRecord)}
    assert by_name["real"].images_per_class == by_name["fake"].images_per_class == ClassCounts([14, 14, 10])
    for name, record in by_name.items():
        folder = folders / "out" / "datasets" / dataset_label(name, record.images_per_class)
        [file] = folder.glob("*.parquet")
        labels = pq.read_table(file).column("label").to_pylist()
        assert [labels.count(label) for label in range(3)] == [14, 14, 10]


def test_the_three_transfer_accuracies_are_reported_overall_and_per_class(audit_result: Audit) -> None:
    [synthetic_set] = audit_result.synthetic
    for value in (synthetic_set.synth_to_real, synthetic_set.real_to_synth, audit_result.real_to_real):
        assert value != NOT_MEASURED
        assert 0 <= value.low <= value.mean <= value.high <= 1
        assert len(value.seeds) == 3
    assert [result.name for result in synthetic_set.per_class] == sorted(COLOURS)


def test_unmeasured_results_are_marked(audit_result: Audit) -> None:
    [synthetic_set] = audit_result.synthetic
    assert synthetic_set.causes == synthetic_set.difference == NOT_MEASURED
    assert any("Causes were not diagnosed" in note for note in audit_result.notes)


def test_the_split_of_the_real_images_is_recorded(audit_result: Audit) -> None:
    assert audit_result.task.split.hold_out == 0.2
    assert audit_result.task.split.seed == 0
    assert audit_result.task.split.train + audit_result.task.split.test == audit_result.task.real_images == 60


def test_the_audit_writes_a_valid_study_and_a_report(audit_result: Audit, folders: Path) -> None:
    assert list(load_study(folders / "out" / "study.yaml").datasets) == ["fake"]
    assert Path(audit_result.report).is_file()


def test_the_command_prints_one_json_document_from_stored_results(audit_result: Audit, folders: Path) -> None:
    done = command(folders, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == audit_result.as_json()


def test_a_satisfied_condition_gives_exit_code_1(audit_result: Audit, folders: Path) -> None:  # noqa: ARG001
    done = command(folders, "--fail-if", "synth_to_real.mean >= 0 and per_class.red.synth_to_real.mean >= 0")
    assert done.returncode == 1
    assert "failed: fake: synth_to_real.mean is" in done.stderr


def real_source(folder: Path, groups: Path | None = None) -> TaskSource:
    return TaskSource(real=str(folder), groups=str(groups) if groups else None)


def test_a_missing_class_is_reported(folders: Path, tmp_path: Path) -> None:
    other = write_class_folders(tmp_path / "other", {"red": 3, "green": 3}, 2)
    with pytest.raises(DataError, match=r"'blue'.*leave such classes out with --min-per-class 1"):
        audit(folders / "real", other, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_missing_folder_is_rejected(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        plan_audit(real_source(folders / "real"), [tmp_path / "nowhere"], "quick")


def test_folders_with_the_same_name_get_different_data_set_names(folders: Path) -> None:
    request = plan_audit(real_source(folders / "real"), [folders / "fake", folders / "fake"], "full")
    assert list(request.study.datasets) == ["fake", "fake-2"]


def test_a_broken_image_is_reported_by_its_path(folders: Path, tmp_path: Path) -> None:
    broken = write_class_folders(tmp_path / "broken", dict.fromkeys(COLOURS, 10), 3)
    (broken / "green" / "004.png").write_bytes(b"no image at all")
    with pytest.raises(DataError, match=r"green/004\.png"):
        audit(folders / "real", broken, out=tmp_path / "out", store=tmp_path / "store")


def test_images_without_a_group_are_reported(folders: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("path,group\nred/000.png,a\n", "utf-8")
    with pytest.raises(DataError, match=r"groups\.csv has no group for 59 of the 60 images"):
        plan_audit(real_source(folders / "real", groups), [folders / "fake"], "quick")


def test_a_file_in_place_of_the_output_folder_is_reported(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="cannot write to"):
        audit(folders / "real", folders / "fake", out=tmp_path / "out", store=tmp_path / "store")


def test_parquet_shards_give_the_same_request_as_folders(folders: Path, audit_result: Audit) -> None:
    shards = folders / "out" / "datasets" / "fake"
    request = plan_audit(real_source(folders / "real"), [shards], "quick")
    assert request.images_per_class == {"fake": audit_result.images_per_class}
    assert request.left_out == {"fake": 0}


def test_with_one_image_per_class_only_transfer_accuracies_are_measured(tmp_path: Path) -> None:
    real, fake = (
        write_class_folders(tmp_path / name, dict.fromkeys(COLOURS, n), 4) for name, n in (("real", 10), ("fake", 1))
    )
    request = plan_audit(real_source(real), [fake], "quick")
    assert request.images_per_class == {"fake": ClassCounts(1)}
    assert request.left_out == {"fake": 0}
    assert not request.study.diagnosis
    assert request.study.metrics == ()
    assert request.study.train.real_curve == ()
    assert len(request.notes) == 4


def test_sets_of_different_numbers_do_not_limit_each_other(folders: Path, tmp_path: Path) -> None:
    few = write_class_folders(tmp_path / "few", {"red": 3, "green": 2, "blue": 3}, 5)
    (few / "misc").mkdir()
    (few / "red" / "000.png").rename(few / "misc" / "stray.png")
    write_class_folders(tmp_path / "more", {"red": 1}, 7)
    (tmp_path / "more" / "red" / "000.png").rename(few / "red" / "000.png")
    request = plan_audit(real_source(folders / "real"), [folders / "fake", few], "quick")
    assert request.images_per_class == {"fake": ClassCounts([14, 14, 10]), "few": ClassCounts([3, 2, 3])}
    assert request.left_out == {"fake": 0, "few": 1}
    assert "1 class of few is no class of the task and is left out: misc (1 image)." in request.notes
    plan = make_plan(request.study)
    real = [dataset.images_per_class for dataset in plan.datasets if dataset.name == "real"]
    assert real == [ClassCounts([3, 2, 3]), ClassCounts([14, 14, 10])]
    tested = {run.images_per_class: set(run.evaluations) for run in plan.runs if run.dataset == "real"}
    assert tested[real[0]] == {"real", "few"}
    assert tested[real[1]] == {"real", "fake"}


def test_small_classes_can_be_left_out(folders: Path, tmp_path: Path) -> None:
    few = write_class_folders(tmp_path / "few", {"red": 3, "green": 2}, 5)
    request = plan_audit(real_source(folders / "real"), [folders / "fake", few], "quick", min_per_class=1)
    assert request.task.classes == make_plan(request.study).task.classes == ("green", "red")
    assert request.images_per_class == {"fake": ClassCounts([14, 10]), "few": ClassCounts([2, 3])}
    assert any(
        "fewer than 1 image in a synthetic set" in note and "blue (0 images in few)" in note for note in request.notes
    )


def test_the_old_name_still_plans_an_audit(folders: Path) -> None:
    with pytest.warns(DeprecationWarning, match="plan_audit"):
        request = prepared(folders / "real", [folders / "fake"], None, None, "quick")
    assert request.study == plan_audit(real_source(folders / "real"), [folders / "fake"], "quick").study


def test_an_audit_in_which_every_run_fails_writes_its_partial_result(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr("prettyuseful.steps.classifiers.TrainSpec.make", broken)
    options = (
        "--real",
        folders / "real",
        "--synthetic",
        folders / "fake",
        "--fail-if",
        "synth_to_real.high < 0.5",
    )
    result = call_here("audit", *options, "--out", tmp_path / "out", "--store", tmp_path / "store", "--workers", 1)
    assert result.returncode == 1
    assert "missing: " in result.stderr
    assert "every run failed; the first cause: " in result.stderr
    assert result.stdout.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert load_study(tmp_path / "out" / "study.yaml").datasets.keys() == {"fake"}


def test_copies_of_test_images_and_black_images_are_named(tmp_path: Path) -> None:
    for folder, first, count in (("real", 0, 14), ("test", 1000, 12), ("fake", 2000, 12)):
        write_folder(tmp_path / folder, clean(first, count))
    write_folder(tmp_path / "fake", {"a/x.jpg": clean(1000)["a/000.jpg"], "b/y.png": Image.new("RGB", (48, 48))})
    source = TaskSource(real=str(tmp_path / "real"), test=str(tmp_path / "test"))
    result = audit(source, tmp_path / "fake", out=tmp_path / "out", store=tmp_path / "store", workers=1)
    assert result.answer[0] == (
        "1 of 14 images of fake (7.1%) is a copy of 1 of the 12 real test images, byte for byte."
    )
    assert result.warnings == ("1 of 14 images of fake (7.1%) has no contrast: 1 black.",)
    [synthetic_set] = result.synthetic
    assert result.data == synthetic_set.data
    assert isinstance(result.data, dict)
    assert result.data["leaked"] == result.data["without_contrast"] == 1
    assert "Before you trust the numbers" in Path(result.report).read_text("utf-8")
    assert Gate.parse("data.leaked > 0").satisfied_by(result) == ["fake: data.leaked is 1"]


def test_a_study_file_of_the_user_is_not_replaced(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("title: mine")
    source = TaskSource(real=str(folders / "real"))
    with pytest.raises(StoreError, match=r"study\.yaml is not a file of prettyuseful, and is not replaced"):
        audit(source, folders / "fake", out=tmp_path, store=folders / "store", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
    assert (tmp_path / "study.yaml").read_text() == "title: mine"


def test_long_names_of_folders_give_names_of_data_sets_that_fit_into_file_names(folders: Path, tmp_path: Path) -> None:
    long = [tmp_path / ("x" * 250 + end) for end in "ab"]
    for path in long:
        path.symlink_to(tmp_path / f"to-{path.name[:240]}{path.name[-1]}")
        shutil.copytree(folders / "fake", path.resolve())
    request = plan_audit(TaskSource(real=str(folders / "real")), long, "quick")
    assert [len(name) for name in request.study.datasets] == [80, 82]
    make_plan(request.study)


def test_an_experiment_adds_selections_of_every_set_and_its_results(folders: Path, tmp_path: Path) -> None:
    real, fake = folders / "real", folders / "fake"
    write_class_folders(tmp_path / "few", dict.fromkeys(COLOURS, 3), 2)
    request = plan_audit(TaskSource(real=str(real)), [fake, tmp_path / "few"], "quick", experiment="pretty")
    assert list(request.study.datasets) == ["fake", "fake.top", "fake.random-50", "fake.bottom", "few"]
    assert request.study.random_controls == dict.fromkeys(("fake.top", "fake.bottom"), "fake.random-50")
    assert request.study.metrics[-1] == "prettiness"
    assert "few has too few images in a class for the experiment pretty, so it is left out of it." in request.notes
    with pytest.raises(UnknownNameError, match="unknown experiment 'prety'; did you mean 'pretty'"):
        plan_audit(TaskSource(real=str(real)), [fake], "quick", experiment="prety")


@pytest.mark.slow
def test_an_audit_with_an_experiment_says_what_selections_give(folders: Path, tmp_path: Path) -> None:
    result = audit(
        folders / "real",
        folders / "fake",
        out=tmp_path / "out",
        store=folders / "store",
        workers=1,
        experiment="pretty",
    )
    assert [one.selection for one in result.selections] == [("fake.top",), ("fake.bottom",)]
    assert result.selections[0].words == "the prettier half of fake"
    assert result.answer[0].startswith("The prettier half of fake ")
    assert [entry.name for entry in result.synthetic] == ["fake"]
    assert Audit.model_validate_json(json.dumps(result.as_json())) == result
