"""Studies with `train.halving`: hopeless data sets are not generated, trained or measured in full."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PLANTED
from tests.runs import datasets, files_by_key, records, run_command

from prettyuseful.adaptive import expected_plan, largest_plan, needed_plan
from prettyuseful.analysis.summary import summarise
from prettyuseful.engine.events import Event, StepEvent
from prettyuseful.engine.execute import with_inputs
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import HELD_OUT, RunRecord, read_records
from prettyuseful.run import estimate_cost, explain, run_study, study_status, sweep_store
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.study.file import REAL, Study
from prettyuseful.study.reading import load_study, parse_study

NAMES = ("noise", "other", "third", "mixed", "apart", "changed")


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory, shared_task: Path) -> Path:
    """Six data sets: three of noise, and three that hold real images; `mixed` names one of noise as its control."""
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    noise = f"generator: '{PLANTED}:Noise', images_per_class: 9, prompts: template"
    path.write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: [coverage]\nencoders: [real-trained]\n"
        "numerics: {micro_batch: 2}\ndatasets:\n"
        f"  noise: {{{noise}}}\n"
        f"  other: {{{noise}, seed: 1000}}\n"
        f"  third: {{{noise}, seed: 2000}}\n"
        "  mixed: {mix: {real: 3, noise: 6}, control: noise}\n"
        "  apart: {mix: {real: 4}}\n"
        "  changed: {of: real, images_per_class: 4, transform: {kind: blur, width: 0.01}}\n"
        "train: {seeds: [0, 1], halving: {}}\n"
    )
    return path


@pytest.fixture(scope="module")
def study(study_file: Path) -> Study:
    return load_study(study_file)


@pytest.fixture(scope="module")
def whole(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run; no test changes it."""
    folder = tmp_path_factory.mktemp("whole")
    run_command(
        "run", str(study_file), "--store", str(folder / "store"), "--out", str(folder / "out"), "--workers", "1"
    )
    return folder


def runs_of(folder: Path) -> list[RunRecord]:
    return [record for record in read_records(folder / "out" / "records") if isinstance(record, RunRecord)]


def names_of(runs: Iterable[Any], rung: int | None) -> set[str]:
    return {run.dataset for run in runs if run.rung == rung and run.dataset != REAL}


def generated(plan: Plan, name: str) -> int:
    """Return the number of images of a data set that the steps of a plan generate."""
    steps = [step for step in plan.steps.values() if isinstance(step.spec, GenerateSpec)]
    return round(sum(step.units for step in steps if step.label.startswith(f"generate {name}:")))


def test_the_best_of_each_rung_go_on_with_their_controls(whole: Path) -> None:
    runs = runs_of(whole)
    assert names_of(runs, 1) == set(NAMES)
    second, last = names_of(runs, 2), names_of(runs, None)
    halving = summarise(read_records(whole / "out" / "records")).halving
    assert halving is not None
    assert halving.finished
    for rung, kept in zip(halving.rungs, (second, last), strict=True):
        assert set(rung.kept) == kept
        best = sorted(rung.accuracies, key=lambda name: -rung.accuracies[name].mean)[:2]
        assert kept - set(rung.controls) == set(best)
        assert ("mixed" not in kept) or ("noise" in kept)
    assert last <= second < set(NAMES)
    assert {dropped.dataset for dropped in halving.dropped} == set(NAMES) - last
    assert {run.seed for run in runs if run.rung} == {0}
    assert {run.seed for run in runs if run.is_result} == {0, 1}
    for run in runs:
        assert [test.tested_on for test in run.transfers][:1] == [HELD_OUT if run.rung else REAL]
    assert {dataset.stem for dataset in (whole / "out" / "records").glob("dataset@*")} >= {f"dataset@{n}" for n in last}
    assert not [*(whole / "out" / "records").glob(f"dataset@{halving.dropped[0].dataset}*")]


def test_a_generator_makes_only_the_images_of_the_rung(study: Study) -> None:
    plan = make_plan(study)
    # 1 of 9 images per class, in a micro-batch of 2.
    assert generated(plan, "other") == 2 * len(plan.task.classes)
    second = plan.at_rungs([NAMES, ["other", "third"]])
    assert generated(second, "other") == 4 * len(plan.task.classes)
    last = plan.at_rungs([NAMES, ["other", "third"], ["other"]])
    assert generated(last, "other") == 9 * len(plan.task.classes)
    assert generated(last, "third") == 4 * len(plan.task.classes)
    kept = [key for key, step in second.steps.items() if step.label.startswith("generate other:")]
    assert set(kept) <= last.steps.keys()  # a rung reuses the images of the one before


def test_no_test_image_and_no_training_image_decides_a_rung(study: Study) -> None:
    plan = make_plan(study)
    rung_keys = [run.evaluations[HELD_OUT] for run in plan.all_runs if run.rung]
    loads = [step.spec for step in with_inputs(plan.all_steps, rung_keys).values() if step.spec.kind.startswith("load")]
    assert {spec.split for spec in loads} == {"train"}  # type: ignore[attr-defined]
    (held_out,) = (spec for spec in loads if spec.kind == "load-further")
    assert held_out.skipped.smallest >= 4  # type: ignore[attr-defined]  # `apart` and `changed` use 4 in full


