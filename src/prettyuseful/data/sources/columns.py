"""Which columns of a table hold the images and the labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.errors import DataError, did_you_mean

_MAX_LISTED = 12

# Names are compared without case, spaces and punctuation. Those in front are preferred.
_IMAGES = tuple("image img picture photo jpg jpeg png webp imagebytes bytes pixelvalues".split())  # noqa: SIM905
_FILES = tuple(
    " ".join(
        (
            "filename file imagefilename imagefile imagepath filepath imagename imageindex imageid",
            "image img imgname imgpath imgid path name id uuid",
        )
    ).split()
)
_LABELS = tuple(
    " ".join(
        (
            "label labels class classlabel classname category categoryname target",
            "species breed diagnosis dx y labelname classid categoryid labelid tag",
        )
    ).split()
)
_NUMBERS = frozenset(["classid", "categoryid", "labelid", "y"])
_TEXTS = ("text", "caption", "prompt", "captions", "description")
_SPLITS = ("split", "subset", "set", "partition")
# Fields of a row, and facts on images: no labels.
_FACTS = frozenset(
    " ".join(
        ("group place seed generator width height size", "md5 sha256 url source licence license index number date time")
    ).split()
)
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table of images. None finds them.

    `image`: column of the encoded images, or of the names of their files. `label`: column of the class names.
    """

    image: str | None = None
    label: str | None = None


def plain_name(name: str) -> str:
    """Return the form in which names of columns are compared."""
    return _NO_LETTERS.sub("", name).casefold()


def file_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that hold names of files by their own names, the most probable first."""
    ranked = _by_names(names, _FILES)
    return ranked + [name for name in names if plain_name(name).endswith("filename") and name not in ranked]


def image_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that hold images by their names, the most probable first."""
    return _by_names(names, _IMAGES)


def label_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that hold labels by their names, the best first; numbers only where there are no names."""
    known = _by_names(names, _LABELS)
    return [name for name in known if plain_name(name) not in _NUMBERS] or known


def text_column(names: Sequence[str]) -> str | None:
    """Return the column with the prompt or caption of an image, or None."""
    return next(iter(_by_names(names, _TEXTS)), None)


def split_column(names: Sequence[str]) -> str | None:
    """Return the column that names the split of an image, or None."""
    return next(iter(_by_names(names, _SPLITS)), None)


def other_columns(names: Iterable[str]) -> list[str]:
    """Return the columns whose names do not say that they hold something other than a label."""
    known = {*_FILES, *_TEXTS, *_SPLITS, *_FACTS, *_IMAGES}
    return [name for name in names if plain_name(name) not in known and not name.startswith("__index_level_")]


def given_column(name: str, names: Sequence[str], location: str, key: str) -> str:
    """Return a column that the user named.

    Raises:
        DataError: there is no such column.
    """
    if name in names:
        return name
    raise DataError(
        f"{location} has no column {printable(name)!r}{did_you_mean(name, names)}; its columns are "
        f"{list_columns(names)}; set `{key}: ` to one of them"
    )


def list_columns(names: Sequence[str]) -> str:
    """Return the names of columns for an error message."""
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(map(printable, names[:_MAX_LISTED])) + more


def _by_names(names: Sequence[str], known: Sequence[str]) -> list[str]:
    rank = {name: position for position, name in reversed([*enumerate(known)])}
    return sorted((name for name in names if plain_name(name) in rank), key=lambda name: rank[plain_name(name)])
