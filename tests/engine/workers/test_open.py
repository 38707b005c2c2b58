from __future__ import annotations

import os
from pathlib import Path

import pytest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.engine.workers.open import local_width, open_workers
from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_local_workers_are_as_many_as_named_or_as_the_cores_carry(store: LocalStore) -> None:
    for named, width in ((3, 3), (None, local_width(Numerics()))):
        workers = open_workers("local", store, Numerics(), named)
        assert isinstance(workers, LocalWorkers)
        assert workers.width == width


def test_steps_share_the_cores_by_their_threads_and_an_accelerator_takes_one() -> None:
    cores = os.cpu_count() or 1
    assert local_width(Numerics(threads=1)) == cores
    assert local_width(Numerics(threads=cores)) == 1
    assert local_width(Numerics(threads=cores + 1)) == 1
    assert local_width(Numerics(device="cuda")) == 1


@pytest.mark.parametrize(("on", "width"), [("rai", None), ("http://x", None), ("ray", 2)])
def test_a_wrong_place_is_told(store: LocalStore, on: str, width: int | None) -> None:
    with pytest.raises(StudyError, match=r"^--"):
        open_workers(on, store, Numerics(), width)
