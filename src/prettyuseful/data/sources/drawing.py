"""The order in which images are drawn from a source. It depends on their contents, never on the names of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prettyuseful.engine.keys import derive_seed

DRAW_SEED = 0


def draw_order(paths: Iterable[str], content_ids: Mapping[str, str]) -> list[str]:
    """Return the paths in a fixed pseudo-random order of their images.

    The first images are the draw: those of a small draw are also in every larger one. Renamed files give the same
    images in the same order. Equal images have places of their own.

    Args:
        paths: images of one class.
        content_ids: digest of the bytes of each image, by path.
    """
    copies: Counter[str] = Counter()
    ranks: list[tuple[int, str]] = []
    for path in sorted(paths):
        content_id = content_ids[path]
        ranks.append((derive_seed("draw", DRAW_SEED, content_id, copies[content_id]), path))
        copies[content_id] += 1
    return [path for _, path in sorted(ranks)]
