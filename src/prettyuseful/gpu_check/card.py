"""The rate of the card, which the speed of models is compared with."""

from __future__ import annotations

from collections.abc import Iterator

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line

_SIDE, _TINY_SIDE = 8192, 128
RATE = "TFLOP/s"
"""The unit of the line with the rate."""
_LEAST = 50.0  # 10^12 operations per second; every card with 80 GB has several times as many


def check_card(context: Context) -> Iterator[Line]:
    """Measure the rate of a large product of square matrices in bfloat16."""
    side = _TINY_SIDE if context.tiny else _SIDE
    context.rate = context.device.rate(side)
    yield Line(
        f"product of bfloat16 matrices of {side} x {side}",
        context.rate / 1e12,
        RATE,
        "at least",
        context.aim(_LEAST),
    )
