"""Studies that train `until: sure`: seeds are added, also after an interruption and on other workers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import PLANTED
from tests.runs import datasets, files_by_key, records, run_command, start

from prettyuseful.adaptive import largest_plan, needed_plan
from prettyuseful.analysis.summary import summarise
from prettyuseful.engine.events import Event, StepEvent
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import make_plan
from prettyuseful.records import RunRecord, read_records
from prettyuseful.run import estimate_cost, explain, make_steps, run_study, study_status, sweep_store
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study, parse_study

AT_MOST = 5


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory, shared_task: Path) -> Path:
    """Noise is compared with a mix of noise and real images; `apart` is in no planned comparison."""
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\nnumerics: {{micro_batch: 4}}\ndatasets:\n"
        f"  noise: {{generator: '{PLANTED}:Noise', images_per_class: 6, seed: 4, prompts: template}}\n"
        "  mixed: {mix: {real: 1, noise: 5}, control: noise}\n"
        "  apart: {mix: {real: 6}}\n"
        f"train: {{seeds: [0, 1], until: sure, at_most: {AT_MOST}}}\n"
    )
    return path


@pytest.fixture(scope="module")
def study(study_file: Path) -> Study:
    return load_study(study_file)


@pytest.fixture(scope="module")
def whole(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run; no test changes it."""
    folder = tmp_path_factory.mktemp("whole")
    store, out = ["--store", str(folder / "store")], ["--out", str(folder / "out")]
    run_command("run", str(study_file), *store, *out, "--workers", "1")
    return folder


def copy_without(whole: Path, labels: Container[str], study: Study, folder: Path) -> Path:
    """Copy a store as if these steps had not run yet, and none of seed 2 and above."""
    store = folder / "store"
    shutil.copytree(whole / "store", store)
    plan = make_plan(study)
    later = {key for run in plan.all_runs if run.seed > 1 for key in (run.train, *run.evaluations.values())}
    for key, step in plan.all_steps.items():
        if key in later or step.label in labels:
            (store / "manifests" / key[:2] / f"{key}.json").unlink(missing_ok=True)
    return store


