from __future__ import annotations

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.training import check_training


def test_training_is_measured_with_its_memory() -> None:
    lines = [*check_training(Context(Device("cpu"), tiny=True))]
    assert [line.name for line in lines if line.ok is False] == []
    assert sum(line.unit == "images/s" for line in lines) == 4
    (memory,) = (line for line in lines if "peak memory" in line.name)
    assert memory.ok


def test_out_of_time() -> None:
    lines = [*check_training(Context(Device("cpu"), tiny=True, deadline=0.0))]
    assert [line.note for line in lines[1:]] == ["not measured: out of time"] * 3
