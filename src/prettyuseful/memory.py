"""Detects out-of-memory errors and finds a batch size that fits."""

from __future__ import annotations

from collections.abc import Callable


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether NumPy or PyTorch raised `error` because memory was exhausted, on the CPU or an accelerator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def largest_fitting_count(work: Callable[[int], object], count: int) -> int:
    """Return the first of `count // 2`, `count // 4`, ... for which `work` has enough memory, or 0 if none fits."""
    while count := count // 2:
        try:
            work(count)
            return count
        except Exception as error:
            if not is_out_of_memory(error):
                raise
    return 0
