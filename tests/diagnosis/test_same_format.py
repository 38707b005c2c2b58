from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from tests.checks.pictures import picture

from prettyuseful.data.dataset import Row
from prettyuseful.data.image_facts import STANDARD_TABLES
from prettyuseful.data.images import image_facts
from prettyuseful.data.pixels import StoredSize, decode_rows
from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.formats import FileFacts, FileFormat, FormatShare, compare_formats
from prettyuseful.diagnosis.same_format import (
    Change,
    CropSquare,
    MatchFormat,
    Operation,
    SameFormat,
    apply,
    common_format,
    decode_as,
    decode_rows_as,
    format_finding,
    same_format,
)
from prettyuseful.errors import DataError

PNG = FileFacts("PNG", 64, 64)
JPEG = FileFacts("JPEG", 64, 64, 60, "4:2:0", "standard")
BETTER = replace(JPEG, jpeg_quality=95)


def recipe(real: FileFacts, synthetic: FileFacts) -> SameFormat:
    return same_format(compare_formats([real] * 20, [synthetic] * 20))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def jpeg(image: Image.Image, quality: int, chroma: int = 2) -> bytes:
    return saved(image, "JPEG", quality=quality, subsampling=chroma)


def distance(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return the mean absolute difference of spectra and textures, in standard deviations between pictures."""
    left, right = describe(np.stack(a)), describe(np.stack(b))
    return max(
        float((np.abs((left[kind] - right[kind]).mean(axis=0)) / (right[kind].std(axis=0) + 0.02)).mean())
        for kind in ("spectrum", "texture")
    )


def test_png_is_encoded_once_like_the_jpeg_of_the_other_side() -> None:
    found = recipe(JPEG, PNG)
    photo = picture(0, (64, 64))
    coded = jpeg(photo, 60)
    assert np.array_equal(decode_as(found.real, coded, "a.jpg"), pixels(coded))
    assert np.array_equal(decode_as(found.synthetic, saved(photo, "PNG"), "a.png"), pixels(coded))


def test_two_jpegs_of_different_quality_are_both_encoded_at_the_lower_one() -> None:
    """Luma of the worse one is unchanged, and both have the same coarse chroma."""
    found = recipe(BETTER, JPEG)
    photo = picture(0, (64, 64))
    before = [pixels(jpeg(photo, quality)) for quality in (95, 60)]
    after = [
        decode_as(found.real, jpeg(photo, 95), "a.jpg"),
        decode_as(found.synthetic, jpeg(photo, 60), "a.jpg"),
    ]
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs((after[1] - before[1].astype(int)) @ luma).mean() < 2  # grey levels, as clipping moves some
    assert _mean_difference(*after) < 0.4 * _mean_difference(*before)


def _mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("size", [(64, 64), (61, 35), (5, 3), (5, 9)])
@pytest.mark.parametrize("chroma", [1, 2])
def test_chroma_is_smoothed_once_only(size: tuple[int, int], chroma: int) -> None:
    """Another pass at the same quality changes hardly anything, while a plain one smooths chroma again."""
    photo = picture(3, size)
    own = FileFormat(
        container="JPEG", quality=100, subsampling=("4:2:2", "4:2:0")[chroma - 1], tables="0badcafe", short_side=1
    )
    first = pixels(jpeg(photo, 100, chroma))
    match = MatchFormat(
        formats=(FormatShare(format=own.model_copy(update={"tables": STANDARD_TABLES}), count=1),), match_sizes=False
    )
    again = apply((match,), first, "a", own).astype(int)
    plain = pixels(jpeg(Image.fromarray(first), 100, chroma)).astype(int)
    assert again.shape == first.shape
    assert np.abs(again - first).mean() < 2.5
    if size == (64, 64):
        assert np.abs(again - first).mean() < np.abs(plain - first).mean() / 2


def test_larger_images_are_reduced_to_the_short_side_of_the_others_and_then_encoded() -> None:
    large, photo = replace(PNG, width=128, height=128), picture(1, (128, 128))
    found = recipe(JPEG, large)
    small = photo.resize((64, 64), Image.Resampling.BICUBIC)
    assert np.array_equal(decode_as(found.synthetic, saved(photo, "PNG"), "a.png"), pixels(jpeg(small, 60)))
    same = jpeg(small, 60)
    assert np.array_equal(decode_as(found.real, same, "a.jpg"), pixels(same))


def test_other_aspect_ratios_are_cropped_to_squares() -> None:
    found = recipe(PNG, replace(PNG, width=96))
    assert found == SameFormat(real=(CropSquare(),), synthetic=(CropSquare(),))
    wide = picture(2, (96, 64))
    assert np.array_equal(decode_as(found.synthetic, saved(wide, "PNG"), "a.png"), np.asarray(wide)[:, 16:80])


def test_equal_files_and_other_profiles_are_left_alone() -> None:
    assert recipe(JPEG, JPEG) == SameFormat()
    assert recipe(PNG, replace(PNG, converted_profile=True)) == SameFormat()


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "JPEG", "quality": 95, "subsampling": 2},
        {"kind": "JPEG", "quality": 90, "subsampling": 0},
        {"kind": "PNG"},
    ],
)
def test_the_same_pictures_in_two_formats_hardly_differ_afterwards(options: dict[str, Any]) -> None:
    photos = [picture(i, (48, 48)) for i in range(24)]
    real, synthetic = [jpeg(photo, 50) for photo in photos], [saved(photo, **options) for photo in photos]
    facts = [[FileFacts.from_image(image_facts(data, "x")) for data in side] for side in (real, synthetic)]
    found = same_format(compare_formats(facts[0], facts[1]))
    before = distance([pixels(data) for data in real], [pixels(data) for data in synthetic])
    after = distance(
        [decode_as(found.real, data, f"{i}") for i, data in enumerate(real)],
        [decode_as(found.synthetic, data, f"{i}") for i, data in enumerate(synthetic)],
    )
    assert before > 0.3
    assert after < before / 4


def test_two_lossy_containers_end_in_the_same_one() -> None:
    webp = replace(JPEG, container="WEBP", jpeg_quality=None, jpeg_subsampling=None, jpeg_tables=None)
    assert common_format(webp.format, JPEG.format, match_sizes=False).encode == (JPEG.format,)
    assert common_format(JPEG.format, webp.format, match_sizes=False).encode == (webp.format, JPEG.format)
    if features.check("webp"):
        photo = picture(5, (64, 64))
        found = recipe(webp, JPEG)
        real = decode_as(found.real, saved(photo, "WEBP", quality=80), "a.webp")
        assert real.shape == (64, 64, 3)


def test_palettes_of_gif_are_given_to_the_other_side() -> None:
    gif = replace(PNG, container="GIF")
    photo = picture(6, (64, 64))
    reduced = decode_as(recipe(PNG, gif).real, saved(photo, "PNG"), "a.png")
    assert len(np.unique(reduced.reshape(-1, 3), axis=0)) <= 256


QUALITIES = st.integers(1, 100)
CHROMA = st.sampled_from(["4:4:4", "4:2:2", "4:2:0", "other", None])
SIDES = st.integers(1, 2000)


def jpeg_formats() -> st.SearchStrategy[FileFormat]:
    return st.builds(
        FileFormat,
        container=st.just("JPEG"),
        quality=QUALITIES,
        subsampling=CHROMA,
        tables=st.sampled_from(["standard", "0badcafe", "deadbeef"]),
        short_side=SIDES,
    )


def formats() -> st.SearchStrategy[FileFormat]:
    others = st.sampled_from(["PNG", "WEBP", "GIF", "AVIF", "BMP", "JPEG2000"])
    return jpeg_formats() | st.builds(FileFormat, container=others, short_side=SIDES)


@given(jpeg_formats(), jpeg_formats(), st.booleans())
def test_neither_image_of_a_pair_is_favoured(a: FileFormat, b: FileFormat, sizes: bool) -> None:
    """Both end with the same quality, and with sizes within the tolerance."""
    ends = [_end(own, common_format(own, other, sizes)) for own, other in ((a, b), (b, a))]
    (quality, side), (other_quality, other_side) = ends
    assert quality == other_quality
    if sizes:
        assert max(side, other_side) <= 1.1 * min(side, other_side)


def _end(own: FileFormat, change: Change) -> tuple[int | None, int]:
    quality = change.encode[-1].quality if change.encode else own.quality
    return quality, change.short_side or own.short_side


@given(formats(), formats(), st.booleans())
def test_no_image_becomes_larger_or_better(own: FileFormat, other: FileFormat, sizes: bool) -> None:
    change = common_format(own, other, sizes)
    assert change.short_side is None or (sizes and change.short_side < own.short_side)
    if own.container == "JPEG" == other.container and not sizes:
        assert all(target.quality is not None and target.quality <= (own.quality or 0) for target in change.encode)
    assert common_format(own, own, sizes) == Change()


@settings(deadline=None, max_examples=40)
@given(formats(), st.lists(formats(), min_size=1, max_size=4), st.booleans(), st.integers(1, 40), st.integers(1, 40))
def test_any_recipe_can_be_applied_and_is_deterministic(
    own: FileFormat, others: list[FileFormat], sizes: bool, height: int, width: int
) -> None:
    shares = tuple(FormatShare(format=file, count=1 + i) for i, file in enumerate(others))
    operations: tuple[Operation, ...] = (MatchFormat(formats=shares, match_sizes=sizes), CropSquare())
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    first, second = (apply(operations, image, "cat/1.png", own) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[0] == first.shape[1] <= min(height, width)
    assert np.array_equal(first, second)
    stored = SameFormat(real=operations)
    assert SameFormat.model_validate_json(stored.model_dump_json()) == stored


def test_formats_are_drawn_as_often_as_the_other_side_has_them() -> None:
    found = same_format(compare_formats([JPEG] * 25 + [PNG] * 75, [PNG] * 100))
    grey = np.full((8, 8, 3), 77, np.uint8)
    grey[::2] = 12
    changed = Counter(bool((apply(found.synthetic, grey, f"{i}.png", PNG.format) != grey).any()) for i in range(400))
    assert 70 < changed[True] < 130  # a quarter of 400


def test_the_finding_says_how_each_side_was_encoded() -> None:
    found = format_finding(compare_formats([JPEG] * 20, [replace(PNG, width=128, height=128)] * 20), ["structure lost"])
    assert found is not None
    assert [(change.side, change.share, change.words) for change in found.changes] == [
        ("real", 0.0, "The real images are left as they are."),
        (
            "synthetic",
            1.0,
            "The synthetic images: 100% are reduced to a short side of 64 px; 100% are encoded again as JPEG of "
            "quality 60 (4:2:0).",
        ),
    ]
    assert found.vanished == ("structure lost",)
    assert [row.id for row in found.different] == ["container", "short-side"]
    assert format_finding(compare_formats([PNG] * 20, [PNG] * 20)) is None


@pytest.mark.parametrize("size", ["native", 32])
def test_rows_are_decoded_in_the_format_of_both_and_then_resized(size: StoredSize) -> None:
    photo = picture(7, (64, 64))
    rows = [Row(saved(photo, "PNG"), "cat/1.png", 1, group="g"), Row(jpeg(photo, 60), "dog/2.jpg", 0, group="h")]
    plain = list(decode_rows([Row(jpeg(photo, 60), "dog/2.jpg", 1, group="g"), rows[1]], size))
    found = list(decode_rows_as(recipe(JPEG, PNG).synthetic, rows, size))
    assert [(label, group) for _, label, group in found] == [(1, "g"), (0, "h")]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(found, plain, strict=True))


def test_a_broken_image_is_named() -> None:
    with pytest.raises(DataError, match=r"^cat/1\.jpg: "):
        decode_as(recipe(JPEG, PNG).synthetic, b"\xff\xd8\xff nothing", "cat/1.jpg")
