"""What the steps of a hosted data set may pay: each its own images, and all together what remains of the budget.

The ledger is a file that the processes of a machine, or of a shared file system, lock. A line is written before money
may be spent, so that the budget also holds for processes that are killed.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from prettyuseful.errors import StoreError
from prettyuseful.redaction import redact_line

_FILE = "spent.log"
_LINE = re.compile(r"[0-9a-zA-Z]{1,128}", re.ASCII)
_MAX_BYTES = 64 << 20


class Allowance(BaseModel):
    """The requests that a step may pay for.

    Attributes:
        images: the images that it makes.
        alone: further requests, if the steps are on machines that do not know of each other.
        together: further requests of all steps of the data set, if they share a ledger.
        ledger: the name of its folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    images: int
    alone: int
    together: int
    ledger: str


class Budget:
    """The allowance of a step, and what the other steps have used of what they share.

    Args:
        allowance: what it may pay.
        step: a name of letters and digits that no other step has.
        folder: where all steps of the data set have their ledger; None if they are on machines that do not share one.
    """

    def __init__(self, allowance: Allowance, step: str, folder: Path | None) -> None:
        self.allowance, self.step = allowance, step
        self._file = None if folder is None else folder / allowance.ledger / _FILE

    @property
    def further(self) -> int:
        """The most requests beyond the images of the step that it may pay."""
        return self.allowance.alone if self._file is None else self.allowance.together

    def permits(self, charged: int) -> bool:
        """Return whether one request more than `charged` may be paid; what it takes of the shared rest is then spent.

        Raises:
            StoreError: the ledger cannot be read or written.
        """
        further = charged + 1 - self.allowance.images
        if further <= 0 or self._file is None:
            return further <= self.allowance.alone
        try:
            return self._reserve(self._file, further)
        except OSError as error:
            reason = redact_line(error.strerror or str(error))
            raise StoreError(
                f"cannot write {self._file}, the ledger of the budget: {reason}; make its folder writable"
            ) from error

    def _reserve(self, file: Path, further: int) -> bool:
        """Return whether the step may pay `further` requests beyond its images, and note them."""
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            lines = os.pread(handle, _MAX_BYTES, 0).decode("ascii", "replace").splitlines()
            spent = Counter(line for line in lines if _LINE.fullmatch(line))
            if (missing := further - spent[self.step]) <= 0:
                return True
            if spent.total() + missing > self.allowance.together:
                return False
            os.write(handle, f"\n{self.step}".encode() * missing + b"\n")  # after a line that a killed process cut off
            os.fsync(handle)
            return True
        finally:
            os.close(handle)
