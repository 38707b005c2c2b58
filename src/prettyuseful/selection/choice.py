"""Choose images of a data set: by a number per image, at random, or so that they are spread over the class.

What is chosen depends on the images and not on their order: images are compared in the order of their contents, so
equal numbers are decided by content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.selection.keep import Part


class Content(NamedTuple):
    """What identifies an image: the digest of its bytes, and its path for equal bytes."""

    digest: str
    path: str

    @classmethod
    def of(cls, data: bytes, path: str) -> Content:
        return cls(hashlib.sha256(data).hexdigest(), path)


def choose_by_value(
    values: np.ndarray, labels: np.ndarray, contents: Sequence[Content], part: Part, numbers: Sequence[int]
) -> np.ndarray:
    """Return which images (N,) are among the `numbers` of their class at one end, or in the middle, of the order.

    `middle`: as many images are left out below as above; one more above if their number is odd.

    Args:
        values: (N,) one number per image.
        labels: (N,) classes, from 0.
        contents: of each image.
        part: `top`, `bottom` or `middle`.
        numbers: images to choose of each class.

    Raises:
        DataError: a value is not finite.

    >>> contents = [Content(digest, "") for digest in "abc"]
    >>> choose_by_value(np.array([1.0, 3.0, 3.0]), np.array([0, 0, 0]), contents, "top", [1])
    array([False, False,  True])
    """
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"the score of the image {contents[row].path} is not a finite number; remove the image")

    def choose(rows: np.ndarray, number: int) -> np.ndarray:
        order = rows[np.argsort(values[rows], kind="stable")]
        first = {"bottom": 0, "middle": (len(rows) - number) // 2}.get(part, len(rows) - number)
        return order[first : first + number]

    return _choose(labels, contents, numbers, choose)


def choose_at_random(
    labels: np.ndarray, contents: Sequence[Content], numbers: Sequence[int], seed: int, draw: int
) -> np.ndarray:
    """Return which images (N,) are in a random choice of `numbers` of each class; `draw`: which choice of this seed."""

    def rank(row: int) -> str:
        return hashlib.sha256(f"{seed} {draw} {contents[row].digest} {contents[row].path}".encode()).hexdigest()

    def choose(rows: np.ndarray, number: int) -> np.ndarray:
        return np.array(sorted(rows.tolist(), key=rank)[:number], np.int64)

    return _choose(labels, contents, numbers, choose)


Spread = Callable[[np.ndarray, int], np.ndarray]
"""Chooses a number of images by their features (N, d), and returns their rows."""


def choose_spread(
    features: np.ndarray, labels: np.ndarray, contents: Sequence[Content], spread: Spread, numbers: Sequence[int]
) -> np.ndarray:
    """Return which images (N,) a method such as `k_centre` chooses of each class, by their features (N, d)."""
    return _choose(labels, contents, numbers, lambda rows, number: rows[spread(features[rows], number)])


def _choose(
    labels: np.ndarray,
    contents: Sequence[Content],
    numbers: Sequence[int],
    choose: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """Return which images are chosen, where `choose` gets the rows of each class in the order of their contents."""
    chosen = np.zeros(len(labels), bool)
    ordered = np.array(sorted(range(len(labels)), key=contents.__getitem__), np.int64)
    for label, number in enumerate(numbers):
        rows = ordered[labels[ordered] == label]
        if len(rows) < number:
            raise DataError(f"class {label} (from 0) has {len(rows)} images, but {number} are to be kept")
        chosen[choose(rows, number)] = True
    return chosen


def k_centre(features: np.ndarray, number: int) -> np.ndarray:
    """Return the rows (number,) of a greedy k-centre choice: each is the farthest from those that are chosen already.

    The first one is the nearest to the mean. The largest distance of any image to its nearest chosen one is at most
    twice the smallest possible (Gonzalez 1985); for choosing training images see Sener and Savarese 2018. Distances are
    Euclidean. Among equally far images, the first row is taken.

    Args:
        features: (N, d).
        number: 1 to N.

    >>> k_centre(np.array([[0.0], [1.0], [5.0], [4.0]]), 3)
    array([3, 0, 1])
    """
    points = np.asarray(features, np.float64)
    points = points - points.mean(axis=0)
    squares = np.einsum("nd,nd->n", points, points)
    chosen = [int(squares.argmin())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < number:
        last = chosen[-1]
        distance = squares + squares[last] - 2 * (points @ points[last])
        nearest = np.minimum(nearest, np.maximum(distance, 0))
        nearest[last] = -1  # chosen images are not chosen again, even if all others equal them
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def facility_location(features: np.ndarray, number: int) -> np.ndarray:
    """Return the rows (number,) of a greedy facility-location choice: images that represent all images of the class.

    Each adds the most to the sum, over all images, of the similarity to the nearest chosen one (Wei, Iyer and Bilmes
    2015; CRAIG, Mirzasoleiman et al. 2020). The similarity is 1 + cosine. The greedy sum is at least 63% of the largest
    possible (Nemhauser et al. 1978). Among equal gains, the first row is taken. Memory grows with N x N.

    Args:
        features: (N, d).
        number: 1 to N.

    >>> facility_location(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 2)
    array([1, 2])
    """
    points = np.asarray(features, np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", points, points))
    points = points / np.where(lengths > 0, lengths, 1)[:, None]
    similarity = 1 + points @ points.T
    best = np.zeros(len(points))
    chosen: list[int] = []
    gains = similarity.sum(axis=1)  # upper bounds: a gain only falls when more images are chosen
    while len(chosen) < number:
        exact: set[int] = set()
        while (row := int(gains.argmax())) not in exact:
            gains[row] = np.maximum(similarity[row] - best, 0).sum()
            exact.add(row)
        chosen.append(row)
        best = np.maximum(best, similarity[row])
        gains[row] = -1
    return np.array(chosen)
