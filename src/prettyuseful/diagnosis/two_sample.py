"""An exact test of whether two sets of images have the same distribution within each class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prettyuseful.diagnosis.distances import distances
from prettyuseful.engine.keys import derive_seed

PERMUTATIONS = 1_999


def permutation_p(first: ClassImages, second: ClassImages) -> float:
    """Return the p-value of the hypothesis that both sets are drawn from the same distribution in every class.

    Whole groups are exchanged between the sets within classes. The statistic is the energy distance (Székely and Rizzo
    2013), averaged over classes; each kind of features is divided by the spread of its permutation distribution, and
    the kinds are summed. The test is exact for any features that do not depend on which set an image belongs to
    (Hemerik and Goeman 2018); dimensions are therefore scaled by their standard deviation within the classes of both
    sets together.
    """
    rng = np.random.default_rng(derive_seed("two-sample permutations"))
    pooled = [(first.of_class(label), second.of_class(label)) for label in np.intersect1d(first.labels, second.labels)]
    members = [_permutations(a.groups, b.groups, rng) for a, b in pooled]
    statistic = np.zeros(PERMUTATIONS + 1)
    for kind in first.kinds:
        values = [np.concatenate([a.kinds[kind], b.kinds[kind]]) for a, b in pooled]
        deviation = np.sqrt(np.mean(np.concatenate([(v - v.mean(axis=0)) ** 2 for v in values]), axis=0))
        scale = np.where(deviation > 1e-6 * deviation.max(initial=0), deviation, np.inf)
        of_kind = np.sum([_energies(v / scale, m) for v, m in zip(values, members, strict=True)], axis=0)
        spread = of_kind.std()
        statistic += of_kind / spread if spread > 0 else 0
    return float((statistic >= statistic[0] - 1e-9).mean())


class ClassImages:
    """Features of labelled images.

    Args:
        kinds: by kind, (N, d) features.
        labels: (N,) int.
        groups: (N,) str; images of one group come from one source.
    """

    def __init__(self, kinds: Mapping[str, np.ndarray], labels: np.ndarray, groups: np.ndarray) -> None:
        self.kinds, self.labels, self.groups = kinds, labels, groups

    def of_class(self, label: int) -> ClassImages:
        rows = np.flatnonzero(self.labels == label)
        return ClassImages({k: v[rows] for k, v in self.kinds.items()}, self.labels[rows], self.groups[rows])


def _permutations(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which images are in the first set, (PERMUTATIONS + 1, N) bool; row 0 is as given."""
    names_a, index_a = np.unique(first, return_inverse=True)
    names_b, index_b = np.unique(second, return_inverse=True)
    index = np.concatenate([index_a, len(names_a) + index_b])
    count = len(names_a) + len(names_b)
    rank = np.argsort(rng.random((PERMUTATIONS + 1, count)), axis=1)
    rank[0] = np.arange(count)
    return np.asarray((rank < len(names_a))[:, index])


def _energies(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the energy distance, an unbiased estimate, of each division of (N, d) values into two sets."""
    table = distances(values, values).astype(np.float32)
    np.fill_diagonal(table, 0)
    x = members.astype(np.float32)
    y = 1 - x
    m, n = x.sum(axis=1), y.sum(axis=1)
    to_x = x @ table
    within_x, across = (to_x * x).sum(axis=1), (to_x * y).sum(axis=1)
    within_y = table.sum() - within_x - 2 * across
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = 2 * across / (m * n) - within_x / (m * (m - 1)) - within_y / (n * (n - 1))
    return np.asarray(np.nan_to_num(energy))
