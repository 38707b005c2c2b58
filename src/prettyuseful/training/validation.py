"""The paper's checkpoint selection: the epoch with the lowest loss on held-out training images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.inference import predict_rows
from prettyuseful.training.loader import BatchLoader
from prettyuseful.training.recipes import View


def split_validation(
    labels: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training and validation rows, by whole groups within each class.

    Args:
        labels: (N,) int of the training images.
        groups: (N,) their groups.
        fraction: approximate fraction of validation images in each class.
        seed: training seed.

    Raises:
        DataError: a class has a single group, so that no training images would be left.
    """
    rng = np.random.default_rng(derive_seed("training", seed, "validation"))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        names, members = np.unique(groups[rows], return_inverse=True)
        if len(names) < 2:
            raise DataError(
                f"class number {label} has one group of {len(rows)} training images, so no group can be held out "
                "for validation; use more images, or set checkpoint: last"
            )
        sizes = np.bincount(members)
        order = rng.permutation(len(names))
        before = np.cumsum(sizes[order]) - sizes[order]
        chosen = order[before < fraction * len(rows)][: len(names) - 1]
        held[rows[np.isin(members, chosen)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


class BestCheckpoint:
    """Keeps the weights with the lowest validation loss so far; of equal losses, the first.

    `loader`: training images. `rows`: validation rows. `labels`: labels of all images. `view`: crops for validation.
    """

    def __init__(self, loader: BatchLoader, rows: torch.Tensor, labels: torch.Tensor, view: View) -> None:
        self._loader, self._rows, self._labels, self._view = loader, rows, labels[rows], view
        self.state: dict[str, Any] = {"loss": float("inf"), "weights": {}}

    def validate(self, classifier: Classifier) -> dict[str, float]:
        """Validate the classifier and keep its weights if they are the best. Return loss and accuracy for the log."""
        classifier.network.eval()
        logits = torch.from_numpy(predict_rows(classifier, self._loader, self._rows, self._view))
        loss = float(F.cross_entropy(logits, self._labels))
        accuracy = float((logits.argmax(1) == self._labels).double().mean())
        if loss < self.state["loss"]:
            weights = {name: value.cpu().clone() for name, value in classifier.network.state_dict().items()}
            self.state = {"loss": loss, "weights": weights}
        return {"validation_loss": loss, "validation_accuracy": accuracy}

    def restore_weights(self, classifier: Classifier) -> None:
        classifier.network.load_state_dict(self.state["weights"])
