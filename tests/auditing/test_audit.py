import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.auditing.colours import COLOURS, folder
from tests.cli.commands import call_here

from prettyuseful.auditing.audit import audit, plan_audit
from prettyuseful.auditing.result import NOT_MEASURED, Audit
from prettyuseful.errors import DataError, StoreError
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource


def command(places: Path, *options: str) -> subprocess.CompletedProcess[str]:
    given = ["--real", places / "real", "--synthetic", places / "fake", "--out", places / "out"]
    program = [sys.executable, "-c", "from prettyuseful.cli import main; main()", "audit", *map(str, given)]
    program += ["--store", str(places / "store"), *options]
    return subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)


def test_sets_are_cut_to_the_smallest_class_and_it_is_said(found: Audit) -> None:
    [one] = found.synthetic
    assert (found.images_per_class, one.images_per_class, one.left_out) == (10, 10, 8)
    assert "10 images per class, as many as fake has" in found.notes[0]


def test_the_three_transfers_are_there_for_all_and_for_each_class(found: Audit) -> None:
    [one] = found.synthetic
    for value in (one.synth_to_real, one.real_to_synth, found.real_to_real):
        assert value != NOT_MEASURED
        assert 0 <= value.low <= value.mean <= value.high <= 1
        assert len(value.seeds) == 3
    assert [result.name for result in one.per_class] == sorted(COLOURS)


def test_what_is_left_out_says_so(found: Audit) -> None:
    [one] = found.synthetic
    assert one.causes == one.difference == NOT_MEASURED
    assert any("Causes need" in note for note in found.notes)


def test_the_split_of_the_real_images_is_recorded(found: Audit) -> None:
    assert found.task.split.hold_out == 0.2
    assert found.task.split.seed == 0
    assert found.task.split.train + found.task.split.test == found.task.real_images == 60


def test_it_leaves_a_study_that_can_be_run_and_a_report(found: Audit, places: Path) -> None:
    assert list(load_study(places / "out" / "study.yaml").datasets) == ["fake"]
    assert Path(found.report).is_file()


def test_the_command_prints_one_json_document_and_nothing_is_made_twice(found: Audit, places: Path) -> None:
    done = command(places, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == found.as_json()


def test_a_gate_that_is_met_is_exit_code_1(found: Audit, places: Path) -> None:  # noqa: ARG001
    done = command(places, "--fail-if", "synth_to_real.mean >= 0 and per_class.red.synth_to_real.mean >= 0")
    assert done.returncode == 1
    assert "failed: fake: synth_to_real.mean is" in done.stderr


def real_source(place: Path, groups: Path | None = None) -> TaskSource:
    return TaskSource(real=str(place), groups=str(groups) if groups else None)


def test_other_classes_are_one_clear_line(places: Path, tmp_path: Path) -> None:
    other = folder(tmp_path / "other", {"red": 3, "green": 3}, 2)
    with pytest.raises(DataError, match="blue"):
        audit(places / "real", other, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_place_that_is_not_there_is_one_clear_line(places: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        plan_audit(real_source(places / "real"), [tmp_path / "nowhere"], "quick")


def test_folders_of_one_name_are_told_apart(places: Path) -> None:
    request = plan_audit(real_source(places / "real"), [places / "fake", places / "fake"], "full")
    assert list(request.study.datasets) == ["fake", "fake-2"]


def test_a_broken_image_is_one_clear_line_with_its_name(places: Path, tmp_path: Path) -> None:
    broken = folder(tmp_path / "broken", dict.fromkeys(COLOURS, 10), 3)
    (broken / "green" / "004.png").write_bytes(b"no image at all")
    with pytest.raises(DataError, match=r"green/004\.png"):
        audit(places / "real", broken, out=tmp_path / "out", store=tmp_path / "store")


def test_an_image_without_a_group_is_one_clear_line(places: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("path,group\nred/000.png,a\n", "utf-8")
    with pytest.raises(DataError, match=r"groups\.csv names no group of 59 of the 60 images"):
        plan_audit(real_source(places / "real", groups), [places / "fake"], "quick")


def test_a_file_where_the_results_should_go_is_one_clear_line(places: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way", "utf-8")
    with pytest.raises(StoreError, match="cannot write to"):
        audit(places / "real", places / "fake", out=tmp_path / "out", store=tmp_path / "store")


def test_parquet_shards_are_audited_as_folders_are(places: Path, found: Audit) -> None:
    shards = places / "out" / "datasets" / "fake"
    request = plan_audit(real_source(places / "real"), [shards], "quick")
    assert request.images_per_class == found.images_per_class
    assert request.left_out == {"fake": 0}


def test_one_image_per_class_is_enough_for_the_transfers_alone(tmp_path: Path) -> None:
    real, fake = (folder(tmp_path / name, dict.fromkeys(COLOURS, n), 4) for name, n in (("real", 10), ("fake", 1)))
    request = plan_audit(real_source(real), [fake], "quick")
    assert request.images_per_class == 1
    assert not request.study.diagnosis
    assert request.study.metrics == ()
    assert request.study.train.real_curve == ()
    assert len(request.notes) == 3


def test_an_audit_whose_every_run_fails_says_what_it_has(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr("prettyuseful.steps.classifiers.TrainSpec.make", broken)
    given = ("--real", places / "real", "--synthetic", places / "fake", "--fail-if", "synth_to_real.high < 0.5")
    found = call_here("audit", *given, "--out", tmp_path / "out", "--store", tmp_path / "store", "--workers", 1)
    assert found.returncode == 1
    assert "missing: " in found.stderr
    assert "every run failed; the first cause: " in found.stderr
    assert found.stdout.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert load_study(tmp_path / "out" / "study.yaml").datasets.keys() == {"fake"}
