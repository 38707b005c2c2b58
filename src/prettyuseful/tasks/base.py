"""What a task is: a class list and real train and test images, with licence, chance level and source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from prettyuseful.data.dataset import Row

Split = Literal["train", "test"]


class Task(Protocol):
    """A classification task with real images. Class `i` is `classes[i]`; chance is one in `len(classes)`."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

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


def too_few(task: Task, split: Split, per_class: int) -> str:
    """What to say when `per_class` is more than the task has."""
    most = task.available(split)
    return (
        f"task {task.name} has {most} {split} images per class, {per_class} were asked for; "
        f"lower images_per_class to at most {most}"
    )
