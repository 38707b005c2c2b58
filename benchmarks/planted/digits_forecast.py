"""Many small worlds of damaged data sets for `benchmarks/forecast.py`: scikit-learn's digits, in seconds."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from planted.forecast_worlds import World
from prettyuseful.analysis.predictors import Predictor
from prettyuseful.metrics.frechet import frechet_distance
from prettyuseful.metrics.kernel import kid
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.prdc import manifold
from prettyuseful.metrics.vendi import vendi_score

_CLASSES, _TRAIN, _TEST, _PER_CLASS, _FEATURES = 10, 40, 60, 40, 48


_PREDICTORS: dict[str, tuple[float | None, float | None]] = {
    "frechet": (0.0, None),
    "kid": (None, None),
    "density": (0.0, None),
    "coverage": (0.0, 1.0),
    "precision": (0.0, 1.0),
    "recall": (0.0, 1.0),
    "vendi": (1.0, None),
    "nearest": (0.0, None),
    "contrast": (0.0, None),
    "contrast-spread": (0.0, None),
    "real-to-synth": (0.0, 1.0),
    "linear-probe": (0.0, 1.0),
}


def digits_world(seed: int, sets: int = 45) -> World:
    """Return a world of data sets that are damaged choices of digits; the classifier is a kernel ridge regression."""
    rng = np.random.default_rng([seed, 7])
    images, labels = _digits()
    order = rng.permutation(len(images))
    of_class = [order[labels[order] == label] for label in range(_CLASSES)]
    train = np.concatenate([rows[:_TRAIN] for rows in of_class])
    test = np.concatenate([rows[_TRAIN : _TRAIN + _TEST] for rows in of_class])
    pool = [rows[_TRAIN + _TEST :] for rows in of_class]
    of_set = np.repeat(np.arange(_CLASSES), _PER_CLASS)
    encode = rng.normal(size=(64, _FEATURES)) / 8
    favoured = rng.permutation(len(_DAMAGES))[:6]  # the damages that this world's generators have
    values, accuracies = [], []
    for index in range(sets):
        kinds = [] if index == 0 else rng.choice(favoured, 1 + (rng.random() < 0.4), replace=False)
        data = _damaged(images, pool, np.sort(kinds), rng)
        values.append(_measure(images[train], labels[train], data, of_set, encode))
        predicted = _kernel_ridge(data, of_set, images[test])
        accuracies.append(float((predicted == labels[test]).mean()))
    bounds = _PREDICTORS.values()
    scaled = [
        Predictor("", "", "", low=low, high=high).scaled(column)
        for (low, high), column in zip(bounds, np.array(values).T, strict=True)
    ]
    return World("digits", tuple(_PREDICTORS), np.stack(scaled, axis=1), np.array(accuracies))


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Return noisy digits: without noise, most classifiers reach nearly the same accuracy."""
    images, labels = load_digits(return_X_y=True)
    return images / 16 + 0.35 * np.random.default_rng(0).normal(size=images.shape), labels


def _damaged(images: np.ndarray, pool: list[np.ndarray], kinds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (classes * per class, 64) images."""
    few, blur, noise, contrast, wrong, typical, mixed, shift = (kind in kinds for kind in range(len(_DAMAGES)))
    chosen = []
    count = int(rng.integers(2, 20)) if few else _PER_CLASS
    for rows in pool:
        if typical:
            distance = ((images[rows] - images[rows].mean(axis=0)) ** 2).sum(axis=1)
            rows = rows[np.argsort(distance)]
        else:
            rows = rng.permutation(rows)
        chosen.append(images[rows[np.arange(_PER_CLASS) % count]])
    data = np.concatenate(chosen)
    square = data.reshape(-1, 8, 8)
    if blur:
        strength = rng.uniform(0.1, 0.9)
        around = sum(np.roll(square, step, axis) for axis in (1, 2) for step in (-1, 1)) / 4
        square = (1 - strength) * square + strength * around
    if shift:
        square = np.roll(square, int(rng.integers(1, 3)), 2)
    if contrast:
        square = 0.5 + rng.uniform(0.2, 0.8) * (square - 0.5)
    if mixed:
        share = rng.uniform(0.1, 0.5)
        square = (1 - share) * square + share * square[rng.permutation(len(square))]
    data = square.reshape(-1, 64)
    if noise:
        data = data + rng.uniform(0.1, 0.8) * rng.normal(size=data.shape)
    if wrong:
        moved = np.flatnonzero(rng.random(len(data)) < rng.uniform(0.1, 0.8))
        data = data.copy()
        data[moved] = data[rng.permutation(moved)]
    return data


_DAMAGES = ("few", "blur", "noise", "contrast", "wrong", "typical", "mixed", "shift")


def _measure(
    real: np.ndarray, real_labels: np.ndarray, data: np.ndarray, labels: np.ndarray, encode: np.ndarray
) -> list[float]:
    features, reference = np.tanh(data @ encode), np.tanh(real @ encode)
    parts, nearest = [], []
    for label in range(_CLASSES):
        inside = reference[real_labels == label], features[labels == label]
        parts.append(manifold(*inside, k=5))
        nearest.append(nearest_distance(*inside).distance.mean())
    spread, own = data.std(axis=1), real.std(axis=1)
    return [
        frechet_distance(reference, features),
        kid(reference, features),
        *(
            float(np.mean([getattr(part, name).mean() for part in parts]))
            for name in ("density_parts", "coverage_parts", "precision_parts", "recall_parts")
        ),
        vendi_score(features),
        float(np.mean(nearest)),
        float(spread.mean() / own.mean()),
        float(spread.std() / own.std()),
        float((_kernel_ridge(real, real_labels, data) == labels).mean()),
        float((_ridge(features, labels, reference) == real_labels).mean()),
    ]


def _ridge(train: np.ndarray, labels: np.ndarray, test: np.ndarray, penalty: float = 1.0) -> np.ndarray:
    mean = train.mean(axis=0)
    rows, targets = train - mean, np.eye(_CLASSES)[labels] - 1 / _CLASSES
    weights = np.linalg.solve(rows.T @ rows + penalty * np.eye(rows.shape[1]), rows.T @ targets)
    return np.asarray(((test - mean) @ weights).argmax(axis=1))


def _kernel_ridge(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squared = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
        return np.exp(-squared / 8)

    targets = np.eye(_CLASSES)[labels] - 1 / _CLASSES
    dual = np.linalg.solve(kernel(train, train) + 0.1 * np.eye(len(train)), targets)
    return np.asarray((kernel(test, train) @ dual).argmax(axis=1))
