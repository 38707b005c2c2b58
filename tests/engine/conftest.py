from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def planted_steps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`planted_steps`, importable here and, since workers inherit the search path, there."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("planted_steps")
