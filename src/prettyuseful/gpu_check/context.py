"""What every part of the check needs: the device, its rate, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.lines import Line


@dataclass
class Context:
    """The state of a check.

    Attributes:
        device: what is checked.
        tiny: whether all models and data are tiny, so that it runs on a CPU in seconds, without aims of speed.
        deadline: when the current part should end, as `time.monotonic`.
        rate: measured operations per second in bfloat16; 0 before it is measured.
    """

    device: Device
    tiny: bool = False
    deadline: float = field(default=float("inf"))
    rate: float = 0.0

    def has_time(self, seconds: float = 0.0) -> bool:
        """Return whether a measurement that takes about so many seconds would end in time."""
        return time.monotonic() + seconds < self.deadline

    def aim(self, value: float) -> float:
        """Return an aim of speed, which is 0 for tiny models: these measure nothing but that the check works."""
        return 0.0 if self.tiny else value


@dataclass(frozen=True)
class Part:
    """A part of the check.

    `name`: on the command line. `summary`: what it checks. `seconds`: of its budget. `run`: yields its lines.
    """

    name: str
    summary: str
    seconds: float
    run: Callable[[Context], Iterator[Line]]
