"""What holds for every row of the table of models."""

from __future__ import annotations

import re
from dataclasses import fields

import diffusers
import pytest

from prettyuseful.generators.model import POCKET, Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.pipelines import check_requirements


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_every_row_is_complete(model: Model) -> None:
    assert MODELS[model.id] is model
    assert model.id == model.id.lower()
    assert model.licence
    assert model.facts
    assert set(model.unchecked) <= {field.name for field in fields(Model)}
    if model.path_or_id.startswith(POCKET):
        return
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.path_or_id)
    assert model.released is None or re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", model.released)
    assert model.size in (512, 768, 1024, 1328, 2048, None)
    if model.parameters is not None:
        assert 0 < model.parameters < 40
    if model.footprint is not None:
        # Two bytes per parameter, as counted from the configuration; buffers come on top.
        assert model.parameters is not None
        assert 0.97 < model.footprint.denoiser / (2e9 * model.parameters) < 1.12


def test_no_model_has_two_rows() -> None:
    places = [(model.path_or_id, tuple(model.components), model.few_step_weights) for model in MODELS.values()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_every_row_runs_with_the_installed_diffusers(model: Model) -> None:
    """Its pipeline exists and makes images from text; `test_settings` checks the settings of its vendor."""
    check_requirements(model.kind)
    assert hasattr(diffusers, model.kind.pipelines[0])
    assert model.vendor.steps is not None
    assert model.vendor.cfg is not None
