"""Tiny pipelines of every family in shared read-only folders, and a row for the one with a refiner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.generators.reference_pipelines import KINDS, REFINED
from tests.generators.tiny import build

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.components import Component
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.variants import NO_VARIANT


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the folder of the tiny pipeline of a family."""
    root = tmp_path_factory.mktemp("families")
    return cache(lambda family: build(family, root / family))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tiny_model_name(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Returns the name of the tiny model of a kind for study files."""

    def name(kind: str) -> str:
        if kind != REFINED:
            return str(tiny(kind))
        row = replace(
            MODELS["sdxl-refiner"],
            id="tiny-refined",
            path_or_id=str(tiny("sdxl")),
            components={"refiner": Component(path=str(tiny("sdxl-refiner")))},
            vendor=Sampling(steps=10, cfg=5.0),
            size=None,
            variant=NO_VARIANT,
        )
        monkeypatch.setitem(MODELS, row.id, row)
        return row.id

    return name


@pytest.fixture
def name(tiny_model_name: Callable[[str], str], kind: str) -> str:
    return tiny_model_name(kind)


@pytest.fixture
def folders(tiny: Callable[[str], Path], kind: str) -> list[Path]:
    return [tiny("sdxl"), tiny("sdxl-refiner")] if kind == REFINED else [tiny(kind)]
