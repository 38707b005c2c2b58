"""The study's classifier trained on real images, as an encoder that needs no download."""

from __future__ import annotations

import numpy as np

from prettyuseful.data.pixels import Pixels
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.inference import penultimate_features
from prettyuseful.training.recipes import View


class RealTrained:
    """Penultimate features of a classifier. Images must be decoded as its recipe requires; `view` selects the crop."""

    def __init__(self, classifier: Classifier, view: View) -> None:
        self.classifier, self.view = classifier, view

    def features(self, pixels: Pixels) -> np.ndarray:
        return penultimate_features(self.classifier, pixels, self.view)
