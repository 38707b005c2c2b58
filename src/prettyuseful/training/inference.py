"""What a trained classifier says of images: logits and features."""

from __future__ import annotations

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.training.classifier import Call, Classifier
from prettyuseful.training.crops import view_crops
from prettyuseful.training.loader import Feed
from prettyuseful.training.recipes import View

_VALUES = 200 * 3 * 32 * 32  # of the images that go through a network together, and at least
_FEWEST = 8  # of them


def predict(classifier: Classifier, pixels: Pixels, view: View) -> np.ndarray:
    """Logits, (N, classes) float32, averaged over the squares of the view.

    Raises:
        DataError: an image is smaller than a square.
    """
    feed = Feed(pixels, classifier.numerics.device)
    return logits_of(classifier, feed, feed.rows, view)


def logits_of(classifier: Classifier, feed: Feed, rows: torch.Tensor, view: View) -> np.ndarray:
    """`predict` for some images of a data set that is on the device."""
    return _over(classifier, feed, rows, view, classifier.network)


def penultimate(classifier: Classifier, pixels: Pixels, view: View) -> np.ndarray:
    """Features before the last linear layer, (N, d) float32, averaged over the squares of the view.

    Raises:
        DataError: an image is smaller than a square.
    """
    network = classifier.network

    def features(batch: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network.forward_head(network.forward_features(batch), pre_logits=True)  # type: ignore[operator]
        return found

    feed = Feed(pixels, classifier.numerics.device)
    return _over(classifier, feed, feed.rows, view, features)


def features_and_logits(classifier: Classifier, pixels: Pixels, view: View) -> tuple[np.ndarray, np.ndarray]:
    """`penultimate` and `predict` in one pass.

    Raises:
        DataError: an image is smaller than a square.
    """
    network = classifier.network

    def both(batch: torch.Tensor) -> torch.Tensor:
        maps = network.forward_features(batch)  # type: ignore[operator]
        heads = [network.forward_head(maps, pre_logits=early).float() for early in (True, False)]  # type: ignore[operator]
        return torch.cat(heads, dim=1)

    feed = Feed(pixels, classifier.numerics.device)
    found = _over(classifier, feed, feed.rows, view, both)
    width = found.shape[1] - classifier.design.classes
    return found[:, :width], found[:, width:]


@torch.no_grad()  # not inference mode, which other threads do not share: resampling runs on several
def _over(classifier: Classifier, feed: Feed, rows: torch.Tensor, view: View, call: Call) -> np.ndarray:
    most = max(_FEWEST, _VALUES // (3 * view.size**2)) * (1 if feed.device.type == "cpu" else 16)
    found = []
    for images, sizes in feed.in_order(rows, most):
        total = None
        for square in view_crops(images, sizes, view):
            seen = classifier.compute(classifier.normalised(square.float().div_(255)), call)
            total = seen if total is None else total + seen
        assert total is not None
        found.append((total / view.crops**2).cpu().numpy())
    return np.concatenate(found)
