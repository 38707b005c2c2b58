"""Split real images into training and test images by whole groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from prettyuseful.engine.keys import derive_seed

SPLIT_SEED = 0


def held_out_groups(images: Iterable[tuple[int, str]], share: float) -> set[str]:
    """Return the groups to test on.

    Groups are visited in a pseudo-random order with seed 0. A group is held out if this brings its classes nearer to
    the wanted share of test images. Then each class that still has no test image gets its smallest group held out. So
    a class that consists of one group has test images only. The order of `images` does not matter.

    Args:
        images: the class and the group of each image.
        share: wanted share of test images in each class, 0 to 1.
    """
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    wanted: dict[int, float] = defaultdict(float)
    for label, group in images:
        counts[group][label] += 1
        wanted[label] += share
    return _nearest_groups(counts, wanted, "held out")


def limited_groups(images: Iterable[tuple[int, str]], per_class: int) -> set[str]:
    """Return groups that together have about `per_class` images of each class, or all that a class has.

    They are chosen as by `held_out_groups`.
    """
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for label, group in images:
        counts[group][label] += 1
    available: Counter[int] = sum(counts.values(), Counter())
    return _nearest_groups(counts, {label: min(per_class, n) for label, n in available.items()}, "limited")


def _nearest_groups(counts: Mapping[str, Counter[int]], numbers: Mapping[int, float], purpose: str) -> set[str]:
    """Return groups with about the wanted number of images of each class; `counts`: of each group and class."""
    wanted = dict(numbers)
    order = sorted(counts, key=lambda group: derive_seed(purpose, SPLIT_SEED, group))
    held_out: set[str] = set()
    for group in order:
        # Change of the distance between wanted and held-out images, summed over the classes of the group.
        change = sum(abs(wanted[label] - n) - abs(wanted[label]) for label, n in counts[group].items())
        if change < 0:
            held_out.add(group)
            for label, n in counts[group].items():
                wanted[label] -= n
    classes_without = wanted.keys() - {label for group in held_out for label in counts[group]}
    for label in sorted(classes_without):
        held_out.add(min((group for group in order if label in counts[group]), key=lambda group: counts[group].total()))
    return held_out


def interleave_groups(groups: Mapping[str, str], ids: Mapping[str, str]) -> list[str]:
    """Return paths in a fixed pseudo-random order: the first image of every group, then the second, and so on.

    The order depends on the groups and on the content of the images, not on their paths.

    Args:
        groups: the group of each path.
        ids: the content id of each path.
    """

    def rank(name: str) -> tuple[int, str]:
        return derive_seed("dealt", SPLIT_SEED, name), name

    by_group: dict[str, list[str]] = defaultdict(list)
    for path in sorted(groups, key=lambda path: rank(ids[path])):
        by_group[groups[path]].append(path)
    rounds = {path: turn for paths in by_group.values() for turn, path in enumerate(paths)}
    return sorted(groups, key=lambda path: (rounds[path], rank(groups[path])))
