from __future__ import annotations

import time

import torch

from prettyuseful.gpu_check.device import Device

CPU = Device("cpu")


def test_marks_and_seconds_measure_time() -> None:
    begin = CPU.mark()
    assert CPU.seconds(lambda: time.sleep(0.02)) >= 0.02
    assert begin.seconds_to(CPU.mark()) >= 0.02


def test_the_peak_is_that_since_the_last_call() -> None:
    with CPU.peak() as peak:
        torch.zeros(1000)
        kept = torch.zeros(10)
        assert peak.bytes_since_last() == 4000
        assert peak.bytes_since_last() == kept.nbytes


def test_the_rate_is_that_of_a_product() -> None:
    assert 1e6 < CPU.rate(64) < 1e15


def test_a_cpu_has_no_limit_that_is_asked() -> None:
    CPU.release()
    CPU.synchronise()
    assert (CPU.name, CPU.memory, CPU.allocated, CPU.free_memory) == ("CPU", None, 0, float("inf"))
