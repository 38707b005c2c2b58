from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from prettyuseful.data.threads import map_in_order, preparing_threads
from prettyuseful.numerics import Numerics


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    assert list(map_in_order(lambda n: n * n, range(50), threads)) == [n * n for n in range(50)]


def test_several_threads_work_only_a_few_items_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    results = map_in_order(lambda _: threading.get_ident(), items(), 2)
    assert next(results) != threading.get_ident()
    assert len(taken) < 20


def test_one_thread_is_the_callers() -> None:
    assert next(iter(map_in_order(lambda _: threading.get_ident(), [0], 1))) == threading.get_ident()


def test_a_gpu_does_not_wait_for_one_thread() -> None:
    assert [preparing_threads(Numerics(threads=n)) for n in (1, 3)] == [1, 3]
    assert [preparing_threads(Numerics(device="cuda", threads=n)) for n in (1, 8)] == [4, 8]
