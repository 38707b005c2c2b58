"""Metrics as pure functions of NumPy arrays, and the rows that describe them.

Features have one row per image:

>>> import numpy as np
>>> from prettyuseful.metrics import manifold
>>> real, synthetic = np.random.default_rng(0).normal(size=(2, 100, 16))
>>> result = manifold(real, synthetic, k=5)
>>> 0 <= result.precision <= 1 and 0 <= result.coverage <= 1
True
"""

from __future__ import annotations

from prettyuseful.metrics.alignment import clip_score, label_agreement
from prettyuseful.metrics.base import Metric
from prettyuseful.metrics.frechet import frechet_distance
from prettyuseful.metrics.kernel import cmmd, kid
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.prdc import manifold
from prettyuseful.metrics.rows import METRICS
from prettyuseful.metrics.vendi import vendi_score

__all__ = [
    "METRICS",
    "Metric",
    "clip_score",
    "cmmd",
    "frechet_distance",
    "kid",
    "label_agreement",
    "manifold",
    "nearest_distance",
    "vendi_score",
]
