from __future__ import annotations

import time

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device


def test_a_measurement_must_end_in_time() -> None:
    context = Context(Device("cpu"), deadline=time.monotonic() + 50)
    assert context.has_time()
    assert context.has_time(40)
    assert not context.has_time(60)


def test_tiny_models_have_no_aims() -> None:
    assert Context(Device("cpu"), tiny=True).aim(45) == 0
    assert Context(Device("cpu")).aim(45) == 45
