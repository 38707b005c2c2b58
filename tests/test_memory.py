from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.memory import is_out_of_memory, largest_that_fits

MUCH = 10**17  # bytes that no machine has


def raised_by_numpy() -> None:
    np.empty(MUCH, np.uint8)


def raised_by_torch() -> None:
    torch.empty(MUCH, dtype=torch.uint8)


def raised_on_an_accelerator() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize("run_out", [raised_by_numpy, raised_by_torch, raised_on_an_accelerator])
def test_what_libraries_say_is_known(run_out: object) -> None:
    assert callable(run_out)
    with pytest.raises((MemoryError, RuntimeError)) as error:
        run_out()
    assert is_out_of_memory(error.value)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("can't allocate memory"), OSError(28, "No space left")]
)
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize(
    ("count", "most", "fits", "tried"), [(20, 3, 2, [10, 5, 2]), (20, 99, 10, [10]), (5, 0, 0, [2, 1]), (1, 9, 0, [])]
)
def test_the_first_half_that_fits_is_found(count: int, most: int, fits: int, tried: list[int]) -> None:
    asked = []

    def work(some: int) -> None:
        asked.append(some)
        if some > most:
            raise MemoryError

    assert largest_that_fits(work, count) == fits
    assert asked == tried


def test_an_error_of_another_kind_is_raised() -> None:
    def work(some: int) -> None:
        raise ValueError(some)

    with pytest.raises(ValueError, match="5"):
        largest_that_fits(work, 10)
