"""Decode and resize images in threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from prettyuseful.numerics import Numerics

Item = TypeVar("Item")
Result = TypeVar("Result")
_AHEAD_OF_GPU = 4  # threads that keep a GPU busy


def preparing_threads(numerics: Numerics) -> int:
    """Return how many threads decode and resize images for a network with these numerics.

    On a CPU, those of the step, which may be one; on a GPU, which would wait for them, at least four. They change no
    bytes.
    """
    return numerics.threads if numerics.device == "cpu" else max(_AHEAD_OF_GPU, numerics.threads)


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yield the result for every item, in order, computed by `threads` threads a few items ahead.

    Decoding and resizing release the interpreter lock. With one thread, everything is computed in the caller's.
    """
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
