"""Steps: a step has a spec and input keys, and produces an artifact in the store."""

from __future__ import annotations

import errno
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from prettyuseful.engine.cache import release_model
from prettyuseful.engine.deletion import remove
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import KEY_CONTEXT, Pinned
from prettyuseful.engine.store.base import Artifact, FileEntry, Manifest, Store
from prettyuseful.errors import CorruptArtifactError, PrettyUsefulError, StepFailedError, StoreError
from prettyuseful.numerics import Numerics, environment, limit_linear_algebra_threads
from prettyuseful.redaction import redact, redact_line
from prettyuseful.redaction.exceptions import describe_error

Progress = Callable[[float], None]
Item = TypeVar("Item")
_REPORT_INTERVAL = 64  # items between two progress reports
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Resources:
    """What a step needs: CPU threads, accelerators, and the predicted bytes of main memory (0: unknown).

    A step on an accelerator needs main memory, too, through which its weights are loaded. The memory of the accelerator
    is not among its resources, because it has the accelerator alone.
    """

    threads: int = 1
    gpus: int = 0
    memory: int = 0


@dataclass
class Job:
    """The arguments of a running step.

    Attributes:
        inputs: input artifacts by name.
        folder: an empty folder for the files of the artifact.
        checkpoint_dir: a folder for checkpoints that survive interruptions; see `Store.checkpoint_dir`.
        progress: called with the finished fraction (0-1).
        shares_checkpoints: see `Store.shares_checkpoints`.
        adopted: files of inputs that also belong to this artifact.
    """

    inputs: Mapping[str, Artifact]
    folder: Path
    checkpoint_dir: Path
    progress: Progress
    shares_checkpoints: bool = False
    adopted: list[FileEntry] = field(default_factory=list)

    def track_progress(self, items: Iterable[Item], count: int) -> Iterator[Item]:
        """Yield the items and report progress; `count` is their number."""
        for done, item in enumerate(items, 1):
            yield item
            if done % _REPORT_INTERVAL == 0:
                self.progress(min(1.0, done / count))

    def adopt(self, name: str, entry: FileEntry) -> None:
        """Add a file of an input to this artifact without copying it."""
        self.adopted.append(entry.model_copy(update={"name": name}))


