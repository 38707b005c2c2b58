"""The rows of the paper's thirteen models, and of three more with settings of its released code."""

from __future__ import annotations

import csv
from pathlib import Path

import prettyuseful
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.model_rows.paper import BUNDLED, PAPER

PAPER_MODELS = (
    *("sd-1.5", "sd-2.1", "sdxl", "sdxl-turbo", "sd3-medium", "sd3.5-medium", "sd3.5-large", "sd3.5-large-turbo"),
    *("flux.1-dev", "flux.1-schnell", "sana-1.6b", "lumina-2.0", "qwen-image"),
)


def published(name: str) -> list[dict[str, str]]:
    text = (Path(prettyuseful.__file__).parent / "analysis" / "published" / name).read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def test_the_group_has_the_models_of_the_paper_and_three_more() -> None:
    assert {model.id for model in PAPER} - set(PAPER_MODELS) == {"sd-2.0", "sdxl-refiner", "pixart-alpha"}
    assert all(model.id.startswith("pocket-") for model in BUNDLED)
    for name in PAPER_MODELS:
        paper = MODELS[name].paper
        assert paper is not None
        assert (paper.steps, paper.cfg, paper.size) != (None, None, None)
        assert paper.steps == (4 if name.endswith(("turbo", "schnell")) else 50)


def test_memory_and_time_of_every_model_of_the_group_are_counted() -> None:
    for model in PAPER:
        assert model.embedding is not None
        assert model.footprint is not None
        assert model.operations is not None


def test_published_values_use_the_ids_of_the_table() -> None:
    class_names = [row for row in published("transfer_class_names.csv") if row["model"] != "real"]
    assert {row["model"] for row in class_names} == set(PAPER_MODELS)
    assert {row["model"]: row["release"] for row in class_names} == {
        name: MODELS[name].released for name in PAPER_MODELS
    }
    for name in ("transfer_captions.csv", "density_coverage.csv"):
        assert {row["model"] for row in published(name)} <= set(PAPER_MODELS)
