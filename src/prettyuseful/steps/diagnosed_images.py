"""The images that a diagnosis compares: a sample of a data set, and the real images in two halves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prettyuseful.data.dataset import Row
from prettyuseful.data.pixels import Pixels, StoredSize
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job
from prettyuseful.steps.inputs import read_classes, read_index, read_pixels, read_rows
from prettyuseful.training.recipes import View

if TYPE_CHECKING:
    from prettyuseful.diagnosis.images import LabelledImages
    from prettyuseful.diagnosis.same_format import Operation

MAX_IMAGES = 1024
"""Largest number of images of each half with a trained network; every one is processed after some 100 changes."""
_MIN_PER_CLASS = 12


@dataclass(frozen=True)
class Setup:
    """How a diagnosis sees images.

    Attributes:
        view: the squares that images are cropped to.
        stored_size: short side of the decoded images in pixels.
        encoder: a frozen encoder of the squares, or None for classifiers that were trained on the halves.
        most: largest number of images of each half; a data set has twice this.
        least_per_class: images of each class that are kept even so.
        coarse: fewer candidate changes are tried.
    """

    view: View
    stored_size: StoredSize
    encoder: Pinned[EncoderSource] | None = None
    most: int = MAX_IMAGES
    least_per_class: int = _MIN_PER_CLASS
    coarse: bool = False

    def sample_rows(self, labels: np.ndarray, groups: np.ndarray, most: int) -> np.ndarray:
        """Return the rows of about `most` images, the same number of every class, as whole groups."""
        from prettyuseful.diagnosis.images import sample_groups

        classes = np.unique(labels)
        per_class = max(self.least_per_class, most // len(classes))
        rng = np.random.default_rng(0)
        chosen = []
        for label in classes:
            rows = np.flatnonzero(labels == label)
            chosen.append(np.sort(rows[sample_groups(groups[rows], per_class, rng)]))
        return np.concatenate(chosen)


@dataclass(frozen=True)
class Squares:
    """Reads images as the squares of a setup; `device`: where they are resized."""

    setup: Setup
    device: str

    def crop(self, pixels: Pixels) -> LabelledImages:
        """Return the centre squares of decoded images."""
        from prettyuseful.diagnosis.images import LabelledImages
        from prettyuseful.training.crops import centre_crops

        view = replace(self.setup.view, crops=1)
        return LabelledImages(centre_crops(pixels, view, self.device), pixels.labels, pixels.groups)

    def read_half(self, job: Job, name: str) -> LabelledImages:
        """Return the sample of a half of the real images, the input `name`."""
        pixels = read_pixels(job, name)
        return self.crop(pixels.take(self.half_rows(pixels)))

    def half_rows(self, pixels: Pixels) -> np.ndarray:
        """Return the rows of the sample of a half."""
        return self.setup.sample_rows(pixels.labels, pixels.groups, self.setup.most)

    def set_rows(self, pixels: Pixels) -> np.ndarray:
        """Return the rows of the sample of a data set."""
        return self.setup.sample_rows(pixels.labels, pixels.groups, 2 * self.setup.most)

    def real_rows(self, job: Job) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of `real` in the sample of each half of the real images; see `DiagnosedIndex`."""
        from prettyuseful.diagnosis.images import half_rows

        index = DiagnosedIndex.read(job, "real", read_classes(job, "half 0"))
        first, second = (
            half_rows(index.labels, index.groups, part)[self.half_rows(read_pixels(job, f"half {part}"))]
            for part in (0, 1)
        )
        return first, second

    def decode(self, job: Job, name: str, rows: np.ndarray, operations: Sequence[Operation]) -> LabelledImages:
        """Return images of the data set `name`, decoded again with operations that change their format.

        `rows`: see `DiagnosedIndex`.
        """
        from prettyuseful.diagnosis.same_format import decode_rows_as

        index = DiagnosedIndex.read(job, name, read_classes(job, "half 0"))
        order = np.argsort(index.positions[rows], kind="stable")
        encoded = _rows_at(job, name, index.positions[rows])
        decoded = Pixels.from_images(decode_rows_as(operations, encoded, self.setup.stored_size))
        images = replace(decoded, labels=index.labels[rows[order]])  # counted in the diagnosed classes
        return self.crop(images.take(np.argsort(order, kind="stable")))


@dataclass(frozen=True)
class DiagnosedIndex:
    """The images of a data set that belong to the diagnosed classes, in the order of the data set.

    A row number of a diagnosis counts these images only.

    Attributes:
        positions: (N,) position of each image in the data set.
        paths: (N,) str objects.
        labels: (N,) counted in the diagnosed classes.
        groups: (N,) str.
    """

    positions: np.ndarray
    paths: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def read(cls, job: Job, name: str, classes: Sequence[str]) -> DiagnosedIndex:
        names, new_label = read_classes(job, name), {class_name: label for label, class_name in enumerate(classes)}
        index = [
            (position, path, new_label[names[label]], group)
            for position, (path, label, group) in enumerate(read_index(job, name))
            if names[label] in new_label
        ]
        positions, paths, labels, groups = zip(*index, strict=True)
        return cls(np.array(positions), np.array(paths, object), np.array(labels), np.array(groups, str))


def _rows_at(job: Job, name: str, positions: np.ndarray) -> Iterator[Row]:
    """Yield the rows of a data set at some positions, in the order of the data set."""
    wanted = set(positions.tolist())
    return (row for position, row in enumerate(read_rows(job, name)) if position in wanted)
