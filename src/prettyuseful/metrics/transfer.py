"""Transfer accuracy: a classifier trained on one data set and tested on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Transfer:
    """Accuracies as fractions 0-1, and counts per source group and class.

    A group with images of several classes has an entry for each, with the name "class/group".

    Accuracies are means over the classes that have test images (balanced accuracy). With equally many test images of
    every class they are the share of correctly classified images.

    Attributes:
        top1: accuracy, mean over classes.
        top5: share of images whose label is among the five highest logits, mean over classes.
        per_class: accuracy on each class.
        confusion: `confusion[i][j]` counts the images of class i that are predicted as class j.
        group_labels: class of each entry.
        group_sizes: number of images of each entry.
        group_correct: number of correctly classified images of each entry.
        groups: names of the entries; `analysis.statistics` joins those of one group.
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
    """Return the accuracy of a classifier on a test set; every class has the same weight.

    With fewer than five classes, top-5 accuracy is 1. Among equal logits the lowest class is predicted, as by `argmax`.

    Args:
        logits: (N, classes).
        labels: (N,) int, from 0.
        groups: (N,) source groups, which intervals resample as a whole.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    correct = predicted == labels
    # Rank of the label: the number of classes with a larger logit.
    rank = (logits > logits[np.arange(len(labels)), labels][:, None]).sum(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    names, first, index = np.unique(
        np.char.add(np.char.add(labels.astype(str), "/"), groups.astype(str)), return_index=True, return_inverse=True
    )
    return Transfer(
        top1=_class_mean(correct, labels),
        top5=_class_mean(rank < 5, labels),
        per_class=(np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)).tolist(),
        confusion=confusion.tolist(),
        group_labels=labels[first].tolist(),
        group_sizes=np.bincount(index, minlength=len(names)).tolist(),
        group_correct=np.bincount(index, weights=correct, minlength=len(names)).astype(int).tolist(),
        groups=names.tolist(),
    )


def _class_mean(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over classes of the mean (N,) value of the images of a class."""
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if (sizes == sizes[0]).all():
        return float(values.mean())
    return float((np.bincount(index, weights=values) / sizes).mean())
