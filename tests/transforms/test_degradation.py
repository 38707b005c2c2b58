from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter
from tests.transforms.measures import difference, energy, faint

from prettyuseful.errors import DataError, StudyError
from prettyuseful.numerics import Numerics
from prettyuseful.study.reading import parse_study
from prettyuseful.transforms.base import Formula
from prettyuseful.transforms.chain import AnyTransform
from prettyuseful.transforms.check import check_transform
from prettyuseful.transforms.degradation import Blur, BorderBlur, Grating, Jpeg, LowResolution, Noise, Sharpen, Smooth


def mirrored(images: np.ndarray) -> np.ndarray:
    """The images with their mirror images, so that the periodic border has no jump."""
    height, width = images.shape[1:3]
    return np.pad(images, [(0, 0), (0, height), (0, width), (0, 0)], mode="symmetric")


def test_blur_removes_high_frequencies_and_keeps_low_ones(squares: np.ndarray) -> None:
    blur = Blur(width=1 / 48)  # 2 px: halves the amplitude at 0.19 of Nyquist
    before, after = mirrored(squares), mirrored(blur.apply(squares))
    assert energy(after, 0.5, 2) < 0.02 * energy(before, 0.5, 2)
    assert energy(after, 0, 0.05) > 0.98 * energy(before, 0, 0.05)


def test_blur_scales_with_the_image_size() -> None:
    small = np.zeros((1, 24, 24, 3), np.uint8)
    small[:, :, 12:] = 255
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    blur = Blur(width=1 / 12)
    assert np.abs(difference(blur.apply(large)[:, 2::4, 2::4], blur.apply(small))).max() < 16
    assert (blur.apply(small)[0, 0, :, 0] > 16).sum() > 12


def test_border_blur_keeps_the_centre_and_blurs_the_border() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    changed, blurred = (transform.apply(image[None])[0] for transform in (BorderBlur(width=0.1), Blur(width=0.1)))
    centre = (slice(15, 25), slice(23, 37))
    assert (changed[centre] == image[centre]).all()
    assert (changed[:4] == blurred[:4]).all()
    assert (changed[:, -5:] == blurred[:, -5:]).all()
    assert image[20, 48:52].std() > changed[20, 48:52].std() > blurred[20, 48:52].std()  # in between


@pytest.mark.parametrize("angle", [0, 90])
def test_a_grating_is_one_frequency_of_known_strength(crops: np.ndarray, angle: int) -> None:
    plain = faint(crops)
    wave = difference(Grating(frequency=0.5, amplitude=0.2, angle=angle).apply(plain), plain)
    assert energy(wave, 0.49, 0.51) / energy(wave, 0, 2) > 0.999
    assert np.sqrt((wave**2).mean() * 2) == pytest.approx(0.2 * 255, rel=0.01)
    assert (wave.std(axis=2 if angle == 90 else 1) < 1).all()


@pytest.mark.parametrize("factor", [0.01, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("size", [(32, 32), (31, 57), (1, 40), (7, 1)])
def test_low_resolution_is_pillows_resize_twice(size: tuple[int, int], factor: float) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    small = image.resize((max(1, round(factor * size[1])), max(1, round(factor * size[0]))), Image.Resampling.BICUBIC)
    wanted = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))
    assert (LowResolution(factor=factor).apply(np.asarray(image)[None])[0] == wanted).all()


def test_low_resolution_keeps_what_the_small_image_can_hold(squares: np.ndarray) -> None:
    result = {factor: LowResolution(factor=factor).apply(squares) for factor in (0.125, 0.25, 0.5, 0.75)}
    before = mirrored(squares)
    for factor, images in result.items():
        after = mirrored(images)
        assert energy(difference(after, before), 0, factor / 2) < 0.001 * energy(before, 0, factor / 2)
        assert energy(after, factor, 2) < 0.2 * energy(before, factor, 2)
    fine = [energy(mirrored(images), 0.25, 2) for images in (*result.values(), squares)]
    assert fine == sorted(fine)


