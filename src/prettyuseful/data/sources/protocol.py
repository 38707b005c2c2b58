"""The interface of a source of existing images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from prettyuseful.data.dataset import Row

Kind = Literal["imagefolder", "webdataset", "parquet"]


class ImageSource(Protocol):
    """Existing images with class names. `location`: path or pattern that the user gave."""

    @property
    def kind(self) -> Kind: ...

    @property
    def location(self) -> str: ...

    def fingerprint(self) -> str:
        """Return a digest that changes whenever an image, a label or a name changes."""

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class, by the name that the source gives to the class."""

    def rows(self, classes: Sequence[str], per_class: int) -> Iterator[Row]:
        """Yield the first `per_class` images of each class, in the order of the source, with their original bytes.

        The label of a row is an index into `classes`.

        Raises:
            DataError: the classes do not match, a class has too few images, or images are broken.
        """