def test_an_interrupted_study_ends_with_the_same_results(study: Study, whole: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole / "store", store)
    plan = make_plan(study)
    for run in plan.all_runs:
        if run.rung != 1 and run.dataset != REAL:
            for key in (run.train, *run.evaluations.values()):
                (store / "manifests" / key[:2] / f"{key}.json").unlink(missing_ok=True)

    def interrupt(event: Event) -> None:
        if isinstance(event, StepEvent) and event.kind == "finished" and "rung 2" in event.step.label:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, store, tmp_path / "out", workers=1, on_event=interrupt)
    summary = summarise(read_records(tmp_path / "out" / "records"))
    assert summary.halving is not None
    assert not summary.halving.finished
    assert any("is not finished" in sentence for sentence in summary.answer)
    waiting = {reason.step for reason in explain(study, store).reasons}
    assert waiting
    assert all("rung 2" in step for step in waiting)
    assert study_status(study, store).kinds
    assert run_study(study, store, tmp_path / "out", workers=1).complete
    for read in (datasets, records, files_by_key):
        assert read(tmp_path) == read(whole) != {}


def test_a_finished_study_runs_no_step_and_sweeps_nothing(study: Study, whole: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    run_study(study, whole / "store", tmp_path, workers=1, on_event=events.append)
    assert [event.kind for event in events] == ["planned"]
    assert (tmp_path / "report.html").read_bytes() == (whole / "out" / "report.html").read_bytes()
    assert sweep_store([study], whole / "store").artifacts == 0


def test_the_report_names_every_stopped_data_set_and_says_that_it_was_not_measured(whole: Path) -> None:
    summary = summarise(read_records(whole / "out" / "records"))
    assert summary.complete
    assert summary.halving is not None
    (sentence,) = (sentence for sentence in summary.answer if "stopped" in sentence)
    assert f"{len(summary.halving.dropped)} of 6 data sets" in sentence
    assert "were not measured" in sentence
    text = (whole / "out" / "report.html").read_text()
    section = text[text.index('id="stopped"') : text.index('id="accuracy"')]
    for dropped in summary.halving.dropped:
        assert f'<th scope="row">{dropped.dataset}</th>' in section
        assert dropped.dataset not in [row.dataset for row in summary.rows]


def test_the_plan_has_an_expected_and_a_largest_cost(
    study: Study, study_file: Path, whole: Path, tmp_path: Path
) -> None:
    cost = estimate_cost(study, tmp_path / "no store")
    assert cost.most is not None
    assert cost.expected is not None
    assert cost.steps < cost.expected.steps <= cost.most.steps
    assert {"at_most", "expected"} <= cost.as_json().keys()
    assert estimate_cost(study, whole / "store").most is None
    text = " ".join(run_command("plan", str(study_file), "--store", str(tmp_path / "no store")).split())
    assert "11%, 33% of the images first" in text
    assert "expected:" in text
    store = LocalStore(whole / "store")
    plan = make_plan(study)
    assert needed_plan(plan, store).runs == largest_plan(plan, store).runs
    fixed = make_plan(study.model_copy(update={"train": study.train.model_copy(update={"halving": None})}))
    assert expected_plan(fixed, store) is None


def test_a_failed_run_of_a_rung_drops_its_data_set(
    study: Study, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = make_plan(study), tmp_path / "store"
    shutil.copytree(whole / "store", store)
    best = next(run for run in plan.runs if run.rung == 1 and run.dataset == "apart")
    for key in (best.train, *best.evaluations.values()):
        (store / "manifests" / key[:2] / f"{key}.json").unlink()

    def fail(*_: Any) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(TrainSpec, "make", fail)
    result = run_study(study, store, tmp_path / "out", workers=1)
    halving = result.summary.halving
    assert halving is not None
    (dropped,) = (dropped for dropped in halving.dropped if dropped.dataset == "apart")
    assert (dropped.rung, dropped.accuracy) == (1, None)
    assert any(problem.startswith("small on apart, rung 1, seed 0: failed") for problem in result.summary.problems)


def test_the_json_of_a_run_lists_what_was_stopped(study_file: Path, whole: Path, tmp_path: Path) -> None:
    command = ["run", str(study_file), "--store", str(whole / "store"), "--out", str(tmp_path), "--workers", "1"]
    halving = json.loads(run_command(*command, "--json"))["halving"]
    assert halving["finished"]
    assert [rung["rung"] for rung in halving["rungs"]] == [1, 2]
    assert len(halving["dropped"]) == 6 - len(halving["rungs"][-1]["kept"])
    assert {"accuracy", "behind", "clearly_worse", "rung"} <= halving["dropped"][0].keys()


def test_a_deleted_record_of_a_rung_is_missed(whole: Path) -> None:
    everything = read_records(whole / "out" / "records")
    kept = [r for r in everything if not (isinstance(r, RunRecord) and r.rung == 1 and r.dataset == "third")]
    assert "third, rung 1: its record is missing" in summarise(kept).problems


def test_epochs_as_the_budget(study_file: Path) -> None:
    plan = make_plan(parse_study(study_file.read_text().replace("halving: {}", "halving: epochs")))
    epochs = {
        run.rung: plan.all_steps[run.train].spec.recipe.epochs  # type: ignore[attr-defined]
        for run in plan.all_runs
        if run.dataset == "other"
    }
    assert epochs == {1: 2, 2: 4, None: 12}
    assert generated(plan, "other") == 9 * len(plan.task.classes)
