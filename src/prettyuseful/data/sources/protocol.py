"""What a source of finished images is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from prettyuseful.data.dataset import Row

Kind = Literal["imagefolder", "webdataset", "parquet"]


class ImageSource(Protocol):
    """Finished images with class names, read where they lie. `place`: what the user calls it."""

    @property
    def kind(self) -> Kind: ...

    @property
    def place(self) -> str: ...

    def fingerprint(self) -> str:
        """Changes whenever an image, a label or a name changes."""

    def counts(self) -> dict[str, int]:
        """Images of each class, under the source's own names."""

    def rows(self, classes: Sequence[str], per_class: int) -> Iterator[Row]:
        """The first `per_class` images of each class, in the source's order and in their original bytes. A row's
        label is an index of `classes`.

        Raises:
            DataError: the classes do not match, a class has too few images, or images are broken.
        """
