"""Checkpoints of a training, so that it can resume after an interruption; on a CPU the final weights stay the same.

A checkpoint is a file of `torch.save` (readable with `weights_only`), named `v1-000012-<SHA-256 of its bytes>.pt`. So a
single rename publishes the file together with its checksum. Files of other names, links and pipes in its folder are
neither read nor deleted.
"""

from __future__ import annotations

import copy
import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from prettyuseful.engine.atomic import fsync
from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import StepFailedError, StoreError
from prettyuseful.redaction import redact_line

VERSION = 1
_MAX_KEPT = 2
_ANY_VERSION = re.compile(r"v\d+-\d{6}-[0-9a-f]{64}\.pt", re.ASCII)
_CURRENT_VERSION = re.compile(rf"v{VERSION}-\d{{6}}-[0-9a-f]{{64}}\.pt", re.ASCII)
_DRAFT = re.compile(r"tmp[a-z0-9_]{8}\.draft")
# Age in seconds at which a draft must come from a killed process.
_STALE = 3600

# Nested dicts, lists and tuples of tensors, numbers, strings and None.
State = dict[str, Any]
T = TypeVar("T")


class Checkpoints:
    """The last two checkpoints of a training, in a folder of its own.

    `folder`: the folder; it is created if missing. `every`: least number of seconds between checkpoints, so that saving
    costs little even with short epochs. `warnings`: messages for the user about checkpoints that `latest` ignored.

    Raises:
        StoreError: the folder cannot be created or written, or is a link to another folder.
    """

    def __init__(self, folder: Path, every: float = 60.0) -> None:
        self.folder = folder
        self.every = every
        self.warnings: list[str] = []
        self._saved = time.monotonic()
        with _catch_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink():
                raise StoreError(f"the folder of checkpoints {folder} is a symbolic link; delete the link")
            with tempfile.TemporaryFile(dir=folder):
                pass

    def is_due(self) -> bool:
        """Return whether `every` seconds have passed since the last checkpoint, or since the start."""
        return time.monotonic() - self._saved >= self.every

    def save(self, epoch: int, state: State) -> None:
        """Save the state after `epoch` epochs (0 to 999,999).

        If the process is killed meanwhile, the previous checkpoint remains.

        Raises:
            StoreError: the file cannot be written.
        """
        with _catch_disk_errors(self.folder):
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
            self._delete_old_files()
        self._saved = time.monotonic()

    def latest(self) -> tuple[int, State] | None:
        """Return the number of finished epochs and the state after them, on the CPU; None if there is no checkpoint.

        A corrupted checkpoint is renamed to `.corrupt`, and the previous one is used. Checkpoints of other versions are
        ignored.

        Raises:
            StoreError: the folder cannot be read or written.
        """
        corrupt, latest = [], None
        with _catch_disk_errors(self.folder):
            for path in reversed(self._files(_CURRENT_VERSION)):
                epoch, state = int(path.name.split("-")[1]), _read(path)
                if state is not None:
                    latest = epoch, state
                    break
                corrupt.append(epoch)
                path.replace(path.with_suffix(".corrupt"))
        then = f"resumes from epoch {latest[0]}" if latest else "starts again"
        self.warnings += [
            f"the checkpoint of epoch {epoch} in {self.folder} is corrupted; the training {then}" for epoch in corrupt
        ]
        self.warnings += [
            f"the checkpoint {path.name} in {self.folder} was written by another version of prettyuseful and is ignored"
            for path in self._files(_ANY_VERSION)
            if not _CURRENT_VERSION.fullmatch(path.name)
        ]
        return latest

    def discard(self, epoch: int, problem: str) -> None:
        """Rename the checkpoint of an epoch to `.corrupt`, because its state cannot be used.

        Raises:
            StoreError: the folder cannot be written.
        """
        with _catch_disk_errors(self.folder):
            for path in self._files(_CURRENT_VERSION):
                if int(path.name.split("-")[1]) == epoch:
                    path.replace(path.with_suffix(".corrupt"))
        self.warnings.append(f"the checkpoint of epoch {epoch} in {self.folder} is not used: {problem}")

    def _files(self, name: re.Pattern[str]) -> list[Path]:
        """Return the regular files with names of this form, in the order of their names."""
        with os.scandir(self.folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            )

    def _delete_old_files(self) -> None:
        old = self._files(_CURRENT_VERSION)[:-_MAX_KEPT]
        stale = [path for path in self._files(_DRAFT) if time.time() - path.stat().st_mtime > _STALE]
        for path in (*old, *stale):
            path.unlink(missing_ok=True)