class StepSpec(BaseModel, ABC):
    """The specification of a step: exactly the fields that change the content of its artifact.

    Things that a step reads from outside the store are `Pinned` fields.

    Attributes:
        kind: the name of this kind of step.
        version: must be increased when equal fields produce other bytes than before.
        pace: assumed seconds per unit of work on two slow CPU cores, until the store has a measurement.
        grows: whether the size of the artifact is proportional to the units of work.
        generates: whether the units of work are generated images.
        keeps_model: whether the model that an earlier step has loaded may stay in memory while the step runs. False for
            steps that need the memory of their device for something else. A step that loads a cached model replaces the
            former one in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    version: ClassVar[int] = 1
    pace: ClassVar[float]
    grows: ClassVar[bool] = True
    generates: ClassVar[bool] = False
    keeps_model: ClassVar[bool] = True

    @abstractmethod
    def make(self, job: Job) -> dict[str, Any]:
        """Write the files of the artifact into `job.folder`; return small JSON-serialisable facts for the manifest."""

    @property
    def rate_class(self) -> str:
        """A name for steps that take the same time per unit of work."""
        return self.kind

    @property
    def assumed_pace(self) -> float | None:
        """`pace`, or None for a model without an assumed value."""
        return self.pace

    @property
    def assumed_bytes(self) -> float | None:
        """Bytes of the artifact per unit of work until the store has a measurement, or None if unknown."""
        return None

    @property
    def fee(self) -> float | None:
        """Money that a server charges per unit of work, in any currency; None if unknown."""
        return 0.0

    @property
    def needs(self) -> Resources:
        """The resources that the step needs, from its numerics."""
        numerics = getattr(self, "numerics", None)
        if not isinstance(numerics, Numerics):
            return Resources()
        return Resources(threads=numerics.threads, gpus=int(numerics.device == "cuda"))

    def pinned(self) -> Iterator[Pinned[Any]]:
        """Yield the things outside the store that the step reads."""
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Pinned):
                yield value

    def key_content(self) -> dict[str, Any]:
        """Return the part of the spec that is in the key: all fields, and the content of pinned things."""
        return self.model_dump(mode="json", context={KEY_CONTEXT: True})


@dataclass(frozen=True)
class Step:
    """A spec with input keys by name.

    `label`: a readable name; `units`: amount of work, in the unit of its kind; `names`: what the study calls fields of
    the spec, such as the name of the recipe. None of them is in the key.
    """

    spec: StepSpec
    inputs: Mapping[str, str]
    label: str
    units: float
    names: Mapping[str, str] | None = None

    @cached_property
    def key(self) -> str:
        spec = self.spec
        return digest([spec.kind, spec.version, spec.key_content(), dict(self.inputs)])


def run_step(step: Step, store: Store, progress: Progress) -> Manifest | None:
    """Make the artifact of a step unless the store has it; return its manifest, or None if another process claims it.

    Secrets of this machine are removed from error messages.

    Raises:
        CorruptArtifactError: an input is missing in the store or incomplete.
        StoreError: the store cannot be written, or a disk is full.
        PrettyUsefulError: raised by the step; StepFailedError for any other exception.
    """
    try:
        return _run_step(step, store, progress)
    except PrettyUsefulError as error:
        error.args = (redact(str(error)), *error.args[1:])
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # user-defined classes may raise anything, also SystemExit or what cannot be pickled
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise StoreError(
                f"{step.label}: no space left for {error.filename or 'temporary files'}; free disk space, or choose a "
                "store on another disk with --store"
            ) from error
        raise StepFailedError(describe_error(error)) from error


def _run_step(step: Step, store: Store, progress: Progress) -> Manifest | None:
    if (artifact := store.read(step.key)) is not None:
        return artifact.manifest
    with store.claim(step.key) as claimed:
        if not claimed:
            return None
        if (artifact := store.read(step.key)) is not None:
            return artifact.manifest
        with store.scratch(step.key) as scratch:
            started = time.perf_counter()
            inputs = {name: _input(store, key) for name, key in step.inputs.items()}
            job = Job(inputs, scratch, store.checkpoint_dir(step.key), progress, store.shares_checkpoints)
            if not step.spec.keeps_model:
                release_model()
            # Set explicitly: defaults differ between machines, and the number of threads changes the last bits.
            with limit_linear_algebra_threads(step.spec.needs.threads):
                facts = _check_facts(step.spec.make(job))
            files = [store.put_file(path.name, path) for path in sorted(scratch.iterdir())]
            seconds = round(time.perf_counter() - started, 3)
            committed = store.commit(manifest_of(step, (*job.adopted, *files), facts, seconds)).manifest
            with suppress(OSError):
                remove(job.checkpoint_dir)
            return committed


def manifest_of(step: Step, files: Iterable[FileEntry], facts: dict[str, Any], seconds: float) -> Manifest:
    """Return the manifest with which the artifact of a step is committed now."""
    return Manifest(
        key=step.key,
        step=step.spec.kind,
        version=step.spec.version,
        spec=step.spec.key_content(),
        inputs=dict(step.inputs),
        files=tuple(files),
        facts=facts,
        environment=environment().model_dump(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        units=step.units,
        rate_class=step.spec.rate_class,
    )


def _check_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a step.

    Raises:
        StepFailedError: JSON does not have a value of the facts, such as NaN; a manifest with it could not be read.
    """
    try:
        digest(facts)
    except (TypeError, ValueError) as error:
        raise StepFailedError(f"the facts of the step cannot be written as JSON: {redact_line(str(error))}") from error
    return facts


def _input(store: Store, key: str) -> Artifact:
    artifact = store.read(key)
    if artifact is None:
        raise CorruptArtifactError(f"artifact {key[:12]} is incomplete in the store; run the study again")
    return artifact
