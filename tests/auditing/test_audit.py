import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.auditing.colours import COLOURS, write_class_folders
from tests.cli.commands import call_here

from prettyuseful.auditing.audit import audit, plan_audit
from prettyuseful.auditing.result import NOT_MEASURED, Audit
from prettyuseful.errors import DataError, StoreError
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource


def command(folders: Path, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [
        "--real",
        folders / "real",
        "--synthetic",
        folders / "fake",
        "--out",
        folders / "out",
    ]
    program = [sys.executable, "-c", "from prettyuseful.cli import main; main()", "audit", *map(str, arguments)]
    program += ["--store", str(folders / "store"), *options]
    return subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)


def test_data_sets_are_limited_to_the_smallest_class(audit_result: Audit) -> None:
    [synthetic_set] = audit_result.synthetic
    assert (audit_result.images_per_class, synthetic_set.images_per_class, synthetic_set.left_out) == (10, 10, 8)
    assert "limited to 10 images per class, the number that fake has" in audit_result.notes[0]


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
    with pytest.raises(DataError, match="blue"):
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
    assert request.images_per_class == audit_result.images_per_class
    assert request.left_out == {"fake": 0}


def test_with_one_image_per_class_only_transfer_accuracies_are_measured(tmp_path: Path) -> None:
    real, fake = (
        write_class_folders(tmp_path / name, dict.fromkeys(COLOURS, n), 4) for name, n in (("real", 10), ("fake", 1))
    )
    request = plan_audit(real_source(real), [fake], "quick")
    assert request.images_per_class == 1
    assert not request.study.diagnosis
    assert request.study.metrics == ()
    assert request.study.train.real_curve == ()
    assert len(request.notes) == 3


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
