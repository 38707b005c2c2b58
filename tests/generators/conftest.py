"""Tiny pipelines of every family in folders that no test changes, and a row for the one that has a refiner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.generators.own_call import KINDS, REFINED
from tests.generators.tiny import build

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import MODELS


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline."""
    root = tmp_path_factory.mktemp("families")
    return cache(lambda family: build(family, root / family))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def name_of(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The name under which a study finds the tiny model of a kind."""

    def name(kind: str) -> str:
        if kind != REFINED:
            return str(tiny(kind))
        row = replace(
            MODELS["sdxl-refiner"],
            id="tiny-refined",
            place=str(tiny("sdxl")),
            refiner=str(tiny("sdxl-refiner")),
            vendor=Sampling(steps=10, cfg=5.0),
            size=None,
            variant=None,
        )
        monkeypatch.setitem(MODELS, row.id, row)
        return row.id

    return name


@pytest.fixture
def name(name_of: Callable[[str], str], kind: str) -> str:
    return name_of(kind)


@pytest.fixture
def folders(tiny: Callable[[str], Path], kind: str) -> list[Path]:
    return [tiny("sdxl"), tiny("sdxl-refiner")] if kind == REFINED else [tiny(kind)]
