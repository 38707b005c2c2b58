"""Out-of-memory errors, batch sizes that fit, and how freed memory is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from prettyuseful.errors import MemoryLimitError


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether NumPy or PyTorch raised `error` because memory was exhausted, on the CPU or an accelerator."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


@contextmanager
def explain_out_of_memory(message: str) -> Iterator[None]:
    """Raise a MemoryLimitError with a message if the memory is exhausted inside the `with` block."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        # Without the error, whose frames would keep what was loaded in memory.
        raise MemoryLimitError(message) from None


def free_memory(device: str) -> int | None:
    """Return the bytes of free memory of an accelerator, with what PyTorch has reserved; None for other devices."""
    if not device.startswith("cuda"):
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


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


@cache
def keep_freed_memory() -> None:
    """Make glibc keep freed blocks of up to 32 MB for the next tensor instead of returning them to the system.

    Otherwise every large tensor on a CPU begins with page faults: a sixth of the time of small networks. glibc raises
    its threshold when a process frees a block of this size (malloc(3), M_MMAP_THRESHOLD).
    """
    import torch

    torch.empty(2**25 - 2**16, dtype=torch.uint8, device="cpu")
