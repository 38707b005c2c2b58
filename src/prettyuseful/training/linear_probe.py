"""The linear probe: multinomial logistic regression with an L2 penalty on features of a frozen encoder.

The optimum is computed exactly (it is unique), so there is no seed, no schedule and no augmentation. Kornblith, Shlens
and Le, "Do Better ImageNet Models Transfer Better?", CVPR 2019, evaluate encoders in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from prettyuseful.data.portions import select_rows
from prettyuseful.engine.keys import derive_seed
from prettyuseful.training.recipes import FrozenFeatures

ABSENT = -30.0
"""The logit of a class without training images, relative to the mean of the others."""
_EXACT, _ROUGH = 1e-9, 1e-4  # tolerance of the gradient: of the probe, and of the trials of cross-validation
_MAX_ITERATIONS = 2000


@dataclass(frozen=True)
class LinearProbe:
    """A linear probe: logits are `features @ weights + bias`.

    `weights`: (d, classes) float64; `bias`: (classes,). `inverse_strength`: of the penalty, see `FrozenFeatures`.
    `loss`: mean cross-entropy of the training images; `accuracy`: the share of them that it classifies correctly.
    """

    weights: np.ndarray
    bias: np.ndarray
    inverse_strength: float
    loss: float
    accuracy: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, classes) float32 of features (N, d)."""
        logits: np.ndarray = (features.astype(np.float64) @ self.weights + self.bias).astype(np.float32)
        return logits


def fit_linear_probe(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int, recipe: FrozenFeatures
) -> LinearProbe:
    """Fit a linear probe.

    Features are standardised with mean and standard deviation of the training images, and divided by the square root of
    their number, so that an image has about unit length whatever the encoder.

    Args:
        features: (N, d) of the training images.
        labels: (N,) int, from 0.
        groups: (N,) source groups, which a fold of cross-validation never divides.
        classes: number of classes; a class without images is never predicted.
        recipe: strengths that are tried, and folds.
    """
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 1e-8 * np.abs(mean).max(initial=1e-8), scale, np.inf) * features.shape[1] ** 0.5
    rows = (features - mean) / scale
    if len(rows) < rows.shape[1]:
        rows, basis = _span(rows)
    else:
        basis = None
    present, index = np.unique(labels, return_inverse=True)
    chosen = _choose_strength(rows, index, groups, len(present), recipe)
    solution = _solve(rows, index, len(present), chosen, _EXACT, None)
    logs = log_softmax(rows @ solution[:-1] + solution[-1], axis=1)
    weights = np.zeros((features.shape[1], classes))
    weights[:, present] = solution[:-1] if basis is None else basis @ solution[:-1]
    weights /= scale[:, None]
    bias = np.full(classes, solution[-1].mean() + ABSENT)
    bias[present] = solution[-1]
    return LinearProbe(
        weights=weights,
        bias=bias - mean @ weights,
        inverse_strength=chosen,
        loss=float(-logs[np.arange(len(index)), index].mean()),
        accuracy=float((logs.argmax(axis=1) == index).mean()),
    )


def _span(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return N images in an orthonormal basis of what they span (N, r), and the basis (d, r).

    The optimum lies in this space, because the penalty is rotation invariant; with fewer images than features this
    makes the problem small without changing the result.
    """
    values, vectors = np.linalg.eigh(rows @ rows.T)
    keep = values > values[-1] * 1e-12
    lengths = np.sqrt(values[keep])
    return vectors[:, keep] * lengths, rows.T @ (vectors[:, keep] / lengths)


def _choose_strength(
    rows: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int, recipe: FrozenFeatures
) -> float:
    """Return the strength with the lowest cross-entropy in cross-validation, or the default with too few images.

    Strengths are tried from the strongest penalty on, and each trial starts at the solution of the one before; the
    first increase of the loss ends the search, as the loss has one minimum in practice.
    """
    folds = stratified_folds(labels, groups, recipe.folds)
    if folds is None:
        return recipe.default_inverse_strength
    starts: list[np.ndarray | None] = [None] * recipe.folds
    best, least = recipe.default_inverse_strength, np.inf
    for strength in sorted(recipe.inverse_strengths):
        loss = 0.0
        for fold in range(recipe.folds):
            train, held = folds != fold, np.flatnonzero(folds == fold)
            start = _solve(rows[train], labels[train], classes, strength, _ROUGH, starts[fold])
            starts[fold] = start
            logs = log_softmax(rows[held] @ start[:-1] + start[-1], axis=1)
            loss -= float(logs[np.arange(len(held)), labels[held]].sum())
        if loss >= least:
            break
        best, least = strength, loss
    return best


def stratified_folds(labels: np.ndarray, groups: np.ndarray, folds: int) -> np.ndarray | None:
    """Return the fold of each image, (N,) int; whole groups, spread evenly over each class.

    None if a class has fewer images or groups than there are folds. Groups are dealt in a fixed pseudo-random order
    to the fold that has the fewest images of their classes so far.
    """
    names, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(labels.max()) + 1), np.int64)
    np.add.at(counts, (members, labels), 1)
    if ((counts > 0).sum(axis=0) < folds).any():
        return None
    filled, fold_of = np.zeros((folds, counts.shape[1])), np.empty(len(names), np.int64)
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i].max()), derive_seed("folds", str(names[i]))))
    share = 1 / counts.sum(axis=0)
    for group in order:
        fold = int(np.argmin(filled @ (share * (counts[group] > 0)) + 1e-9 * filled.sum(axis=1)))
        fold_of[group] = fold
        filled[fold] += counts[group]
    found: np.ndarray = fold_of[members]
    return found


def _solve(
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    inverse_strength: float,
    tolerance: float,
    start: np.ndarray | None,
) -> np.ndarray:
    """Return weights and, in the last row, biases (d + 1, classes) that minimise the penalised cross-entropy.

    The loss is the mean cross-entropy plus the sum of squared weights divided by 2 N `inverse_strength`; biases are not
    penalised. So the strength means what C means in scikit-learn's `LogisticRegression`.
    """
    count, width = rows.shape
    wanted = np.eye(classes)[labels]
    penalty = 1 / (count * inverse_strength)

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        point = flat.reshape(width + 1, classes)
        logs = log_softmax(rows @ point[:-1] + point[-1], axis=1)
        rest = (np.exp(logs) - wanted) / count
        gradient = np.concatenate([rows.T @ rest + penalty * point[:-1], rest.sum(axis=0)[None]])
        loss = -(wanted * logs).sum() / count + penalty / 2 * (point[:-1] ** 2).sum()
        return float(loss), gradient.ravel()

    begin = np.zeros((width + 1, classes)) if start is None else start
    options: Any = {"maxiter": _MAX_ITERATIONS, "maxcor": 20, "gtol": tolerance, "ftol": tolerance * 1e-4, "maxls": 50}
    found = minimize(loss_and_gradient, begin.ravel(), jac=True, method="L-BFGS-B", options=options)
    solution: np.ndarray = found.x.reshape(width + 1, classes)
    solution[-1] -= solution[-1].mean()  # the loss does not depend on it
    return solution


def select_draw(labels: np.ndarray, per_class: Sequence[int], draw: int) -> np.ndarray:
    """Return the rows of a draw of `per_class[label]` images of each class, in the order of the images.

    Draws are taken one after the other; where a class has too few images for that, they go on with its first images.

    Args:
        labels: (N,) int, classes of the available images.
        per_class: at most as many as there are.
        draw: from 0.
    """
    return select_rows(labels, per_class, [draw * wanted for wanted in per_class])
