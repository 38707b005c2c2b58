"""The check of labels by the results of classifiers that were trained on real images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt

import numpy as np

from prettyuseful.checks.base import Hit
from prettyuseful.checks.results import Results
from prettyuseful.checks.words import listed
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.formatting import share

_QUANTILE = 3.29  # of the normal distribution: two-sided 99.9%, because data sets and classes are many
_CLASS_QUANTILE = 1.96
_MIN_IMAGES = 20
_MAX_REAL = 0.25  # share of real test images that are confused in the same way; above it, the classes are similar


def permuted_labels(results: Results) -> Iterator[Hit]:
    """Find labels that real-trained classifiers contradict systematically.

    Either most images of each of several classes are classified as one other class, and these classes change places; or
    the accuracy is significantly below that of guessing (Wilson interval, 99.9%). Nothing is reported if the
    classifiers do not recognise real test images either.
    """
    images, real = results.tested.sum(), results.real.sum()
    if images < _MIN_IMAGES or not real:
        return
    chance, correct = 1 / len(results.classes), float(np.trace(results.tested))
    low, _ = wilson(float(np.trace(results.real)), real, _QUANTILE)
    if low <= chance:
        return
    places = _permutation(results)
    _, high = wilson(correct, images, _QUANTILE)
    accuracy = f"Classifiers trained on real images recognise {share(correct / images)} of the images of {results.name}"
    guess = f"guessing reaches {share(chance)}"
    if places:
        words = f"The labels of {_swaps(places, results.classes)} seem to be permuted in {results.name}"
        concerned = round(float(results.tested[list(places)].sum()))
        yield Hit(
            results.name,
            concerned,
            round(float(images)),
            f"{words}: {accuracy[0].lower()}{accuracy[1:]} ({guess}), and take most images of each of these classes "
            "for one other class.",
            tuple(_arrow(i, j, results) for i, j in list(places.items())[:6]),
        )
    elif high < chance:
        yield Hit(
            results.name,
            round(float(images - correct)),
            round(float(images)),
            f"{accuracy}, significantly fewer than by chance ({guess}): its labels seem to be permuted.",
        )


def wilson(successes: float, trials: float, quantile: float) -> tuple[float, float]:
    """Return the Wilson score interval of a share."""
    p, factor = successes / trials, quantile**2 / trials
    centre, half = p + factor / 2, quantile * sqrt(p * (1 - p) / trials + factor / (4 * trials))
    return (centre - half) / (1 + factor), (centre + half) / (1 + factor)


def _permutation(results: Results) -> Mapping[int, int]:
    """Return, for each class in a cycle of classes that change places, the class that its images are taken for."""
    taken_for: dict[int, int] = {}
    for i, counts in enumerate(results.tested):
        j = int(counts.argmax())
        total, real = counts.sum(), results.real[i].sum()
        if i == j or not total or wilson(float(counts[j]), float(total), _CLASS_QUANTILE)[0] <= 0.5:
            continue
        if not real or results.real[i, j] / real <= _MAX_REAL:
            taken_for[i] = j
    in_cycle = {}
    for start in taken_for:
        position = taken_for[start]
        for _ in taken_for:
            if position == start or position not in taken_for:
                break
            position = taken_for[position]
        if position == start:
            in_cycle[start] = taken_for[start]
    return in_cycle


def _swaps(places: Mapping[int, int], classes: tuple[str, ...]) -> str:
    names = [classes[i] for i in places]
    if len(names) == 2:
        return " and ".join(f"'{printable(name)}'" for name in names)
    return f"{len(names)} classes ({listed(names)})"


def _arrow(i: int, j: int, results: Results) -> str:
    part = results.tested[i, j] / results.tested[i].sum()
    names = (printable(results.classes[k]) for k in (i, j))
    return f"{share(part, 0)} of {next(names)} are classified as {next(names)}"
