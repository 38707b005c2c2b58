"""Metrics: pure functions, arrays in, numbers out; and the rows that describe them.

from prettyuseful.metrics import manifold

found = manifold(real, synthetic, k=5)  # features, one row per image
print(found.precision, found.recall, found.density, found.coverage)
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
