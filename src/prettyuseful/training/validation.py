"""The paper's way to choose a checkpoint: the lowest loss on images of the training domain that are not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from prettyuseful.data.pixels import Pixels
from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.inference import logits_of
from prettyuseful.training.loader import Feed
from prettyuseful.training.recipes import View


def split(pixels: Pixels, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on: of every class about `fraction` of its images, groups kept whole.

    Raises:
        DataError: a class has one group only, so that nothing would be left to train on.
    """
    rng = np.random.default_rng(derive_seed("training", seed, "validation"))
    held = np.zeros(len(pixels), bool)
    for label in np.unique(pixels.labels):
        rows = np.flatnonzero(pixels.labels == label)
        groups, members = np.unique(pixels.groups[rows], return_inverse=True)
        if len(groups) < 2:
            raise DataError(
                f"class number {label} has one group of {len(rows)} training images, of which none can be held back "
                "for validation; take more images, or keep the last checkpoint"
            )
        sizes = np.bincount(members)
        order = rng.permutation(len(groups))
        before = np.cumsum(sizes[order]) - sizes[order]
        chosen = order[before < fraction * len(rows)][: len(groups) - 1]
        held[rows[np.isin(members, chosen)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


class BestCheckpoint:
    """The weights with the lowest loss so far on some rows of a training's feed. Of equal losses the first wins.

    `labels` are those of all images of the feed.
    """

    def __init__(self, feed: Feed, rows: torch.Tensor, labels: torch.Tensor, view: View) -> None:
        self._feed, self._rows, self._labels, self._view = feed, rows, labels[rows], view
        self.state: dict[str, Any] = {"loss": float("inf"), "weights": {}}

    def validate(self, classifier: Classifier) -> dict[str, float]:
        """Validates; what to log."""
        classifier.network.eval()
        logits = torch.from_numpy(logits_of(classifier, self._feed, self._rows, self._view))
        loss = float(F.cross_entropy(logits, self._labels))
        right = float((logits.argmax(1) == self._labels).double().mean())
        if loss < self.state["loss"]:
            weights = {name: value.cpu().clone() for name, value in classifier.network.state_dict().items()}
            self.state = {"loss": loss, "weights": weights}
        return {"validation_loss": loss, "validation_accuracy": right}

    def put_back(self, classifier: Classifier) -> None:
        classifier.network.load_state_dict(self.state["weights"])