def test_a_factor_that_loses_no_pixel_changes_nothing(crops: np.ndarray) -> None:
    assert (LowResolution(factor=0.99).apply(crops) == crops).all()


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
@pytest.mark.parametrize("size", [(64, 48), (31, 57), (1, 1), (1, 500)])
def test_jpeg_is_pillows_round_trip(photographs: list[np.ndarray], size: tuple[int, int], quality: int) -> None:
    image = photographs[0].repeat(2, axis=1)[: size[0], : size[1]]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    assert (Jpeg(quality=quality).apply(image[None])[0] == np.asarray(Image.open(file))).all()


def test_a_lower_quality_loses_more_and_colour_first(squares: np.ndarray) -> None:
    lost = [(difference(Jpeg(quality=quality).apply(squares), squares) ** 2).mean() for quality in (1, 10, 40, 80, 98)]
    assert lost == sorted(lost, reverse=True)
    stripes = np.zeros((1, 32, 32, 3), np.uint8)
    stripes[:, :, ::2, 0], stripes[:, :, 1::2, 2] = 200, 200
    coded = Jpeg(quality=98).apply(stripes)
    assert np.ptp(coded[..., 0].astype(int) - coded[..., 2]) < 40 < 400


def test_sides_beyond_the_limit_of_jpeg_are_refused() -> None:
    with pytest.raises(DataError, match=r"65501 x 1 pixels is too large for JPEG \(limit 65,500 per side\); resize"):
        Jpeg(quality=50).apply(np.zeros((1, 1, 65_501, 3), np.uint8))
    assert Jpeg(quality=50).apply(np.zeros((1, 65_500, 1, 3), np.uint8)).shape == (1, 65_500, 1, 3)


@settings(max_examples=25, deadline=None)
@given(deviation=st.floats(0.01, 0.12), seed=st.integers(0, 2**63 - 1))
def test_noise_has_its_deviation_and_no_mean(deviation: float, seed: int) -> None:
    plain = np.full((1, 120, 120, 3), 128, np.uint8)
    noise = difference(Noise(deviation=deviation, seed=seed).apply(plain), plain) / 255
    error = deviation / np.sqrt(noise.size)
    assert abs(noise.mean()) < 5 * error
    assert np.sqrt(noise.var() - 1 / 12 / 255**2) == pytest.approx(deviation, abs=5 * error)  # minus rounding


def test_noise_is_white_and_independent_in_each_channel() -> None:
    plain = np.full((1, 200, 200, 3), 128, np.uint8)
    noise = difference(Noise(deviation=0.1).apply(plain), plain)
    assert (np.abs(np.corrcoef(noise.reshape(-1, 3).T)[np.triu_indices(3, 1)]) < 0.025).all()
    for axis in (1, 2):
        assert abs((noise * np.roll(noise, 1, axis)).mean() / noise.var()) < 0.015
    assert energy(noise, 0, 0.5) / energy(noise, 0, 2) == pytest.approx(0.25, abs=0.01)


def test_noise_follows_the_image_and_the_seed() -> None:
    images = np.stack([np.full((16, 20, 3), level, np.uint8) for level in (128, 129, 128)])
    first, second, third = difference(Noise(deviation=0.05).apply(images), images)
    assert (first == third).all()
    assert (first != second).any()
    assert (difference(Noise(deviation=0.05, seed=1).apply(images)[0], images[0]) != first).any()
    twice = difference(Noise(deviation=0.1).apply(images)[0], images[0])
    assert np.abs(twice - 2 * first).max() <= 1.5


def test_noise_is_clipped() -> None:
    black, white = (np.full((1, 50, 50, 3), level, np.uint8) for level in (0, 255))
    noise = Noise(deviation=0.2)
    assert 0.4 < (noise.apply(black) == 0).mean() < 0.6
    assert 0.4 < (noise.apply(white) == 255).mean() < 0.6


def test_sharpening_adds_the_difference_to_a_blur() -> None:
    image = np.random.default_rng(0).integers(100, 156, (1, 24, 40, 3), np.uint8)
    taken = difference(image, Blur(width=0.05).apply(image))
    added = difference(Sharpen(amount=1.5, width=0.05).apply(image), image)
    assert np.abs(added - 1.5 * taken).max() < 1.5  # both are rounded


