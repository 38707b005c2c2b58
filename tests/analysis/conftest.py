from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.records import TransferResult

MakeTest = Callable[..., TransferResult]


@pytest.fixture
def make_test() -> MakeTest:
    """Make a test result from (groups,) numbers of correct answers out of `size`; group i is in class i % `classes`."""

    def make(correct: list[int] | np.ndarray, size: int = 10, classes: int = 2, on: str = "real") -> TransferResult:
        right = [int(c) for c in correct]
        labels = [i % classes for i in range(len(right))]
        per_class = [
            sum(c for c, label in zip(right, labels, strict=True) if label == k) / (size * labels.count(k))
            for k in range(classes)
        ]
        return TransferResult(
            kind="real_to_synth" if on != "real" else "synth_to_real",
            tested_on=on,
            top1=sum(right) / (size * len(right)),
            top5=1.0,
            per_class=per_class,
            confusion=[[0] * classes] * classes,
            groups=[f"g{i}" for i in range(len(right))],
            group_labels=labels,
            group_sizes=[size] * len(right),
            group_correct=right,
        )

    return make
