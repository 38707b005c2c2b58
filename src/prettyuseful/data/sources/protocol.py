"""The interface of a source of existing images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row

Kind = Literal["imagefolder", "table", "webdataset", "parquet"]


class ImageSource(Protocol):
    """Existing images with class names. `location`: path or pattern that the user gave."""

    @property
    def kind(self) -> Kind: ...

    @property
    def location(self) -> str: ...

    @property
    def labels_are_names(self) -> bool:
        """Whether a label such as `0` is a name, and not a number that stands for one."""

    def fingerprint(self) -> str:
        """Return a digest that changes whenever an image, a label or a name changes."""

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class, by the name that the source gives to the class."""

    def notes(self, classes: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return sentences on how the source was read, such as which files were skipped.

        Args:
            classes: class names of a task; the notes then say which number means which class.
        """

    def content_ids(self) -> Mapping[str, str]:
        """Return 32 hex digits of the digest of the encoded bytes of each image, by its path."""

    def rows(self, classes: Sequence[str], per_class: ClassCounts | int) -> Iterator[Row]:
        """Yield a fixed draw of images of each class, class by class, with their original bytes.

        The label of a row is an index into `classes`. Which images are drawn depends on their contents alone.

        Raises:
            DataError: the classes do not match, a class has too few images, or images are broken.
        """