def test_larger_amount_adds_more_high_frequencies(squares: np.ndarray) -> None:
    images = faint(squares)
    before = mirrored(images)
    after = [mirrored(Sharpen(amount=amount).apply(images)) for amount in (0.5, 1, 2, 4)]
    high = [energy(of, 0.25, 2) / energy(before, 0.25, 2) for of in (before, *after)]
    assert all(more > 1.4 * less for less, more in pairwise(high))
    for of in after:
        assert energy(of, 0, 0.05) / energy(before, 0, 0.05) == pytest.approx(1, abs=0.05)


def test_sharpening_is_clipped() -> None:
    image = np.zeros((1, 20, 20, 3), np.uint8)
    image[:, :, 10:] = 255
    assert (Sharpen(amount=20).apply(image) == image).all()


@pytest.fixture(scope="module")
def textured_edge() -> np.ndarray:
    """(1, 96, 96, 3): dark on the left and bright on the right of column 48, both with faint white noise."""
    plain = np.full((96, 96), 40.0)
    plain[:, 48:] = 215
    noisy = plain + np.random.default_rng(0).normal(0, 5, plain.shape)
    return np.rint(noisy)[None, :, :, None].repeat(3, axis=3).astype(np.uint8)


def texture_of(image: np.ndarray) -> float:
    """Standard deviation in grey levels, far from the edge."""
    return float(np.mean([image[:, :, 8:36].std(), image[:, :, 60:88].std()]))


def edge_of(image: np.ndarray) -> float:
    """The step from the two columns before the edge to the two after it, in grey levels."""
    return float(image[:, :, 48:50].mean() - image[:, :, 46:48].mean())


@pytest.mark.parametrize("contrast", [0.02, 0.03, 0.06])
def test_smoothing_removes_texture_and_keeps_an_edge(textured_edge: np.ndarray, contrast: float) -> None:
    smoothed = Smooth(contrast=contrast).apply(textured_edge)
    assert texture_of(smoothed) < 0.6 * texture_of(textured_edge)
    assert edge_of(smoothed) > 0.95 * edge_of(textured_edge)
    blurred = [Blur(width=pixels / 96).apply(textured_edge) for pixels in np.geomspace(0.4, 4, 15)]
    as_smooth = next(image for image in blurred if texture_of(image) <= texture_of(smoothed))
    assert edge_of(as_smooth) < 0.9 * edge_of(textured_edge)


def test_larger_contrast_removes_more_detail(squares: np.ndarray) -> None:
    lost = [(difference(Smooth(contrast=c).apply(squares), squares) ** 2).mean() for c in (0.01, 0.03, 0.1, 0.3, 1)]
    assert lost == sorted(lost)
    assert lost[-1] > 20 * lost[0] > 0


def test_smoothing_halves_texture_whose_deviation_is_its_contrast() -> None:
    # In a large window, the remaining fraction of detail is variance / (variance + contrast**2).
    noise = np.random.default_rng(0).normal(128, 20, (1, 200, 200, 1)).repeat(3, axis=3)
    image = np.rint(np.clip(noise, 0, 255)).astype(np.uint8)
    stays = texture_of(Smooth(contrast=20 / 255, width=0.25).apply(image)) / texture_of(image)
    assert stays == pytest.approx(0.5, abs=0.03)


SHARPER_AND_SMOOTHER = [
    Sharpen(amount=2),
    Sharpen(amount=20, width=1),
    Smooth(contrast=0.05),
    Smooth(contrast=1, width=1),
]


@pytest.mark.parametrize("transform", SHARPER_AND_SMOOTHER, ids=repr)
def test_sharpening_and_smoothing_leave_constant_images(transform: Formula) -> None:
    levels = np.array([[0, 0, 0], [255, 255, 255], [3, 130, 251], [1, 2, 3]], np.uint8)
    images = np.broadcast_to(levels[:, None, None], (4, 20, 33, 3)).copy()
    assert (transform.apply(images) == images).all()


