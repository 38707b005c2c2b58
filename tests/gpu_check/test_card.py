from __future__ import annotations

from prettyuseful.gpu_check.card import check_card
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device


def test_the_rate_is_kept_for_the_parts_after_it() -> None:
    context = Context(Device("cpu"), tiny=True)
    (line,) = check_card(context)
    assert line.ok
    assert line.seen == context.rate / 1e12 > 0
