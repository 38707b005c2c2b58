from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.memory import is_out_of_memory, largest_fitting_count

TOO_MANY = 10**17  # bytes; no machine has as many


def exhaust_numpy() -> None:
    np.empty(TOO_MANY, np.uint8)


def exhaust_torch() -> None:
    torch.empty(TOO_MANY, dtype=torch.uint8)


def exhaust_accelerator() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize("run_out", [exhaust_numpy, exhaust_torch, exhaust_accelerator])
def test_out_of_memory_errors_of_libraries_are_recognised(run_out: object) -> None:
    assert callable(run_out)
    with pytest.raises((MemoryError, RuntimeError)) as error:
        run_out()
    assert is_out_of_memory(error.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("can't allocate memory"), OSError(28, "No space left")]
)
def test_other_errors_are_not_out_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize(
    ("count", "limit", "expected", "tried"),
    [(20, 3, 2, [10, 5, 2]), (20, 99, 10, [10]), (5, 0, 0, [2, 1]), (1, 9, 0, [])],
)
def test_the_count_is_halved_until_it_fits(count: int, limit: int, expected: int, tried: list[int]) -> None:
    calls = []

    def work(size: int) -> None:
        calls.append(size)
        if size > limit:
            raise MemoryError

    assert largest_fitting_count(work, count) == expected
    assert calls == tried


def test_other_errors_are_raised() -> None:
    def work(size: int) -> None:
        raise ValueError(size)

    with pytest.raises(ValueError, match="5"):
        largest_fitting_count(work, 10)
