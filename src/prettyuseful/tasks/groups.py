"""Put related images into groups: near-duplicates, and images that the source puts into one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set

import numpy as np

from prettyuseful.data.images import decode
from prettyuseful.data.near_duplicates import merge_partitions, near_duplicates, thumbnail_vectors
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError

_MAX_LISTED = 5  # broken images that one error lists


def source_groups(source: SampledSource) -> dict[str, str]:
    """Return the group of every image of a source, by path: the one that the source gives, or else its content id.

    So equal images are in one group, and the groups do not depend on file names.
    """
    ids = source.content_ids()
    return {sample.path: str(sample.fields.get("group", ids[sample.path])) for sample in source.samples()}


def near_duplicate_groups(source: SampledSource, only: Set[str] | None = None) -> dict[str, str]:
    """Return the group of every image of a source, by path; `only`: the paths of the images that are looked at.

    Near-duplicates in the same class are put into one group. Groups that the source itself gives are kept together. A
    group takes its name from the source, or else the smallest content id of its images.

    Raises:
        DataError: images cannot be decoded; the message lists them.
    """
    key = digest([source.fingerprint(), sorted(only) if only is not None else None])
    if key not in _found:
        if len(_found) == _REMEMBERED:
            _found.pop(next(iter(_found)))
        _found[key] = _near_duplicate_groups(source, only)
    return dict(_found[key])


_found: dict[str, dict[str, str]] = {}
"""Groups that this process has found, by the content of the images: a task is opened by planning and by each load."""
_REMEMBERED = 8


def _near_duplicate_groups(source: SampledSource, only: Set[str] | None) -> dict[str, str]:
    vectors: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    broken: list[str] = []
    for sample in source.samples():
        if only is not None and sample.path not in only:
            continue
        try:
            vectors[sample.label][sample.path] = thumbnail_vectors(decode(sample.read(), sample.location))
        except DataError as error:
            broken.append(str(error))
        if len(broken) == _MAX_LISTED:
            break
    if broken:
        raise DataError("; ".join(broken))
    given, ids = source_groups(source), source.content_ids()
    duplicate_groups: dict[str, tuple[str, int]] = {}
    for label, class_vectors in vectors.items():
        # The order of equal images is of no consequence, but the order of different ones must not depend on names.
        paths = sorted(class_vectors, key=lambda path: ids[path])
        components = near_duplicates([class_vectors[path] for path in paths])
        for path, component in zip(paths, components, strict=True):
            duplicate_groups[path] = (label, int(component))
    paths = sorted(duplicate_groups)
    merged = merge_partitions([duplicate_groups[path] for path in paths], [given[path] for path in paths]).tolist()
    names: dict[int, str] = {}
    for path, group in zip(paths, merged, strict=True):
        names[group] = min(names.get(group, given[path]), given[path])
    return {path: names[group] for path, group in zip(paths, merged, strict=True)}
