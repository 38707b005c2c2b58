"""Intermediate checkpoints: an interrupted training goes on, and on a CPU it ends with the weights it would have had.

A checkpoint is what `torch.save` writes and `weights_only` reads, named `v1-000012-<SHA-256 of its bytes>.pt`: the move
that publishes it publishes its checksum too.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from prettyuseful.engine.durable import fsync
from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import StepFailedError, StoreError, one_line

VERSION = 1
_KEPT = 2
_ANY = f"v*-{'[0-9]' * 6}-{'?' * 64}.pt"
_OWN = _ANY.replace("*", str(VERSION), 1)
# A draft this old, in seconds, was left by a process that died.
_STALE = 3600

# A tree of dicts, lists and tuples with tensors, numbers, strings and None as its leaves.
State = dict[str, Any]


class Checkpoints:
    """The last two checkpoints of one training, in a folder that is its alone.

    `every`: seconds from one to the next, so that saving costs little however short the epochs; when they were saved
    changes no weights. `warnings`: what `latest` had to pass over, one line each, for the user to see.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, every: float = 60.0) -> None:
        self.folder = folder
        self.every = every
        self.warnings: list[str] = []
        self._saved = time.monotonic()
        with _using(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass

    def due(self) -> bool:
        """True once `every` seconds have passed since the last checkpoint, or since the beginning."""
        return time.monotonic() - self._saved >= self.every

    def save(self, epoch: int, state: State) -> None:
        """Keeps the state after `epoch` epochs (0 to 999,999), durably; a process killed meanwhile leaves the last one.

        Raises:
            StoreError: it cannot be written.
        """
        with _using(self.folder):
            handle, name = tempfile.mkstemp(suffix=".draft", dir=self.folder)
            draft = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    torch.save(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self.folder / f"v{VERSION}-{epoch:06d}-{file_sha256(draft)}.pt")
                fsync(self.folder)
            finally:
                draft.unlink(missing_ok=True)
            self._tidy()
        self._saved = time.monotonic()

    def latest(self) -> tuple[int, State] | None:
        """The number of epochs done and the state after them, on the CPU; None if there is no whole checkpoint.

        A corrupted one is set aside, as `.corrupt`, and the one before is taken; one of another version is left alone.

        Raises:
            StoreError: the folder cannot be used.
        """
        corrupt, found = [], None
        with _using(self.folder):
            for path in sorted(self.folder.glob(_OWN), reverse=True):
                epoch, state = int(path.name.split("-")[1]), _read(path)
                if state is not None:
                    found = epoch, state
                    break
                corrupt.append(epoch)
                path.replace(path.with_suffix(".corrupt"))
        then = f"goes on from epoch {found[0]}" if found else "begins anew"
        self.warnings += [
            f"the checkpoint of epoch {epoch} in {self.folder} is corrupted; the training {then}" for epoch in corrupt
        ]
        self.warnings += [
            f"the checkpoint {path.name} in {self.folder} is of another version of prettyuseful and is ignored"
            for path in sorted(set(self.folder.glob(_ANY)) - set(self.folder.glob(_OWN)))
        ]
        return found

    def _tidy(self) -> None:
        old = sorted(self.folder.glob(_OWN))[:-_KEPT]
        stale = [path for path in self.folder.glob("*.draft") if time.time() - path.stat().st_mtime > _STALE]
        for path in (*old, *stale):
            path.unlink(missing_ok=True)


def training_state(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generators: Mapping[str, torch.Generator],
    average: nn.Module | None = None,
) -> State:
    """All that the rest of a training depends on, torch's global random numbers (dropout) among it.

    Its tensors are those in use, not copies: save it before the next step. `average`: a moving average of the weights.
    More may be added under other names, such as the lines of the log; `restore` does not look at it.
    """
    on_gpu: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "generators": {name: generator.get_state() for name, generator in generators.items()},
        "average": None if average is None else average.state_dict(),
        "random": torch.get_rng_state(),
        "cuda_random": torch.cuda.get_rng_state() if on_gpu else None,
    }


def restore(
    state: State,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generators: Mapping[str, torch.Generator],
    average: nn.Module | None = None,
) -> None:
    """Puts everything back where `training_state` took it from. `state` is used up: the optimiser takes its tensors.

    Raises:
        StepFailedError: the state is another training's.
    """
    try:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        for name in generators.keys() | state["generators"].keys():
            generators[name].set_state(state["generators"][name])
        if average is not None:
            average.load_state_dict(state["average"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = one_line(str(error))[:200]
        raise StepFailedError(f"the checkpoint is another training's ({reason}); delete it and run again") from error
    torch.set_rng_state(state["random"])
    if state["cuda_random"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda_random"])


def _read(path: Path) -> State | None:
    """The state in the file, or None if its bytes are not those that were written."""
    if file_sha256(path) != path.stem.split("-")[2]:
        return None
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError):
        return None


@contextmanager
def _using(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch.save may hide what the disk said behind an error of its own.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise StoreError(
            f"cannot keep checkpoints in {folder}: {cause.strerror or cause}; "
            "free some space or make the folder writable"
        ) from error
