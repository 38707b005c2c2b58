from __future__ import annotations

import os
from pathlib import Path

import pytest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.engine.workers.open import local_parallelism, open_workers
from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_number_of_local_workers(store: LocalStore) -> None:
    for requested, width in ((3, 3), (None, local_parallelism(Numerics()))):
        workers = open_workers("local", store, Numerics(), requested)
        assert isinstance(workers, LocalWorkers)
        assert workers.width == width


def test_local_parallelism_depends_on_threads_and_device() -> None:
    cores = os.cpu_count() or 1
    assert local_parallelism(Numerics(threads=1)) == cores
    assert local_parallelism(Numerics(threads=cores)) == 1
    assert local_parallelism(Numerics(threads=cores + 1)) == 1
    assert local_parallelism(Numerics(device="cuda")) == 1


@pytest.mark.parametrize(("on", "width"), [("rai", None), ("http://x", None), ("ray", 2)])
def test_invalid_workers_are_rejected(store: LocalStore, on: str, width: int | None) -> None:
    with pytest.raises(StudyError, match=r"--(on|workers)"):
        open_workers(on, store, Numerics(), width)
