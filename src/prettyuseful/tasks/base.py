"""The task interface: class names and real train and test images, with licence and source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from statistics import median_low
from typing import Literal, Protocol

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode, open_image
from prettyuseful.errors import DataError

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

_MAX_LISTED = 5  # broken files or missing classes that one error lists
_SIZE_SAMPLE = 64  # training images whose sizes are compared


class Task(Protocol):
    """A classification task with real images.

    Label `i` means `classes[i]`. The chance level of accuracy is `1 / len(classes)`.
    """

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def definitions(self) -> Mapping[str, str]:
        """A definition for each ambiguous class name, by name."""

    @property
    def licence(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the images that a reader of the results should know, such as how many files were skipped."""

    def fingerprint(self) -> str:
        """Return a digest that changes whenever an image, a label or a group changes."""

    def counts(self, split: Split) -> tuple[int, ...]:
        """Return the number of images of each class of a split."""

    def images(self, split: Split, per_class: ClassCounts) -> Iterator[Row]:
        """Yield `per_class[label]` images of each class, class by class.

        The images of a class have a fixed order, so a smaller number gives a prefix of a larger one.

        Raises:
            DataError: an image cannot be read, or a class has too few images.
        """


def available(task: Task, split: Split) -> int:
    """Return the number of images in the smallest class of a split."""
    return min(task.counts(split))


def native_size(task: Task) -> int:
    """Return the median short side in pixels of up to 64 training images, spread over the classes."""
    counts, classes = task.counts("train"), len(task.classes)
    spread = [_SIZE_SAMPLE * (i + 1) // classes - _SIZE_SAMPLE * i // classes for i in range(classes)]
    per_class = ClassCounts(tuple(map(min, counts, spread)))
    # Without the limit, a task would also check the images that were not requested.
    rows = islice(task.images("train", per_class), per_class.total(classes))
    # Planning needs only the size in the file, so a large JPEG is decoded to an eighth of it.
    facts = (open_image(row.data, row.path, least_side=1)[1] for row in rows)
    return median_low(min(image.width, image.height) for image in facts)


def check_available(task: Task, split: Split, per_class: ClassCounts | int) -> ClassCounts:
    """Check that every class of a split has the requested number of images, and return the numbers.

    Raises:
        DataError: a class has fewer images.
    """
    counts, per_class = task.counts(split), ClassCounts(per_class) if isinstance(per_class, int) else per_class
    small = [label for label, count in enumerate(counts) if per_class[label] > count]
    if small:
        label = min(small, key=lambda label: counts[label])
        more = f" ({len(small)} classes have too few)" if len(small) > 1 else ""
        raise DataError(
            f"task {task.name} has only {counts[label]} {split} images of the class {task.classes[label]!r}, but "
            f"{per_class[label]} were requested{more}; lower images_per_class to at most {counts[label]}, "
            "or set it to all"
        )
    return per_class


def summarise_names(names: Iterable[str], separator: str = ", ") -> str:
    """Join the first five names, and append the number of the others: `a, b, c, d, e (and 3 more)`."""
    listed = list(names)
    more = f" (and {len(listed) - _MAX_LISTED} more)" if len(listed) > _MAX_LISTED else ""
    return separator.join(listed[:_MAX_LISTED]) + more


def validated_rows(rows: Iterable[Row], location: str, others: Iterable[Row] = ()) -> Iterator[Row]:
    """Yield the rows up to the first image that cannot be decoded.

    The remaining rows are checked too, so that one error lists all broken images.

    Args:
        rows: labelled images.
        location: the folder or data set that the paths of the rows are relative to; error messages name it.
        others: images that are checked after `rows`, but not yielded.

    Raises:
        DataError: after the last row, if any image cannot be decoded.
    """
    broken: list[str] = []
    for row, is_wanted in chain(zip(rows, repeat(True)), zip(others, repeat(False))):
        try:
            decode(row.data, f"{location}/{row.path}")
        except DataError as error:
            broken.append(str(error))
        if is_wanted and not broken:
            yield row
    if broken:
        raise DataError(summarise_names(broken, "; "))
