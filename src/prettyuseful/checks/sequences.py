"""Recognise file names of frames, crops and augmented copies: several images of one source."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

_WORDS = "frame|frm|crop|patch|tile|slice|view|aug|augmented|copy|flip|rot|rotated"
_EXPLICIT = re.compile(rf"(?P<source>.*[A-Za-z0-9])[ _.-]+(?:{_WORDS})[ _-]*\d*", re.IGNORECASE)
_ROBOFLOW = re.compile(r"(?P<source>.+)\.rf\.[0-9A-Za-z]{16,}")
_COUNTER = re.compile(r"(?P<source>.*\d.*?)[ _-]+\d{1,6}")
_DATE = re.compile(r"(?:^|\D)(?:19|20)\d{6}$")  # photographs of one day are numbered by their time
_MIN_SOURCES, _MIN_SHARE = 3, 0.5
"""A counter behind a number, such as video_001_0001, means frames if most images have such names, and there are
several sources in each class: in n01440764_10026, the number is the class."""


def source_of(paths: Sequence[str], labels: Sequence[int] | np.ndarray) -> list[str | None]:
    """Return the source of each image by its file name, such as `cat/video_001`; None if the name has no source.

    Plain counters (`img_0001`) tell of none. A source has at least two images.
    """
    names = [PurePosixPath(path.replace("\\", "/")) for path in paths]
    sources = [_explicit(name) for name in names]
    counted = [None if source else _counted(name) for source, name in zip(sources, names, strict=True)]
    by_class: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for source, label in zip(counted, labels, strict=True):
        if source:
            by_class[int(label)][source] += 1
    repeated = {source for of_class in by_class.values() for source, count in of_class.items() if count > 1}
    several = [sum(count > 1 for count in of_class.values()) >= _MIN_SOURCES for of_class in by_class.values()]
    covered = sum(source in repeated for source in counted)
    if several and sum(several) * 2 > len(several) and covered >= _MIN_SHARE * len(paths):
        sources = [
            source or (other if other in repeated else None) for source, other in zip(sources, counted, strict=True)
        ]
    counts: dict[str | None, int] = defaultdict(int)
    for source in sources:
        counts[source] += 1
    return [source if counts[source] > 1 else None for source in sources]


def _explicit(name: PurePosixPath) -> str | None:
    stem = name.stem
    match = _ROBOFLOW.fullmatch(stem) or _EXPLICIT.fullmatch(stem)
    return (name.parent / match["source"]).as_posix() if match else None


def _counted(name: PurePosixPath) -> str | None:
    match = _COUNTER.fullmatch(name.stem)
    return None if match is None or _DATE.search(match["source"]) else (name.parent / match["source"]).as_posix()