def training_state(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generators: Mapping[str, torch.Generator],
    average: nn.Module | None = None,
) -> State:
    """Return everything that the remaining training depends on, including torch's global random state (dropout).

    The tensors are not copied, so save the state before the next step. Callers may add further entries, such as the
    lines of the log; `restore` ignores them.

    Args:
        model: network in training.
        optimiser: its optimiser.
        schedule: learning rate schedule of the optimiser.
        generators: random generators, by name.
        average: moving average of the weights, if there is one.
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
    """Load a state of `training_state` into the same objects. The optimiser keeps the tensors of `state`.

    Raises:
        StepFailedError: the state does not fit the objects, because it belongs to another training. They may have parts
            of it.
    """
    try:
        if not is_like(state["schedule"], schedule.state_dict()):
            raise ValueError("another schedule")
        if not is_like(state["optimiser"].get("param_groups"), optimiser.state_dict()["param_groups"]):
            raise ValueError("another optimiser")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        for name in generators.keys() | state["generators"].keys():
            generators[name].set_state(state["generators"][name])
        if average is not None:
            average.load_state_dict(state["average"])
        torch.set_rng_state(state["random"])
        if state["cuda_random"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["cuda_random"])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        reason = redact_line(str(error), 200)
        raise StepFailedError(
            f"the checkpoint belongs to another training ({reason}); delete it and run again"
        ) from error


def resume(
    checkpoints: Checkpoints,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generators: Mapping[str, torch.Generator],
    read: Callable[[int, State], T],
) -> tuple[int, T] | None:
    """Continue from the latest checkpoint that fits; return its number and what `read` returns; None without one.

    A checkpoint may come from anybody. If it does not fit, the state before it is restored, and it is discarded.

    Args:
        checkpoints: those of the training.
        model, optimiser, schedule, generators: see `training_state`.
        read: returns the further entries of a state that are needed, given the number of the checkpoint and the state;
            raises StepFailedError if they do not fit.
    """
    if (latest := checkpoints.latest()) is None:
        return None
    start = copy.deepcopy(training_state(model, optimiser, schedule, generators))
    while latest is not None:
        number, state = latest
        try:
            restore(state, model, optimiser, schedule, generators)
            return number, read(number, state)
        except StepFailedError as error:
            restore(start, model, optimiser, schedule, generators)
            checkpoints.discard(number, str(error))
        latest = checkpoints.latest()
    return None


def is_like(value: Any, own: Any) -> bool:
    """Return whether data has the keys, the lengths, and the kinds of values of our own."""
    if isinstance(own, dict):
        has_keys = isinstance(value, dict) and value.keys() == own.keys()
        return has_keys and all(is_like(value[key], own[key]) for key in own)
    if isinstance(own, (list, tuple)):
        return isinstance(value, type(own)) and len(value) == len(own) and all(map(is_like, value, own))
    if isinstance(own, torch.Tensor):
        return isinstance(value, torch.Tensor) and (value.shape, value.dtype) == (own.shape, own.dtype)
    if isinstance(own, (int, float)):
        return isinstance(value, (int, float)) and math.isfinite(value)
    return type(value) is type(own)


def _read(path: Path) -> State | None:
    """Return the state in the file, or None if the file is corrupted."""
    if file_sha256(path) != path.stem.split("-")[2]:
        return None
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, MemoryError):
        raise
    except Exception:  # bytes that nobody wrote as a checkpoint make the unpickler raise anything
        return None


@contextmanager
def _catch_disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch.save may wrap the OSError.
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise StoreError(
            f"cannot write checkpoints to {folder}: {cause.strerror or cause}; "
            "free some space or make the folder writable"
        ) from error
