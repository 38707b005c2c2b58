from __future__ import annotations

import pytest

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.memory import check_memory


@pytest.mark.slow
def test_memory_is_freed_and_every_step_names_what_fits() -> None:
    lines = [*check_memory(Context(Device("cpu"), tiny=True))]
    assert [(line.name, line.seen) for line in lines if not line.ok] == []
    assert sum("out of memory" in line.name for line in lines) == 2
    assert all("micro_batch: 4" in line.note for line in lines if line.name == "out of memory in generation")
