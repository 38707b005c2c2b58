"""Checks for copies: within a set, and between what is trained on, test images and synthetic images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prettyuseful.checks.base import Hit
from prettyuseful.checks.duplicates import Copies, copies, repeats
from prettyuseful.checks.image_set import ImageSet, Sets
from prettyuseful.checks.words import MAX_EXAMPLES, count_of, verb
from prettyuseful.data.dataset import group_of_source
from prettyuseful.data.sources.safe_reading import printable


def leaked(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        for test in sets.having("test"):
            if images.role not in ("test", "other"):
                yield from _copies(images, test)


def copied(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        for train in sets.having("train"):
            if images.role == "synthetic":
                yield from _copies(images, train)


def shared(sets: Sets) -> Iterator[Hit]:
    """Pairs of sets that neither `leaked` nor `copied` compares. Each pair is compared once."""
    for number, images in enumerate(sets.checked):
        for earlier in sets.checked[:number]:
            if images.role == earlier.role or "other" in (images.role, earlier.role):
                yield from _copies(images, earlier)


def repeated(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        found = repeats(images.table)
        count = found.exact + found.near
        if count:
            groups = tuple(
                " = ".join(sorted(printable(images.table.paths[row]) for row in group)[:3])
                for group in found.members[:MAX_EXAMPLES]
            )
            words = f"{count_of(count, images)} {verb(count, 'repeats', 'repeat')} another image of the set"
            yield Hit(images.name, count, len(images), f"{words}, {_ways(found.exact, found.near)}.", groups)


def conflicting_labels(sets: Sets) -> Iterator[Hit]:
    for images in sets.checked:
        table = images.table
        groups = [g for g in repeats(table).members if len(np.unique(table.labels[g])) > 1]
        count = sum(map(len, groups))
        if count:
            examples = tuple(
                " = ".join(sorted(printable(table.paths[row]) for row in group)[:3]) for group in groups[:MAX_EXAMPLES]
            )
            words = f"{count_of(count, images)} are the same pictures in different classes."
            yield Hit(images.name, count, len(images), words, examples)


def _copies(images: ImageSet, of: ImageSet) -> Iterator[Hit]:
    found = copies(images.table, of.table)
    count, exact = len(found.rows), int(found.exact.sum())
    if not count:
        return
    words = f"{count_of(count, images)} {verb(count, 'is a copy', 'are copies')} of {len(found.originals):,} of the"
    yield Hit(
        images.name,
        count,
        len(images),
        f"{words} {len(of):,} {of.title}, {_ways(exact, count - exact)}{_sources(images, of, found)}.",
        _pairs(images, of, found),
        of.name,
    )


def _sources(images: ImageSet, of: ImageSet, found: Copies) -> str:
    """Return what is to be said if the images were generated from real training images."""
    if not images.conditioned:
        return ""
    if of.role != "train":
        return "; none of these real images was given to the generator"
    own = sum(
        images.table.groups[row] == group_of_source(of.table.groups[other])
        for row, other in zip(found.rows, found.partners, strict=True)
    )
    return f"; all images were generated from real training images, and {own:,} of the copies from the image they copy"


def _ways(exact: int, near: int) -> str:
    if not near:
        return "byte for byte"
    if not exact:
        return verb(near, "as a near-duplicate", "as near-duplicates")
    return f"{exact:,} byte for byte and {near:,} as {verb(near, 'a near-duplicate', 'near-duplicates')}"


def _pairs(images: ImageSet, of: ImageSet, found: Copies) -> tuple[str, ...]:
    pairs = sorted(
        (not exact, images.table.paths[row], of.table.paths[other])
        for row, other, exact in zip(found.rows, found.partners, found.exact, strict=True)
    )
    return tuple(f"{printable(path)} = {printable(other)}" for _, path, other in pairs[:MAX_EXAMPLES])
