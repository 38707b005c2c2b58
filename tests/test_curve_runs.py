"""Studies with a curve of mixtures, from images to the answer: seeds are added, also after an interruption."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.frozen import write_encoder
from tests.runs import files_by_key, records, run_command

from prettyuseful.adaptive import largest_plan, needed_plan
from prettyuseful.engine.events import Event, StepEvent
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import make_plan
from prettyuseful.run import estimate_cost, explain, run_study, study_status
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study

COLOURS = {"blue": (110, 100, 130), "red": (130, 100, 110)}
AT_MOST = 6


@pytest.fixture(scope="module")
def study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of colours that overlap; `same` has images like the real ones, `wrong` has wrong labels."""
    root, rng = tmp_path_factory.mktemp("curve"), np.random.default_rng(0)
    for part, count in (("real", 32), ("test", 40), ("same", 24), ("wrong", 24)):
        for label, other in (("blue", "red"), ("red", "blue")):
            (root / part / label).mkdir(parents=True)
            colour = COLOURS[other if part == "wrong" else label]
            for i in range(count):
                pixels = rng.normal(np.array(colour) + rng.normal(0, 25, 3), 20, (16, 16, 3))
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / part / label / f"{i}.png")
    path = root / "study.yaml"
    path.write_text(
        f"version: 1\ntask: {{real: {root / 'real'}, test: {root / 'test'}}}\nmetrics: []\ndatasets:\n"
        f"  same: {{generator: {root / 'same'}, images_per_class: 24}}\n"
        f"  wrong: {{generator: {root / 'wrong'}, images_per_class: 24}}\n"
        f'train: {{seeds: [0, 1, 2], architectures: ["{write_encoder(root)}"], recipes: [frozen-features]}}\n'
        f"curve: {{real: [2, 8], synthetic: [0, 4, 24], precision: 4, at_most: {AT_MOST}}}\n"
    )
    return path


@pytest.fixture(scope="module")
def study(study_file: Path) -> Study:
    return load_study(study_file)


@pytest.fixture(scope="module")
def whole(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run; no test changes it."""
    folder = tmp_path_factory.mktemp("whole")
    run_command("run", str(study_file), *in_folder(folder))
    return folder


def in_folder(folder: Path) -> list[str]:
    return ["--store", str(folder / "store"), "--out", str(folder / "out"), "--workers", "1"]


def result(study_file: Path, folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(run_command("run", str(study_file), *in_folder(folder), "--json"))
    return content


def test_wrong_labels_are_not_added_to_many_real_images(study_file: Path, whole: Path) -> None:
    same, wrong = result(study_file, whole)["mixing"]
    assert (same["dataset"], wrong["dataset"], same["fixed"]) == ("same", "wrong", None)
    assert [row["real"] for row in wrong["rows"]] == [2, 8]
    assert all(row["best"] == 0 for row in wrong["rows"])
    assert wrong["rows"][1]["harms_beyond"] is not None
    assert same["looks"] == 2


def test_the_answer_and_the_report_come_from_records_alone(study_file: Path, whole: Path) -> None:
    content = result(study_file, whole)
    assert any(
        sentence.startswith("With 8 real images per class, add none of wrong: ") for sentence in content["answer"]
    )
    page = (whole / "out" / "report.html").read_bytes()
    run_command("report", str(whole / "out"), "--out", str(whole / "again.html"))
    assert (whole / "again.html").read_bytes() == page
    assert b"add none of wrong" in page


def test_seeds_are_added_where_gains_are_not_precise(study: Study, whole: Path) -> None:
    plan = needed_plan(make_plan(study), LocalStore(whole / "store"))
    seeds = {run.seed for run in plan.runs if run.mixed}
    assert {0, 1, 2} < seeds <= set(range(AT_MOST))
    assert {run.seed for run in plan.runs if run.mixed is None} == {0, 1, 2}
    assert explain(study, whole / "store").reasons == ()
    assert len(largest_plan(plan, LocalStore(whole / "store")).runs) == len(plan.runs)


def test_an_interrupted_study_ends_with_the_same_results(study: Study, whole: Path, tmp_path: Path) -> None:
    plan = make_plan(study)
    store = tmp_path / "store"
    shutil.copytree(whole / "store", store)
    for run in plan.all_runs:
        for key in (run.train, *run.evaluations.values()) if run.mixed else ():
            (store / "manifests" / key[:2] / f"{key}.json").unlink(missing_ok=True)
    done = 0

    def interrupt(event: Event) -> None:
        nonlocal done
        done += isinstance(event, StepEvent) and event.kind == "finished"
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(study, store, tmp_path / "out", workers=1, on_event=interrupt)
    assert estimate_cost(study, store).most is not None
    assert any(kind.waiting for kind in study_status(study, store).kinds)
    assert run_study(study, store, tmp_path / "out", workers=1).complete
    assert records(tmp_path) == records(whole)
    assert files_by_key(tmp_path) == files_by_key(whole)
