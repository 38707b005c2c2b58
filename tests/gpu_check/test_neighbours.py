from __future__ import annotations

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.neighbours import check_neighbours


def test_neighbours_are_those_of_a_plain_search() -> None:
    same, *_ = lines = [*check_neighbours(Context(Device("cpu"), tiny=True))]
    assert same.seen == 100
    assert len(lines) == 3
