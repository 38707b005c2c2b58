"""What a task is: a class list and real train and test images, with licence, chance level and source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, Protocol

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.errors import DataError

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

_NAMED = 5  # broken files or missing classes named in one error


class Task(Protocol):
    """A classification task with real images. Class `i` is `classes[i]`; chance is one in `len(classes)`."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def definitions(self) -> Mapping[str, str]:
        """What a class name means here, for those names that mean something else elsewhere."""

    @property
    def licence(self) -> str: ...

    @property
    def source(self) -> str: ...

    def fingerprint(self) -> str:
        """Changes whenever an image, a label or a group changes."""

    def available(self, split: Split) -> int:
        """Images that every class can give at least."""

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        """The first `per_class` images of each class, class by class; a smaller request is a prefix of a larger one.

        Raises:
            DataError: an image cannot be read, or a class has too few.
        """


def native_size(task: Task) -> int:
    """Short side in pixels of the task's images, going by its first train image."""
    row = next(iter(task.images("train", 1)))
    return min(decode(row.data, row.path).size)


def too_few(task: Task, split: Split, per_class: int) -> str:
    """What to say when `per_class` is more than the task has."""
    most = task.available(split)
    return (
        f"task {task.name} has {most} {split} images per class, {per_class} were asked for; "
        f"lower images_per_class to at most {most}"
    )


def first_few(names: Iterable[str], separator: str = ", ") -> str:
    """The first five names, and how many more there are."""
    listed = list(names)
    more = f" (and {len(listed) - _NAMED} more)" if len(listed) > _NAMED else ""
    return separator.join(listed[:_NAMED]) + more


def sound(rows: Iterable[Row], place: str) -> Iterator[Row]:
    """The rows up to the first that is no image; the rest is looked at too, so that one error names what is broken.

    Raises:
        DataError: after the last row, if any cannot be decoded. `place` is what its path is relative to.
    """
    broken: list[str] = []
    for row in rows:
        try:
            decode(row.data, f"{place}/{row.path}")
        except DataError as error:
            broken.append(str(error))
        if not broken:
            yield row
    if broken:
        raise DataError(first_few(broken, "; "))
