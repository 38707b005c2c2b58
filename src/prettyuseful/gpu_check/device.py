"""The device that is checked: its time, its memory and its rate."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

from prettyuseful.tensor_memory import CountedTensors

_REPEATS = 10


class Mark:
    """A moment in the work of a device; the work before it may not have been done yet."""

    def __init__(self, kind: str) -> None:
        self._time = time.perf_counter()
        self._event: Any = None
        if kind == "cuda":
            self._event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            self._event.record()

    def seconds_to(self, later: Mark) -> float:
        """Return the seconds between two moments, after the device has reached both."""
        if self._event is None:
            return later._time - self._time
        later._event.synchronize()
        return float(self._event.elapsed_time(later._event)) / 1000


class Peak:
    """The most memory that tensors took, beyond what they took when it began to count.

    On a CPU, which has no such statistics, the tensors are counted.
    """

    def __init__(self, counted: CountedTensors | None) -> None:
        self._counted = counted
        self._before = 0 if counted else torch.cuda.memory_allocated()
        self._reset()

    def bytes_since_last(self) -> int:
        """Return the peak since the last call, or since it began to count."""
        peak = self._counted.peak if self._counted else torch.cuda.max_memory_allocated()
        self._reset()
        return peak - self._before

    def _reset(self) -> None:
        if self._counted:
            self._counted.reset_peak()
        else:
            torch.cuda.reset_peak_memory_stats()


class Device:
    """A GPU, or a CPU in its place. `kind`: `cuda` or `cpu`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name() if self.kind == "cuda" else "CPU"

    @property
    def memory(self) -> int | None:
        """Return the bytes of memory of the card; None for a CPU, which is not asked."""
        return int(torch.cuda.get_device_properties(0).total_memory) if self.kind == "cuda" else None

    @property
    def free_memory(self) -> float:
        """Return the bytes that are free after `release`; on a CPU, without limit."""
        return float(torch.cuda.mem_get_info()[0]) if self.kind == "cuda" else float("inf")

    @property
    def allocated(self) -> int:
        """Return the bytes of all tensors on a GPU, 0 on a CPU."""
        return torch.cuda.memory_allocated() if self.kind == "cuda" else 0

    def synchronise(self) -> None:
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def mark(self) -> Mark:
        return Mark(self.kind)

    def release(self) -> None:
        """Free what is not used any more, also for other processes."""
        gc.collect()
        if self.kind == "cuda":
            torch.cuda.empty_cache()

    def seconds(self, work: Callable[[], object]) -> float:
        """Return the seconds until the device has done all work."""
        self.synchronise()
        started = time.perf_counter()
        work()
        self.synchronise()
        return time.perf_counter() - started

    @contextmanager
    def peak(self) -> Iterator[Peak]:
        if self.kind == "cuda":
            self.synchronise()
            yield Peak(None)
        else:
            with CountedTensors() as counted:
                yield Peak(counted)

    def rate(self, side: int) -> float:
        """Return the measured operations per second of a product of two bfloat16 matrices of `side` x `side`."""
        left, right = (torch.randn(side, side, device=self.kind).to(torch.bfloat16) for _ in range(2))
        for _ in range(3):
            left @ right
        times = [self.seconds(lambda: [left @ right for _ in range(_REPEATS)]) / _REPEATS for _ in range(3)]
        return 2 * side**3 / median(times)
