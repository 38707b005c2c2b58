"""Logits and features of a trained classifier."""

from __future__ import annotations

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.training.classifier import Call, Classifier
from prettyuseful.training.crops import view_crops
from prettyuseful.training.loader import BatchLoader
from prettyuseful.training.recipes import View

_BATCH_VALUES = 200 * 3 * 32 * 32  # input values per batch on a CPU
_MIN_BATCH_SIZE = 8


def predict(classifier: Classifier, pixels: Pixels, view: View) -> np.ndarray:
    """Return the logits of N images, averaged over the crops of the view, (N, classes) float32.

    Raises:
        DataError: an image is smaller than a crop.
    """
    loader = BatchLoader(pixels, classifier.numerics.device)
    return predict_rows(classifier, loader, loader.rows, view)


def predict_rows(classifier: Classifier, loader: BatchLoader, rows: torch.Tensor, view: View) -> np.ndarray:
    """Return the logits of some rows of a loader, averaged over the crops of the view, (N, classes) float32."""
    return _average_over_crops(classifier, loader, rows, view, classifier.network)


def penultimate_features(classifier: Classifier, pixels: Pixels, view: View) -> np.ndarray:
    """Return the features before the last linear layer, averaged over the crops of the view, (N, d) float32.

    Raises:
        DataError: an image is smaller than a crop.
    """
    network = classifier.network

    def features(batch: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = network.forward_head(network.forward_features(batch), pre_logits=True)  # type: ignore[operator]
        return outputs

    loader = BatchLoader(pixels, classifier.numerics.device)
    return _average_over_crops(classifier, loader, loader.rows, view, features)


def features_and_logits(classifier: Classifier, pixels: Pixels, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the results of `penultimate_features` and `predict` from a single pass.

    Raises:
        DataError: an image is smaller than a crop.
    """
    network = classifier.network

    def features_then_logits(batch: torch.Tensor) -> torch.Tensor:
        maps = network.forward_features(batch)  # type: ignore[operator]
        heads = [network.forward_head(maps, pre_logits=pre_logits).float() for pre_logits in (True, False)]  # type: ignore[operator]
        return torch.cat(heads, dim=1)

    loader = BatchLoader(pixels, classifier.numerics.device)
    outputs = _average_over_crops(classifier, loader, loader.rows, view, features_then_logits)
    width = outputs.shape[1] - classifier.design.classes
    return outputs[:, :width], outputs[:, width:]


@torch.no_grad()  # not inference mode, which is local to a thread, because resampling uses several threads
def _average_over_crops(
    classifier: Classifier, loader: BatchLoader, rows: torch.Tensor, view: View, call: Call
) -> np.ndarray:
    batch_size = max(_MIN_BATCH_SIZE, _BATCH_VALUES // (3 * view.size**2)) * (1 if loader.device.type == "cpu" else 16)
    outputs = []
    for images, sizes in loader.batches_in_order(rows, batch_size):
        total = None
        for square in view_crops(images, sizes, view):
            output = classifier.compute(classifier.normalise(square.float().div_(255)), call)
            total = output if total is None else total + output
        assert total is not None
        outputs.append((total / view.crops**2).cpu().numpy())
    return np.concatenate(outputs)
