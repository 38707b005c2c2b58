from __future__ import annotations

import os
from pathlib import Path

import pytest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.engine.workers.open import local_parallelism, open_workers, visible_gpus
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


@pytest.mark.parametrize(
    ("environment", "count", "names"),
    [
        (None, 0, ()),
        (None, 2, ("0", "1")),
        ("3, 5", 2, ("3", "5")),
        ("", 0, ()),
        ("3,5,-1,7", 2, ("3", "5")),
        ("MIG-a1", 1, ("MIG-a1",)),
    ],
)
def test_a_study_on_gpus_uses_each_visible_one(
    monkeypatch: pytest.MonkeyPatch, environment: str | None, count: int, names: tuple[str, ...]
) -> None:
    if environment is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", environment)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    assert visible_gpus(Numerics(device="cuda")) == names
    assert visible_gpus(Numerics()) == ()
    cores = os.cpu_count() or 1
    assert local_parallelism(Numerics(device="cuda", threads=cores)) == max(1, count)
    assert local_parallelism(Numerics(device="cuda")) == max(cores, count)


@pytest.mark.parametrize(("on", "width"), [("rai", None), ("http://x", None), ("ray", 2)])
def test_invalid_workers_are_rejected(store: LocalStore, on: str, width: int | None) -> None:
    with pytest.raises(StudyError, match=r"--(on|workers)"):
        open_workers(on, store, Numerics(), width)
