from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def planted_steps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module `planted_steps`, importable in this process and in workers, which inherit the module path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("planted_steps")
