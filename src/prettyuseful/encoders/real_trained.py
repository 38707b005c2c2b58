"""The classifier that the study trains on real images, as an encoder: features of the task, without a download."""

from __future__ import annotations

import numpy as np

from prettyuseful.data.pixels import Pixels
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.inference import penultimate
from prettyuseful.training.recipes import View


class RealTrained:
    """Penultimate features, of images decoded as the classifier's recipe wants them, in the squares of a view."""

    def __init__(self, classifier: Classifier, view: View) -> None:
        self.classifier, self.view = classifier, view

    def features(self, pixels: Pixels) -> np.ndarray:
        return penultimate(self.classifier, pixels, self.view)
