"""Give the images of two sides the same file format without favouring one side.

Every image is paired with a format that is drawn from the other side, by a seed that depends on its path. The image is
then given the format that both of the pair can have: the smaller short side, the lower JPEG quality, the coarser chroma
subsampling. As the pairs of either side are drawn from the same two distributions, the results have the same
distribution of formats on both sides.

Two JPEG images of different qualities are both encoded again. Compressing one of them twice leaves traces (double
quantisation) in faint chroma, so both get chroma tables three times as coarse, which removes that detail from both.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import numpy as np
from PIL import Image, features
from pydantic import BaseModel, ConfigDict, Field

from prettyuseful.data.dataset import Row
from prettyuseful.data.image_facts import STANDARD_TABLES
from prettyuseful.data.images import open_image, to_short_side
from prettyuseful.data.pixels import StoredSize
from prettyuseful.diagnosis.formats import (
    SIZE_FACTOR,
    FileFacts,
    FileFormat,
    FormatDifference,
    FormatFinding,
    FormatShare,
    SideChange,
)
from prettyuseful.engine.keys import derive_seed
from prettyuseful.formatting import share

_COARSENESS = ("4:4:4", "4:2:2", "4:2:0")  # from fine to coarse; Pillow writes these
_DEFAULT_QUALITY = {"WEBP": 80, "AVIF": 75}  # of Pillow: the files do not say theirs
_LOSSY = ("GIF", "AVIF", "WEBP", "JPEG")
"""Containers that change pixels. Of two, an image is encoded in both, the later one last."""
_COLOURS_OF_GIF = 256
_COARSE_CHROMA = 3  # odd: multiples of one step then never lie half-way between two of the other
_MAX_ASPECT = 4  # as in `data.images.to_short_side`; JPEG has no sides above 65,535 px
_SMALL_SHARE = 0.005


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchFormat(_Operation):
    """Reduce and re-encode an image, so that its format is one that the other side has, too.

    Args:
        formats: the formats of the other side.
        match_sizes: whether an image is reduced to the short side of the other one.
    """

    kind: Literal["match-format"] = "match-format"
    formats: tuple[FormatShare, ...] = Field(min_length=1)
    match_sizes: bool


class CropSquare(_Operation):
    """Keep the centred square of an image, as the views of classifiers do."""

    kind: Literal["crop-square"] = "crop-square"


Operation = Annotated[MatchFormat | CropSquare, Field(discriminator="kind")]


class SameFormat(_Operation):
    """The operations that give both sides the same format, in order. They are applied to decoded images of full size.

    Args:
        real: for real images.
        synthetic: for synthetic images.
    """

    real: tuple[Operation, ...] = ()
    synthetic: tuple[Operation, ...] = ()


def same_format(difference: FormatDifference) -> SameFormat:
    """Return what gives both sides the same format; nothing if they do not differ, or in colour profiles only."""
    different = difference.different
    by_side: list[tuple[Operation, ...]] = []
    for other in (difference.synthetic, difference.real):
        operations: list[Operation] = []
        if different - {"aspect-ratio", "colour-profile"}:
            operations.append(MatchFormat(formats=other, match_sizes="short-side" in different))
        if "aspect-ratio" in different:
            operations.append(CropSquare())
        by_side.append(tuple(operations))
    return SameFormat(real=by_side[0], synthetic=by_side[1])


def decode_as(operations: Sequence[Operation], data: bytes, path: str) -> np.ndarray:
    """Decode an image file and apply operations, (H, W, 3) uint8.

    Args:
        operations: of its side.
        data: bytes of the file.
        path: name of the image in its data set; the format of the other side is drawn by it.

    Raises:
        DataError: as for `data.images.decode`.
    """
    image, facts = open_image(data, path)
    return apply(operations, np.asarray(image), path, FileFacts.from_image(facts).format)


def decode_rows_as(
    operations: Sequence[Operation], rows: Iterable[Row], stored_size: StoredSize
) -> Iterator[tuple[np.ndarray, int, str]]:
    """Decode the image of each row as `data.pixels.decode_rows` does, with operations before it is resized.

    Args:
        operations: of this side.
        rows: labelled images.
        stored_size: short side of the results in pixels; `native` keeps the size.

    Yields:
        Pixels (H, W, 3) uint8, label and group.

    Raises:
        DataError: an image cannot be decoded; the message names it.
    """
    for row in rows:
        pixels = decode_as(operations, row.data, row.path)
        if stored_size != "native":
            pixels = to_short_side(Image.fromarray(pixels), stored_size)
        yield pixels, row.label, row.group


def apply(operations: Sequence[Operation], image: np.ndarray, path: str, own: FileFormat) -> np.ndarray:
    """Apply operations to a decoded image of full size.

    Args:
        operations: of its side.
        image: (H, W, 3) uint8.
        path: name of the image in its data set.
        own: format of its file.

    Returns:
        (H, W, 3) uint8, the same for the same arguments; sides may be smaller.
    """
    for operation in operations:
        if isinstance(operation, CropSquare):
            image = _crop(image, 1)
        else:
            image = _apply_change(common_format(own, _draw(operation.formats, path), operation.match_sizes), image)
    return image


@dataclass(frozen=True)
class Change:
    """What is done to one image.

    Args:
        short_side: reduce the image to this many pixels.
        encode: encode it in these formats, one after the other.
        replace_chroma: subsampling of its file, if it is not to be subsampled a second time.
        coarse_chroma: whether the quantisation of chroma in JPEG is coarser than usual, against traces of the first.
    """

    short_side: int | None = None
    encode: tuple[FileFormat, ...] = ()
    replace_chroma: str | None = None
    coarse_chroma: bool = False


def common_format(own: FileFormat, other: FileFormat, match_sizes: bool) -> Change:
    """Return what gives an image of the format `own` the format that it shares with one of the format `other`.

    An image that is reduced loses the traces of its compression, so it is encoded like the smaller image. Otherwise
    both get the lower quality and the coarser subsampling of the two.
    """
    if match_sizes and own.short_side > SIZE_FACTOR * other.short_side:
        return Change(other.short_side, (other,) if other.container in _LOSSY else ())
    if match_sizes and other.short_side > SIZE_FACTOR * own.short_side:
        return Change()
    if other.container not in _LOSSY:
        return Change()
    if own.container in _LOSSY and _LOSSY.index(own.container) > _LOSSY.index(other.container):
        return Change(encode=(other, own))
    if own.container != other.container:
        return Change(encode=(other,))
    if own.quality is None or other.quality is None:
        return Change()
    target = own.model_copy(
        update={
            "quality": min(own.quality, other.quality),
            "subsampling": _coarser(own.subsampling, other.subsampling),
            "tables": STANDARD_TABLES if own.tables != other.tables else own.tables,
        }
    )
    if own.quality != other.quality:
        return Change(encode=(target,), replace_chroma=own.subsampling, coarse_chroma=True)
    return Change() if target == own else Change(encode=(target,), replace_chroma=own.subsampling)


def _coarser(a: str | None, b: str | None) -> str | None:
    known = [value for value in (a, b) if value in _COARSENESS]
    if len(known) < 2:  # grey images have no chroma, and Pillow cannot write other subsamplings
        return a
    return max(known, key=_COARSENESS.index)


def _draw(formats: Sequence[FormatShare], path: str) -> FileFormat:
    number = derive_seed("file format", path) % sum(row.count for row in formats)
    for row in formats:
        number -= row.count
        if number < 0:
            return row.format
    raise AssertionError("a number below the sum of the counts lies in one of them")


def _apply_change(change: Change, pixels: np.ndarray) -> np.ndarray:
    if change.short_side is not None and min(pixels.shape[:2]) > change.short_side:
        pixels = to_short_side(Image.fromarray(pixels), change.short_side)
    if not change.encode:
        return pixels
    pixels = _crop(pixels, _MAX_ASPECT)
    image = Image.fromarray(pixels)
    if change.replace_chroma in ("4:2:2", "4:2:0"):
        image = _with_chroma_of_file(image, down=change.replace_chroma == "4:2:0")
    for target in change.encode:
        image = _encode(image, target, change.coarse_chroma)
    return np.asarray(image)


def _with_chroma_of_file(image: Image.Image, down: bool) -> Image.Image:
    """Return an image (YCbCr) with the chroma samples that its JPEG file holds, each repeated.

    Decoders of JPEG interpolate subsampled chroma (libjpeg's triangle filter), and encoders average it over 2 x 2
    pixels: another pass would multiply each line of samples by [1, 6, 1] / 8. This solves for the samples, so that an
    encoder finds them again and chroma is smoothed once only. `down`: vertically (4:2:0), too.
    """
    luma, *chroma = (np.asarray(channel) for channel in image.convert("YCbCr").split())
    restored = [_unsmoothed(_unsmoothed(channel, 1), 0) if down else _unsmoothed(channel, 1) for channel in chroma]
    channels = [luma, *(np.rint(values).clip(0, 255).astype(np.uint8) for values in restored)]
    return Image.merge("YCbCr", [Image.fromarray(np.ascontiguousarray(channel)) for channel in channels])


def _unsmoothed(values: np.ndarray, axis: int) -> np.ndarray:
    from scipy.linalg import solve_banded

    lines = np.moveaxis(values.astype(np.float64), axis, 0)
    count = len(lines)
    even = np.concatenate([lines, lines[-1:]]) if count % 2 else lines
    means = (even[::2] + even[1::2]) / 2
    if len(means) > 2:  # libjpeg does not interpolate fewer samples
        bands = np.full((3, len(means)), 1 / 8)
        bands[1] = 6 / 8
        bands[1, [0, -1]] = 7 / 8
        means = solve_banded((1, 1), bands, means)
    return np.moveaxis(np.repeat(means, 2, axis=0)[:count], 0, axis)


def _encode(image: Image.Image, target: FileFormat, coarse_chroma: bool) -> Image.Image:
    """Return the image after it was encoded once; Pillow may lack WebP and AVIF, then it is returned as it is."""
    if target.container == "GIF":
        return image.convert("RGB").quantize(_COLOURS_OF_GIF).convert("RGB")
    buffer = io.BytesIO()
    if target.container == "JPEG":
        chroma = _COARSENESS.index(target.subsampling) if target.subsampling in _COARSENESS else -1
        luma_table, chroma_table = _tables(target.quality or 95)
        if coarse_chroma:
            chroma_table = [min(255, _COARSE_CHROMA * step) for step in chroma_table]
        image.save(buffer, "JPEG", qtables=[luma_table, chroma_table], subsampling=chroma)
    elif _can_write(target.container):
        image.save(buffer, target.container, quality=_DEFAULT_QUALITY[target.container])
    else:
        return image
    with Image.open(buffer) as coded:
        return coded.convert("RGB")


@lru_cache
def _tables(quality: int) -> tuple[list[int], list[int]]:
    """Return the tables of libjpeg for luma and chroma, as Pillow reads and writes them."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        tables = cast("Any", image).quantization
        return list(tables[0]), list(tables[1])


@lru_cache
def _can_write(container: str) -> bool:
    return container in _DEFAULT_QUALITY and bool(features.check(container.lower()))


def _crop(image: np.ndarray, most: int) -> np.ndarray:
    """Return the middle part of an image whose long side is more than `most` times its short side."""
    short = min(image.shape[:2])
    height, width = (min(side, most * short) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def format_finding(difference: FormatDifference, vanished: Sequence[str] = ()) -> FormatFinding | None:
    """Return the finding of a difference of formats, or None if there is none.

    Args:
        difference: of the files.
        vanished: names of causes that were reported for the files as they are and are not reported any more.
    """
    if not difference.differs:
        return None
    recipe = same_format(difference)
    sides: tuple[tuple[str, Sequence[Operation], tuple[FormatShare, ...]], ...] = (
        ("real", recipe.real, difference.real),
        ("synthetic", recipe.synthetic, difference.synthetic),
    )
    return FormatFinding(
        sentence=difference.sentence,
        properties=difference.properties,
        changes=tuple(_describe(side, operations, own) for side, operations, own in sides),
        vanished=tuple(vanished),
    )


def _describe(side: str, operations: Sequence[Operation], own: Sequence[FormatShare]) -> SideChange:
    changes = [
        (change, mine.count * theirs.count)
        for operation in operations
        if isinstance(operation, MatchFormat)
        for mine in own
        for theirs in operation.formats
        for change in [common_format(mine.format, theirs.format, operation.match_sizes)]
    ]
    total = sum(count for _, count in changes) or 1
    changed = sum(count for change, count in changes if change != Change()) / total
    words = [*_change_words(changes, total)]
    if any(isinstance(operation, CropSquare) for operation in operations):
        changed = 1.0
        words.append("all are cropped to their centred squares")
    text = f"The {side} images: {'; '.join(words)}." if words else f"The {side} images are left as they are."
    return SideChange(side=side, share=changed, words=text)


def _change_words(changes: Sequence[tuple[Change, int]], total: int) -> Iterator[str]:
    reduced = [(change.short_side, count) for change, count in changes if change.short_side is not None]
    part = sum(count for _, count in reduced) / total
    if part >= _SMALL_SHARE:
        yield f"{share(part, 0)} are reduced to a short side of {_range_words(reduced)} px"
    encoded = [(target, count) for change, count in changes for target in change.encode]
    for container in sorted({target.container for target, _ in encoded}):
        targets = [(target, count) for target, count in encoded if target.container == container]
        part = sum(count for _, count in targets) / total
        if part < _SMALL_SHARE:
            continue
        what = container
        if container == "JPEG":
            what += f" of quality {_range_words([(target.quality or 95, count) for target, count in targets])}"
            chroma = sorted({target.subsampling for target, _ in targets if target.subsampling})
            what += f" ({' or '.join(chroma)})" if chroma else ""
            coarse = sum(count for change, count in changes if change.coarse_chroma) / total
            what += f", {share(coarse, 0)} with coarser chroma" if coarse >= _SMALL_SHARE else ""
        elif container in _DEFAULT_QUALITY:
            what += f" of quality {_DEFAULT_QUALITY[container]} (the files do not state theirs)"
        yield f"{share(part, 0)} are encoded again as {what}"


def _range_words(values: Sequence[tuple[int, int]]) -> str:
    numbers = [value for value, _ in values]
    return str(numbers[0]) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"
