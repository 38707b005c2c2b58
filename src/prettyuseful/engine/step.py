"""One node of the plan: what it is (a spec), what it needs (keys), and how it becomes an artifact."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import KEYED, Pinned
from prettyuseful.engine.store.base import Artifact, FileEntry, Manifest, Store
from prettyuseful.errors import CorruptArtifactError, PrettyUsefulError, StepFailedError, StoreError, one_line
from prettyuseful.numerics import Numerics, environment, linear_algebra_threads
from prettyuseful.redaction import redacted

Progress = Callable[[float], None]
Item = TypeVar("Item")
_TELL = 64  # items from one word to the next
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Resources:
    """What a step takes of a machine: CPU threads, accelerators, and bytes of main memory (0: not known)."""

    threads: int = 1
    gpus: int = 0
    memory: int = 0


@dataclass
class Job:
    """What a running step is given: inputs by name, an empty folder for its files, and a way to say how far it is.

    `checkpoint_dir` is where it may keep what lets it go on after an interruption; see `Store.checkpoint_dir`.
    """

    inputs: Mapping[str, Artifact]
    folder: Path
    checkpoint_dir: Path
    progress: Progress
    adopted: list[FileEntry] = field(default_factory=list)

    def followed(self, items: Iterable[Item], count: int) -> Iterator[Item]:
        """The items, while `progress` is told how many of `count` are through."""
        for done, item in enumerate(items, 1):
            yield item
            if done % _TELL == 0:
                self.progress(min(1.0, done / count))

    def adopt(self, name: str, entry: FileEntry) -> None:
        """Makes a file of an input a file of this artifact too, without a copy."""
        self.adopted.append(entry.model_copy(update={"name": name}))


class StepSpec(BaseModel, ABC):
    """Every field that changes the content of a step's artifact, and nothing else.

    `kind` names the step; `version` rises when equal fields would give other bytes than before. What a step reads from
    outside the store is a `Pinned` field. `pace`: seconds per unit of work on two slow cores, assumed until a store has
    measured steps of the same rate class. `grows`: whether the bytes it leaves grow with its units. `generates`:
    whether its units are generated images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    version: ClassVar[int] = 1
    pace: ClassVar[float]
    grows: ClassVar[bool] = True
    generates: ClassVar[bool] = False

    @abstractmethod
    def make(self, job: Job) -> dict[str, Any]:
        """Writes the artifact's files into `job.folder`; returns small facts about them for the manifest."""

    @property
    def rate_class(self) -> str:
        """Steps of one rate class take equal time per unit of work."""
        return self.kind

    @property
    def assumed_pace(self) -> float | None:
        """`pace`, or None for a model whose pace cannot be assumed before it has been measured."""
        return self.pace

    @property
    def needs(self) -> Resources:
        """What its numerics say that it takes."""
        numerics = getattr(self, "numerics", None)
        if not isinstance(numerics, Numerics):
            return Resources()
        return Resources(threads=numerics.threads, gpus=int(numerics.device == "cuda"))

    def pinned(self) -> Iterator[Pinned[Any]]:
        """What the step reads from outside the store."""
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Pinned):
                yield value

    def keyed(self) -> dict[str, Any]:
        """What of the spec is in the key: all of it, of pinned things their content."""
        return self.model_dump(mode="json", context={KEYED: True})


@dataclass(frozen=True)
class Step:
    """A spec with the keys it is made from. `label` is for people; `units` is the work, in the unit of its kind."""

    spec: StepSpec
    inputs: Mapping[str, str]
    label: str
    units: float

    @cached_property
    def key(self) -> str:
        spec = self.spec
        return digest([spec.kind, spec.version, spec.keyed(), dict(self.inputs)])


def run_step(step: Step, store: Store, progress: Progress) -> Manifest | None:
    """Makes the step's artifact unless it is there; None if another process is at it.

    What it raises may be shown and kept: secrets of this machine have been taken out.

    Raises:
        CorruptArtifactError: an input is not in the store, or not whole.
        StoreError: the store cannot be written, or the disk with temporary files is full.
        PrettyUsefulError: what the step says; StepFailedError for what is not an error of ours.
    """
    try:
        return _run_step(step, store, progress)
    except PrettyUsefulError as error:
        error.args = (redacted(str(error)), *error.args[1:])
        raise
    except Exception as error:  # libraries, and classes of users, may raise anything, even what cannot be pickled
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StoreError(
                f"{step.label}: no space left for {error.filename or tempfile.gettempdir()}; free some, or name "
                "another folder for temporary files with TMPDIR"
            ) from error
        raise StepFailedError(redacted(one_line(f"{type(error).__name__}: {error}"))) from error


def _run_step(step: Step, store: Store, progress: Progress) -> Manifest | None:
    if (done := store.read(step.key)) is not None:
        return done.manifest
    with store.claim(step.key) as mine:
        if not mine:
            return None
        if (done := store.read(step.key)) is not None:
            return done.manifest
        with tempfile.TemporaryDirectory(prefix="prettyuseful-") as scratch:
            started = time.perf_counter()
            inputs = {name: _input(store, key) for name, key in step.inputs.items()}
            job = Job(inputs, Path(scratch), store.checkpoint_dir(step.key), progress)
            # Not what the surroundings say: a cluster and a shell set other defaults, and they change the last bits.
            with linear_algebra_threads(step.spec.needs.threads):
                facts = step.spec.make(job)
            files = [store.put_file(path.name, path) for path in sorted(Path(scratch).iterdir())]
            manifest = Manifest(
                key=step.key,
                step=step.spec.kind,
                version=step.spec.version,
                spec=step.spec.keyed(),
                inputs=dict(step.inputs),
                files=(*job.adopted, *files),
                facts=facts,
                environment=environment().model_dump(),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(time.perf_counter() - started, 3),
                units=step.units,
                rate_class=step.spec.rate_class,
            )
            committed = store.commit(manifest).manifest
            shutil.rmtree(job.checkpoint_dir, ignore_errors=True)
            return committed


def _input(store: Store, key: str) -> Artifact:
    artifact = store.read(key)
    if artifact is None:
        raise CorruptArtifactError(f"artifact {key[:12]} is no longer whole in the store; run the study again")
    return artifact