@pytest.mark.parametrize("transform", SHARPER_AND_SMOOTHER, ids=repr)
def test_sharpen_and_smooth_pass_the_interface_check(transform: Formula) -> None:
    assert [finding.problem for finding in check_transform(lambda: transform.model_copy())] == [None] * 9


@pytest.mark.parametrize("transform", SHARPER_AND_SMOOTHER, ids=repr)
@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_sharpening_and_smoothing_work_on_any_size_and_one_image_at_a_time(
    transform: Formula, height: int, width: int, seed: int
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (3, height, width, 3), np.uint8)
    given_images = images.copy()
    given_images.flags.writeable = False
    changed = transform.apply(given_images)
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert (changed[::-1] == transform.apply(images[::-1])).all()
    assert (changed[1] == transform.apply(np.asfortranarray(images[1:2]))[0]).all()
    turned = transform.apply(images.swapaxes(1, 2)).swapaxes(1, 2)
    assert np.abs(difference(turned, changed)).max() <= 1  # up to rounding, rows are treated like columns


def test_one_pixel_has_no_detail() -> None:
    pixel = np.array([[[[7, 100, 250]]]], np.uint8)
    for transform in SHARPER_AND_SMOOTHER:
        assert (transform.apply(pixel) == pixel).all()


SHARPENED = """
version: 1
task: photos
datasets: {one: {generator: pocket-base, images_per_class: 10}}
train: {probes: [changed]}
probes:
  changed: {transform: FORM}
"""


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("{kind: sharpen, amount: 2}", Sharpen(amount=2, width=0.03)),
        ("{kind: sharpen, amount: 0.5, width: 0.1}", Sharpen(amount=0.5, width=0.1)),
        ("{kind: smooth, contrast: 0.06}", Smooth(contrast=0.06, width=0.15)),
        ("{kind: smooth, contrast: 0.06, width: 0.3}", Smooth(contrast=0.06, width=0.3)),
    ],
)
def test_sharpen_and_smooth_are_parsed_from_a_study_file(form: str, wanted: Formula) -> None:
    probe = parse_study(SHARPENED.replace("FORM", form)).probes["changed"]
    assert probe.transform == wanted
    assert TypeAdapter(AnyTransform).validate_json(wanted.model_dump_json()) == wanted
    assert wanted.open(Numerics()).apply(np.zeros((1, 4, 4, 3), np.uint8)).shape == (1, 4, 4, 3)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{kind: sharpen}", "'probes.changed.transform.amount' is missing"),
        ("{kind: sharpen, amount: 0}", "amount: expected a number above 0 and at most 20, got 0"),
        ("{kind: sharpen, amount: 20.5}", "amount: expected a number above 0 and at most 20, got 20.5"),
        ("{kind: sharpen, amount: .nan}", "amount: expected a number above 0 and at most 20, got nan"),
        ("{kind: sharpen, amount: 1, width: 0}", "width: expected a number above 0 and at most 1, got 0"),
        ("{kind: sharpen, amount: 1, width: 1.1}", "width: expected a number above 0 and at most 1, got 1.1"),
        ("{kind: smooth}", "'probes.changed.transform.contrast' is missing"),
        ("{kind: smooth, contrast: 0}", "contrast: expected a number above 0 and at most 1, got 0"),
        ("{kind: smooth, contrast: 1.1}", "contrast: expected a number above 0 and at most 1, got 1.1"),
        ("{kind: smooth, contrast: 0.1, width: 0}", "width: expected a number above 0 and at most 1, got 0"),
        ("{kind: smooth, contrast: 0.1, width: 2}", "width: expected a number above 0 and at most 1, got 2"),
        ("{kind: smooth, contrast: 0.1, radius: 2}", "radius"),
    ],
)
def test_invalid_settings_of_sharpen_and_smooth_are_refused(form: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        parse_study(SHARPENED.replace("FORM", form))
    assert str(error.value).startswith("study:7: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
