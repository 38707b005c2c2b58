"""Which groups of images are held out for tests: a share of every class, and no group in part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from prettyuseful.engine.keys import derive_seed

SEED = 0


def held_out(images: Iterable[tuple[int, str]], share: float) -> set[str]:
    """The groups to test on, of images given by class and group. Neither their order nor that of groups matters.

    In an order drawn with seed 0, a group is held out if that brings its classes nearer to `share` (0-1) of their
    images; then of every class that has none, its smallest group. A class of one group is held out or not as a whole.
    """
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    wanted: dict[int, float] = defaultdict(float)
    for label, group in images:
        counts[group][label] += 1
        wanted[label] += share
    order = sorted(counts, key=lambda group: derive_seed("held out", SEED, group))
    out: set[str] = set()
    for group in order:
        # How much farther its classes are from what is wanted of them, in images.
        change = sum(abs(wanted[label] - n) - abs(wanted[label]) for label, n in counts[group].items())
        if change < 0:
            out.add(group)
            for label, n in counts[group].items():
                wanted[label] -= n
    without = wanted.keys() - {label for group in out for label in counts[group]}
    for label in sorted(without):
        out.add(min((group for group in order if label in counts[group]), key=lambda group: counts[group].total()))
    return out


def dealt(paths: Mapping[str, str]) -> list[str]:
    """Paths, given with their groups, in a fixed order without pattern: one of every group, then the next of every."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths, key=lambda path: derive_seed("dealt", SEED, path)):
        by_group[paths[path]].append(path)
    rounds = {path: turn for of_group in by_group.values() for turn, path in enumerate(of_group)}
    return sorted(paths, key=lambda path: (rounds[path], derive_seed("dealt", SEED, paths[path])))
