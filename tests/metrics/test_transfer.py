from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.metrics.transfer import transfer


def test_accuracies_and_counts_of_simple_logits() -> None:
    logits = np.array([[3, 1, 2], [0, 1, 2], [1, 9, 2], [5, 1, 0]], np.float32)
    labels, groups = np.array([0, 1, 1, 1]), np.array(["a", "b", "b", "c"])
    result = transfer(logits, labels, groups)
    assert result.top1 == pytest.approx((1 + 1 / 3) / 2)  # two of four images, but each class counts alike
    assert result.top5 == 1.0
    assert result.per_class == [1.0, 1 / 3, 0.0]
    assert result.confusion == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    by_group = dict(zip(result.groups, zip(result.group_sizes, result.group_correct, strict=True), strict=True))
    assert by_group == {"0/a": (1, 1), "1/b": (2, 1), "1/c": (1, 0)}
    assert result.group_labels == [0, 1, 1]


def test_top5_accuracy_counts_larger_logits() -> None:
    logits = np.tile(np.arange(10, dtype=np.float32), (10, 1))
    result = transfer(logits, np.arange(10), np.arange(10).astype(str))
    assert result.top1 == 0.1
    assert result.top5 == 0.5


def test_a_group_with_two_classes_is_split() -> None:
    result = transfer(np.eye(2, dtype=np.float32), np.array([0, 1]), np.array(["same", "same"]))
    assert result.groups == ["0/same", "1/same"]
