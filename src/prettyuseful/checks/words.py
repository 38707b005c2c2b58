"""Phrases that the sentences of several checks share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from prettyuseful.checks.image_set import ImageSet
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.formatting import share

MAX_EXAMPLES = 6
_MAX_NAMES = 4


def count_of(count: int, images: ImageSet) -> str:
    """Return `84 of 240 images of leak (35.0%)`, or `1 of 5,000 real test images (less than 0.1%)`."""
    part = count / max(1, len(images))
    return f"{count:,} of {len(images):,} {images.title} ({share(part) if part >= 0.001 else 'less than 0.1%'})"


def verb(count: int, singular: str, plural: str) -> str:
    return singular if count == 1 else plural


def paths_of(images: ImageSet, rows: Iterable[int] | np.ndarray) -> tuple[str, ...]:
    """Return the paths of the first images by name, safe to print."""
    return tuple(printable(path) for path in sorted(images.table.paths[row] for row in rows)[:MAX_EXAMPLES])


def listed(names: Sequence[str]) -> str:
    """Return `cat, dog, fox, owl and 3 more`, safe to print."""
    shown = [printable(name) for name in names[:_MAX_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")
