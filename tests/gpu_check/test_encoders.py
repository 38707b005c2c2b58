from __future__ import annotations

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.encoders import check_encoders


def test_features_are_those_of_a_cpu() -> None:
    same, speed = check_encoders(Context(Device("cpu"), tiny=True))
    assert same.seen == 0
    assert same.ok
    assert speed.unit == "images/s"
