"""Checks of whole sets: classes, their sizes, groups, and differences of files between real and synthetic images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from prettyuseful.checks.base import Hit
from prettyuseful.checks.image_set import ImageSet, Sets
from prettyuseful.checks.sequences import source_of
from prettyuseful.checks.words import MAX_EXAMPLES, count_of, listed, paths_of
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.formatting import share

_FEW = 10  # images of a class
_IMBALANCE = 3.0  # largest class over smallest class
_AGAINST_REAL = 2.0  # share of a class over its share of the real images
_FORMATS_DIFFER = 0.5  # share of images whose format would have to change
_QUALITIES_DIFFER = 10
_SIZES_DIFFER = 1.5
_MIN_EXPECTED = 5  # images; smaller classes differ by chance


def missing_classes(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        for real in _references(images, sets):
            names = {_plain(name) for name in _classes_with_images(images)}
            missing = [name for name in _classes_with_images(real) if _plain(name) not in names]
            if missing:
                total = len(_classes_with_images(real))
                words = f"{images.name} has no images of {len(missing)} of the {total} classes of {real.name}"
                yield Hit(images.name, len(missing), total, f"{words}: {listed(missing)}.", _names(missing), real.name)


def few_images(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        counts = images.table.class_counts
        small = np.flatnonzero((counts < _FEW) & (counts > 0))
        if len(small):
            names = [images.table.classes[i] for i in small[np.argsort(counts[small], kind="stable")]]
            words = f"{len(small)} of {len(counts)} classes of {images.name} have fewer than {_FEW} images"
            yield Hit(images.name, len(small), len(counts), f"{words}: {listed(names)}.", _names(names))


def imbalance(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        counts = images.table.class_counts
        held = counts[counts > 0]
        if len(held) > 1 and held.max() >= _IMBALANCE * held.min():
            largest, smallest = images.table.classes[counts.argmax()], images.table.classes[_smallest(counts)]
            small = np.flatnonzero((counts > 0) & (counts * _IMBALANCE <= counts.max()))
            words = (
                f"The classes of {images.name} are unequal: {counts.max():,} images of '{printable(largest)}', "
                f"{held.min():,} of '{printable(smallest)}'."
            )
            names = [images.table.classes[i] for i in small]
            yield Hit(images.name, len(small), len(counts), words, _names(names))


def imbalance_against_real(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        for real in sets.having("train") if images.role == "synthetic" else ():
            ours, theirs = _shares(images), _shares(real)
            names = [name for name in theirs if name in ours]
            different = [
                name
                for name in names
                if max(ours[name] / theirs[name], theirs[name] / ours[name]) >= _AGAINST_REAL
                and max(ours[name], theirs[name]) * min(len(images), len(real)) >= _MIN_EXPECTED
            ]
            if different:
                different.sort(key=lambda name: -max(ours[name] / theirs[name], theirs[name] / ours[name]))
                worst = different[0]
                words = (
                    f"{len(different)} of {len(names)} classes have other shares in {images.name} than in {real.name}: "
                    f"'{printable(worst)}' makes up {share(ours[worst])} instead of {share(theirs[worst])}."
                )
                yield Hit(images.name, len(different), len(names), words, _names(different), real.name)


def ungrouped(sets: Sets) -> Iterator[Hit]:
    """Images whose names say that they come from one source, but whose groups differ."""
    for images in sets.checked:
        table = images.table
        sources = source_of(table.paths, table.labels)
        groups: dict[str, set[str]] = {}
        for source, group in zip(sources, table.groups, strict=True):
            if source:
                groups.setdefault(source, set()).add(group)
        split = {source for source, members in groups.items() if len(members) > 1}
        rows = [row for row, source in enumerate(sources) if source in split]
        if rows:
            words = (
                f"{count_of(len(rows), images)} have names like frames, crops or copies of {len(split):,} sources, "
                "but no groups."
            )
            yield Hit(images.name, len(rows), len(images), words, paths_of(images, rows))


def formats_differ(sets: Sets) -> Iterator[Hit]:
    for images, real in _pairs(sets):
        ours, theirs = (_shares_of(side.table.formats) for side in (images, real))
        distance = sum(abs(ours.get(name, 0) - theirs.get(name, 0)) for name in {*ours, *theirs}) / 2
        if distance > _FORMATS_DIFFER:
            count = round(distance * len(images))
            words = f"{_main(ours, images)}, but {_main(theirs, real)}."
            yield Hit(images.name, count, len(images), words, (), real.name)


def qualities_differ(sets: Sets) -> Iterator[Hit]:
    for images, real in _pairs(sets):
        ours, theirs = (side.table.qualities[side.table.qualities > 0] for side in (images, real))
        if len(ours) > len(images) / 2 and len(theirs) > len(real) / 2:
            a, b = float(np.median(ours)), float(np.median(theirs))
            if abs(a - b) >= _QUALITIES_DIFFER:
                words = f"The median JPEG quality is {a:.0f} in {images.name} and {b:.0f} in {real.name}."
                yield Hit(images.name, len(ours), len(images), words, (), real.name)


def sizes_differ(sets: Sets) -> Iterator[Hit]:
    for images, real in _pairs(sets):
        a, b = (float(np.median(np.minimum(s.table.widths, s.table.heights))) for s in (images, real))
        if max(a / b, b / a) >= _SIZES_DIFFER:
            words = f"The median short side is {a:.0f} px in {images.name} and {b:.0f} px in {real.name}."
            yield Hit(images.name, len(images), len(images), words, (), real.name)


def _pairs(sets: Sets) -> Iterator[tuple[ImageSet, ImageSet]]:
    """Yield each synthetic set with the real training images."""
    for images in sets.checked:
        for real in sets.having("train") if images.role == "synthetic" else ():
            if len(images) and len(real):
                yield images, real


def _references(images: ImageSet, sets: Sets) -> tuple[ImageSet, ...]:
    if images.role == "train":
        return ()
    if images.role == "other":
        first = sets.checked[0]
        return () if first is images or first.role != "other" else (first,)
    return sets.having("train")


def _classes_with_images(images: ImageSet) -> list[str]:
    counts = images.table.class_counts
    return [name for name, count in zip(images.table.classes, counts, strict=True) if count]


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_]+", name.casefold().strip()))


def _smallest(counts: np.ndarray) -> int:
    return int(np.where(counts > 0, counts, counts.max() + 1).argmin())


def _shares(images: ImageSet) -> dict[str, float]:
    counts = images.table.class_counts
    shares = zip(images.table.classes, counts / max(1, counts.sum()), strict=True)
    return {_plain(name): float(part) for name, part in shares if part}


def _shares_of(names: tuple[str, ...]) -> dict[str, float]:
    return {name: count / len(names) for name, count in Counter(names).items()}


def _main(shares: dict[str, float], images: ImageSet) -> str:
    name, part = min(shares.items(), key=lambda item: (-item[1], item[0]))
    return f"{share(part, 0)} of the {images.title} are {name} files"


def _names(names: list[str]) -> tuple[str, ...]:
    return tuple(printable(name) for name in names[:MAX_EXAMPLES])
