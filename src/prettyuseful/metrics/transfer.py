"""Transfer: train on A, test on B. What a classifier's logits say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Transfer:
    """Fractions 0-1. Counts are per group (source block, or image), in the order of `groups`; a group has one class.

    `per_class[c]` is the accuracy on class c, NaN-free: every class has test images. `confusion[i][j]` counts images of
    class i that were taken for class j.
    """

    top1: float
    top5: float
    per_class: list[float]
    confusion: list[list[int]]
    group_labels: list[int]
    group_sizes: list[int]
    group_correct: list[int]
    groups: list[str]

    def as_json(self) -> dict[str, Any]:
        return dict(self.__dict__)


def transfer(logits: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Transfer:
    """Accuracy of (N, classes) logits on (N,) labels; `groups` (N,) are the ids to resample whole.

    Top-5 is over all classes if there are fewer than five. Ties go to the lower class, as in `argmax`.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    correct = predicted == labels
    # Rank of the true class: how many classes have a larger logit.
    rank = (logits > logits[np.arange(len(labels)), labels][:, None]).sum(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    # A group may hold several classes in someone's folder; a class's part of it is then a group of its own.
    names, first, index = np.unique(
        np.char.add(np.char.add(labels.astype(str), "/"), groups.astype(str)), return_index=True, return_inverse=True
    )
    return Transfer(
        top1=float(correct.mean()),
        top5=float((rank < 5).mean()),
        per_class=(np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)).tolist(),
        confusion=confusion.tolist(),
        group_labels=labels[first].tolist(),
        group_sizes=np.bincount(index, minlength=len(names)).tolist(),
        group_correct=np.bincount(index, weights=correct, minlength=len(names)).astype(int).tolist(),
        groups=names.tolist(),
    )
