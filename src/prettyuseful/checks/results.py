"""The results of classifiers that checks of labels read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Results:
    """Tests of the classifiers that were trained on real images, averaged over training seeds.

    `name`: the tested data set. `classes`: names of the classes. `tested`, `real`: (classes, classes) mean numbers of
    images of class i that were classified as class j, of the data set and of the real test images.
    """

    name: str
    classes: tuple[str, ...]
    tested: np.ndarray
    real: np.ndarray