def seeds_of(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in read_records(folder / "out" / "records"):
        if isinstance(record, RunRecord):
            found.setdefault(record.dataset, []).append(record.seed)
    return found


def assert_equal(folder: Path, whole: Path) -> None:
    assert datasets(folder) == datasets(whole) != {}
    assert records(folder) == records(whole)
    assert files_by_key(folder) == files_by_key(whole)


def test_seeds_are_added_for_planned_comparisons_alone(whole: Path) -> None:
    seeds = seeds_of(whole)
    assert seeds["real"] == seeds["apart"] == [0, 1]
    assert seeds["noise"] == seeds["mixed"]
    assert [0, 1, 2] <= seeds["noise"] == list(range(len(seeds["noise"])))
    summary = summarise(read_records(whole / "out" / "records"))
    assert summary.complete
    (planned,) = (pair for pair in summary.comparisons if pair.planned)
    assert planned.stopping is not None
    assert planned.stopping.looks == tuple(range(2, len(seeds["noise"]) + 1))
    assert planned.stopping.reason != "not finished"
    (sentence,) = (sentence for sentence in summary.answer if sentence.startswith("Pre-registered"))
    assert planned.stopping.words in sentence


def test_an_interrupted_study_ends_with_the_same_results(study: Study, whole: Path, tmp_path: Path) -> None:
    store = copy_without(whole, ["test small on noise, seed 1 on real"], study, tmp_path)
    assert planned_trainings(study, store) == 8

    def interrupt(event: Event) -> None:
        if isinstance(event, StepEvent) and event.kind == "finished" and event.step.label == of_noise:
            raise KeyboardInterrupt

    of_noise = "test small on noise, seed 2 on real"
    with pytest.raises(KeyboardInterrupt):
        run_study(study, store, tmp_path / "out", workers=1, on_event=interrupt)
    assert seeds_of(tmp_path)["noise"] == [0, 1, 2]
    assert planned_trainings(study, store) == 10
    summary = summarise(read_records(tmp_path / "out" / "records"))
    assert summary.problems == ("small on mixed, seed 2: missing",)
    missing = ["train small on mixed, seed 2", "test small on mixed, seed 2 on real"]
    assert [reason.step for reason in explain(study, store).reasons] == missing
    make_steps(study, store, workers=1)
    assert run_study(study, store, tmp_path / "out", workers=1).complete
    assert_equal(tmp_path, whole)


def planned_trainings(study: Study, store: Path) -> int:
    return next(kind.steps for kind in study_status(study, store).kinds if kind.kind == "train")


@pytest.mark.slow  # it needs an idle machine
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("options", [["--workers", "2"], ["--on", "ray"]], ids=["two workers", "Ray"])
def test_other_workers_give_the_same_results(options: list[str], study_file: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    started = start(["run", str(study_file), *options], folder, workers=None)
    assert started.wait(timeout=300) == 0, (folder / "log").read_text()
    assert_equal(folder, whole)


def test_a_finished_study_runs_no_step_and_writes_the_same_report(
    study: Study, study_file: Path, whole: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    run_study(study, whole / "store", tmp_path, workers=1, on_event=events.append)
    assert [event.kind for event in events] == ["planned"]
    report = (whole / "out" / "report.html").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == report
    run_command("report", str(whole / "out"), "--out", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == report
    assert explain(study, whole / "store").reasons == ()
    assert run_command("gc", str(study_file), "--store", str(whole / "store")).startswith("nothing to delete")


def test_more_seeds_than_were_needed_are_kept_in_the_store(study: Study, tmp_path: Path) -> None:
    """A plan with all seeds uses all of their steps, whichever the results ask for."""
    plan = make_plan(study)
    seeds = {(run.dataset, run.seed) for run in plan.all_runs if run.seed > 1}
    assert seeds == {(name, seed) for name in ("noise", "mixed") for seed in (2, 3, 4)}
    LocalStore(tmp_path)
    assert sweep_store([study], tmp_path).artifacts == 0
    assert plan.all_steps.keys() > plan.steps.keys()


def test_the_plan_has_the_least_and_the_most_steps(study: Study, study_file: Path, whole: Path, tmp_path: Path) -> None:
    cost = estimate_cost(study, tmp_path / "no store")
    assert cost.most is not None
    assert cost.most.steps == cost.steps + 2 * 2 * (AT_MOST - 2)
    assert {kind.kind: kind.steps for kind in cost.kinds}["train"] == 8
    assert cost.as_json()["at_most"]["steps"] == cost.most.steps
    assert estimate_cost(study, whole / "store").most is None
    text = run_command("plan", str(study_file), "--store", str(tmp_path / "no store"))
    assert f"2 to {AT_MOST} training seeds" in text
    assert f"{cost.steps} to {cost.most.steps}; at least" in " ".join(text.split())


def test_the_first_look_is_planned_like_a_study_with_fixed_seeds(study_file: Path, study: Study) -> None:
    fixed = parse_study(study_file.read_text().replace(f", until: sure, at_most: {AT_MOST}", ""))
    assert [*make_plan(study).steps] == [*make_plan(fixed).steps]
    plan = make_plan(fixed)
    assert needed_plan(plan, None) is plan
    assert largest_plan(plan, None) is plan
    assert estimate_cost(fixed, "no store").most is None


def test_a_failed_run_is_passed_over_and_not_repeated_at_every_look(
    study: Study, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = copy_without(whole, [], study, tmp_path)
    make, attempts = TrainSpec.make, []

    def fail_once(spec: TrainSpec, *arguments: Any) -> Any:
        attempts.append(spec.seed)
        if attempts.count(2) == 1 and spec.seed == 2:
            raise RuntimeError("no luck")
        return make(spec, *arguments)

    monkeypatch.setattr(TrainSpec, "make", fail_once)
    result = run_study(study, store, tmp_path / "out", workers=1)
    assert attempts.count(2) == 2  # of two data sets
    assert max(attempts) > 2
    (problem,) = result.summary.problems
    assert problem.startswith("small on noise, seed 2: failed")
    (planned,) = (pair for pair in result.summary.comparisons if pair.planned)
    assert planned.stopping is not None
    assert len(planned.to_real.seeds) == planned.stopping.looks[-1]
    assert json.loads((tmp_path / "out" / "records" / "study.json").read_text())["file"]["train"]["until"] == "sure"


def test_only_seeds_that_were_needed_can_be_missing(whole: Path) -> None:
    def problems(left_out: Iterable[tuple[str, int]]) -> list[str]:
        left_out = set(left_out)
        kept = [
            record
            for record in read_records(whole / "out" / "records")
            if not (isinstance(record, RunRecord) and (record.dataset, record.seed) in left_out)
        ]
        return [*summarise(kept).problems]

    assert problems(()) == []
    last = seeds_of(whole)["noise"][-1]
    assert problems({("noise", last)}) == [f"small on noise, seed {last}: its record is missing"]
    assert problems({("apart", 1)}) == ["small on apart, seed 1: its record is missing"]
