"""Steps that fail in chosen ways, in a separate module so that worker processes can import it."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError, MemoryLimitError, StoreUnavailableError
from prettyuseful.numerics import Numerics


class WriteSpec(StepSpec):
    """Writes `text` and the content of its inputs."""

    kind: ClassVar[str] = "load"
    pace: ClassVar[float] = 0.01
    text: str

    def make(self, job: Job) -> dict[str, Any]:
        parts = [artifact.path("out").read_text() for _, artifact in sorted(job.inputs.items())]
        (job.folder / "out").write_text(self.text + "".join(parts))
        return {"pid": os.getpid()}


class SlowSpec(WriteSpec):
    seconds: float

    def make(self, job: Job) -> dict[str, Any]:
        time.sleep(self.seconds)
        return super().make(job)


class FailSpec(StepSpec):
    kind: ClassVar[str] = "train"
    pace: ClassVar[float] = 0.01
    user: bool = False
    variable: str = ""

    def make(self, job: Job) -> dict[str, Any]:
        del job
        raise DataError("a broken image") if self.user else RuntimeError(os.environ.get(self.variable, "no luck"))


class LargeSpec(WriteSpec):
    keeps_model: ClassVar[bool] = False


class HungrySpec(WriteSpec):
    def make(self, job: Job) -> dict[str, Any]:
        del job
        raise MemoryLimitError("4 images exceed the memory; 2 fit")


class ExitSpec(StepSpec):
    """Raises what is no Exception, with the value of a variable; a thread of it fails, too."""

    kind: ClassVar[str] = "train"
    pace: ClassVar[float] = 0.01
    variable: str
    error: str

    def make(self, job: Job) -> dict[str, Any]:
        del job
        secret = os.environ[self.variable]
        thread = threading.Thread(target=lambda: self.fail(RuntimeError(f"thread {secret}")))
        thread.start()
        thread.join()
        return self.fail({"exit": SystemExit, "interrupt": KeyboardInterrupt}[self.error](f"with {secret}"))

    def fail(self, error: BaseException) -> NoReturn:
        raise error


class SignalSpec(WriteSpec):
    """Sends a signal to its own process as many times as the flag file has letters."""

    number: ClassVar[signal.Signals]
    flag: str

    def make(self, job: Job) -> dict[str, Any]:
        flag = Path(self.flag)
        left = flag.read_text()
        if left:
            flag.write_text(left[1:])
            os.kill(os.getpid(), self.number)
        return super().make(job)


class KillSpec(SignalSpec):
    """Kills its own process."""

    number = signal.SIGKILL
    numerics: Numerics = Numerics()


class StopSpec(SignalSpec):
    """Stops its own process."""

    number = signal.SIGSTOP


class BusySpec(WriteSpec):
    """Computes, without any report of progress."""

    seconds: float

    def make(self, job: Job) -> dict[str, Any]:
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            sum(range(1000))
        return super().make(job)


class UnreachableStorageSpec(WriteSpec):
    """Raises an unreachable-storage error, or a full-disk error, as many times as the flag file has letters."""

    flag: str
    full: bool = False

    def make(self, job: Job) -> dict[str, Any]:
        flag = Path(self.flag)
        left = flag.read_text()
        if left:
            flag.write_text(left[1:])
            raise OSError(errno.ENOSPC, "No space left on device") if self.full else StoreUnavailableError("no answer")
        return super().make(job)


class ReportingSpec(WriteSpec):
    """Reports half of the progress and waits until the report has arrived."""

    def make(self, job: Job) -> dict[str, Any]:
        job.progress(0.5)
        time.sleep(1)
        return super().make(job)


class NumericsSpec(WriteSpec):
    numerics: Numerics


class DeviceSpec(WriteSpec):
    """Writes which GPUs its process sees, too."""

    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        facts = super().make(job)
        (job.folder / "out").write_text(f"{self.text}: {os.environ.get('CUDA_VISIBLE_DEVICES')}")
        return facts
