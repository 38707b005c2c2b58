"""When a device's memory does not suffice: how to tell, and how much of the work it does hold."""

from __future__ import annotations

from collections.abc import Callable


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def largest_that_fits(work: Callable[[int], object], count: int) -> int:
    """Half, a quarter, ... of `count`, the first with which `work` has enough memory; 0 if nothing fits."""
    while count := count // 2:
        try:
            work(count)
            return count
        except Exception as error:
            if not is_out_of_memory(error):
                raise
    return 0
