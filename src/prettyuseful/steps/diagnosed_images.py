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


@dataclass(frozen=True)
class SampleSize:
    """How many images of each half of the real images are used.

    Attributes:
        most: largest number; of a data set, twice this.
        least_per_class: images of each class that are kept even so.
    """

    most: int
    least_per_class: int

    def rows(self, labels: np.ndarray, groups: np.ndarray, halves: int = 1) -> np.ndarray:
        """Return the rows of a sample of one or two halves, the same number of every class, as whole groups."""
        from prettyuseful.diagnosis.images import sample_groups

        classes = np.unique(labels)
        per_class = max(self.least_per_class, halves * self.most // len(classes))
        rng = np.random.default_rng(0)
        chosen = []
        for label in classes:
            rows = np.flatnonzero(labels == label)
            chosen.append(np.sort(rows[sample_groups(groups[rows], per_class, rng)]))
        return np.concatenate(chosen)


TRAINED_SIZE = SampleSize(1024, 12)
"""With a trained network; every image is processed after some 100 changes."""


@dataclass(frozen=True)
class Setup:
    """How a diagnosis sees images.

    Attributes:
        view: the squares that images are cropped to.
        stored_size: short side of the decoded images in pixels.
        encoder: a frozen encoder of the squares, or None for classifiers that were trained on the halves.
        images: the images that are judged one by one.
        changed: those of them with which candidate changes are compared, or None for all.
        coarse: fewer candidate changes are tried.
    """

    view: View
    stored_size: StoredSize
    encoder: Pinned[EncoderSource] | None = None
    images: SampleSize = TRAINED_SIZE
    changed: SampleSize | None = None
    coarse: bool = False

    def changed_rows(self, images: LabelledImages, halves: int = 1) -> np.ndarray:
        """Return the rows of the images with which candidate changes are compared."""
        if self.changed is None:
            return np.arange(len(images))
        return self.changed.rows(images.labels, images.groups, halves)

    def changed_images(self, images: LabelledImages) -> LabelledImages:
        """Return the images of a half with which candidate changes are compared."""
        return images if self.changed is None else images.take(self.changed_rows(images))


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
        return self.setup.images.rows(pixels.labels, pixels.groups)

    def set_rows(self, pixels: Pixels) -> np.ndarray:
        """Return the rows of the sample of a data set."""
        return self.setup.images.rows(pixels.labels, pixels.groups, halves=2)

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
