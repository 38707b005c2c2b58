"""A forecast from the study file to the report: seven tiny data sets, of which some have exchanged labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.commands import call_here, one_error
from tests.frozen import write_encoder
from tests.runs import records

from prettyuseful.analysis.summary import summarise
from prettyuseful.forecasting import run_forecast
from prettyuseful.records import StudyRecord, read_records
from prettyuseful.report.build import render
from prettyuseful.study.reading import load_study

pytestmark = pytest.mark.slow
COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200), "grey": (120, 120, 120)}
EXCHANGED = {"a": 0, "b": 2, "c": 4, "d": 3, "e": 0, "f": 4, "g": 2, "h": 3}
"""How many classes of each data set have the images of the next one."""


def write_images(folder: Path, exchanged: int, count: int, rng: np.random.Generator) -> None:
    names = list(COLOURS)
    moved = names[:exchanged]
    for name in names:
        shown = moved[(moved.index(name) + 1) % len(moved)] if name in moved else name
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.array(COLOURS[shown]) + rng.normal(0, 20, (16, 16, 3))
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / name / f"{index}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file and its images; the store and the results of a forecast."""
    folder, rng = tmp_path_factory.mktemp("forecast"), np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 14)):
        write_images(folder / "task" / split, 0, count, rng)
    for name, exchanged in EXCHANGED.items():
        write_images(folder / name, exchanged, 8, rng)
    encoder = write_encoder(folder)
    datasets = "".join(f"  {name}: {{generator: {name}, images_per_class: 8}}\n" for name in EXCHANGED)
    (folder / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: task}}\ntrain: {{seeds: [0]}}\nmetrics: [density]\nencoders: ['{encoder}']\n"
        f"datasets:\n{datasets}"
    )
    result = call_here("forecast", "study.yaml", "--train-best", 1, *options("out"), cwd=folder)
    assert result.returncode == 0, result.stderr
    (folder / "stdout").write_text(result.stdout)
    (folder / "stderr").write_text(result.stderr)
    return folder


def options(out: str) -> list[Any]:
    return ["--store", "store", "--out", out, "--workers", 1]


def study_record(folder: Path) -> StudyRecord:
    return next(record for record in read_records(folder / "records") if isinstance(record, StudyRecord))


def test_few_data_sets_are_trained_and_the_best_of_the_others_is_too(folder: Path) -> None:
    chosen = study_record(folder / "out").forecast
    assert chosen is not None
    assert len(chosen.first) == 6
    [best] = chosen.best
    trained = {path.name.split("@")[1] for path in (folder / "out" / "records").glob("run@*.json")}
    assert trained == {"real", *chosen.first, best}
    [other] = set(EXCHANGED) - trained
    assert EXCHANGED[best] <= EXCHANGED[other]
    text = (folder / "stdout").read_text()
    assert "The accuracy of 2 data sets is forecast from 6 that were trained." in text
    assert " of 1 measured accuracies lie within their prediction intervals." in text
    assert "training 6 of 8 data sets, to learn from" in (folder / "stderr").read_text()


def test_repeating_it_computes_nothing_and_gives_the_same_bytes(folder: Path) -> None:
    result = call_here("forecast", "study.yaml", "--train-best", 1, "--json", *options("again"), cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "0 of" in result.stderr
    assert records(folder, "again") == records(folder)
    assert (folder / "again" / "report.html").read_bytes() == (folder / "out" / "report.html").read_bytes()
    content = json.loads(result.stdout)
    assert content["complete"] is True
    found = content["forecast"]
    assert found["refused"] is None
    assert 0 <= found["skill"]["error"] < found["skill"]["mean_error"]
    assert len(found["forecasts"]) == 2
    assert {"forecast", "measured", "dataset"} == found["forecasts"][0].keys()
    assert found["forecasts"][0]["measured"] is not None
    assert {"real-to-synth", "linear-probe", "density", "frechet"} <= {row["name"] for row in found["predictors"]}


def test_the_report_is_rebuilt_from_records(folder: Path) -> None:
    page = render(summarise(read_records(folder / "out" / "records")))
    assert page == (folder / "out" / "report.html").read_text("utf-8")
    assert '<section id="forecast">' in page


def test_without_training_the_best_the_first_ones_are_the_same(folder: Path) -> None:
    result = run_forecast(load_study(folder / "study.yaml"), folder / "store", folder / "less", first=6, workers=1)
    assert result.summary.forecast is not None
    assert result.summary.forecast.trained_best == ()
    chosen = study_record(folder / "out").forecast
    assert chosen is not None
    assert list(result.summary.forecast.first) == chosen.first


def test_too_few_data_sets_to_choose_from_are_one_error(folder: Path) -> None:
    result = call_here("forecast", "study.yaml", "--first", 8, *options("many"), cwd=folder)
    assert "--first is 8; choose 6 to 7 of the 8 data sets" in one_error(result)
