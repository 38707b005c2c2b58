"""The task interface: class names and real train and test images, with licence and source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.errors import DataError

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

_MAX_LISTED = 5  # broken files or missing classes that one error lists


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

    def fingerprint(self) -> str:
        """Return a digest that changes whenever an image, a label or a group changes."""

    def available(self, split: Split) -> int:
        """Return the number of images in the smallest class of a split."""

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        """Yield the first `per_class` images of each class, class by class.

        For each class, a smaller `per_class` gives a prefix of a larger one.

        Raises:
            DataError: an image cannot be read, or a class has too few images.
        """


def native_size(task: Task) -> int:
    """Return the short side in pixels of the first training image."""
    row = next(iter(task.images("train", 1)))
    return min(decode(row.data, row.path).size)


def too_few_message(task: Task, split: Split, per_class: int) -> str:
    """Return the error message for a `per_class` that exceeds the images of the smallest class."""
    available = task.available(split)
    return (
        f"task {task.name} has only {available} {split} images per class, but {per_class} were requested; "
        f"lower images_per_class to at most {available}"
    )


def summarise_names(names: Iterable[str], separator: str = ", ") -> str:
    """Join the first five names, and append the number of the others: `a, b, c, d, e (and 3 more)`."""
    listed = list(names)
    more = f" (and {len(listed) - _MAX_LISTED} more)" if len(listed) > _MAX_LISTED else ""
    return separator.join(listed[:_MAX_LISTED]) + more


def validated_rows(rows: Iterable[Row], location: str) -> Iterator[Row]:
    """Yield the rows up to the first image that cannot be decoded.

    The remaining rows are checked too, so that one error lists all broken images.

    Args:
        rows: labelled images.
        location: the folder or data set that the paths of the rows are relative to; error messages name it.

    Raises:
        DataError: after the last row, if any image cannot be decoded.
    """
    broken: list[str] = []
    for row in rows:
        try:
            decode(row.data, f"{location}/{row.path}")
        except DataError as error:
            broken.append(str(error))
        if not broken:
            yield row
    if broken:
        raise DataError(summarise_names(broken, "; "))
