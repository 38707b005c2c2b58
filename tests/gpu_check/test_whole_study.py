from __future__ import annotations

import pytest

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.whole_study import check_study


@pytest.mark.slow
def test_a_study_is_run_and_reported() -> None:
    complete, report, _ = check_study(Context(Device("cpu"), tiny=True))
    assert complete.ok
    assert report.ok


def test_out_of_time() -> None:
    (line,) = check_study(Context(Device("cpu"), tiny=True, deadline=0.0))
    assert line.note == "not measured: out of time"
