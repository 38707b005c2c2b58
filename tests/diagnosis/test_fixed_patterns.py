from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.fixed_patterns import (
    FITTED_CAUSES,
    Moments,
    Pattern,
    coarse_brightness,
    find_frame,
    fit_patterns,
    margins_of,
    one_per_group,
    place_of,
    remove_low_frequencies,
)
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur
from prettyuseful.transforms.geometry import Frame

from .world import CLASSES, SIDE, changed, draw

Fit = tuple[str, ...]


def fitted(change: Callable[[np.ndarray], np.ndarray], seed: int = 4) -> list[Candidate]:
    return fit_patterns(draw(1), changed(draw(seed), change))


def covered(pixels: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], alpha: float = 1.0) -> np.ndarray:
    weight = alpha * mask[:, :, None]
    return np.asarray(np.rint(pixels * (1 - weight) + np.array(colour) * weight), np.uint8)


def letters() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[11:14, 9:15:2] = True
    return mask


def disc() -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    return np.asarray(np.hypot(rows, columns) < 6)


def test_images_without_a_pattern_have_no_candidates() -> None:
    assert all(fitted(lambda pixels: pixels, seed) == [] for seed in (4, 5, 6))


def test_changes_that_are_the_same_everywhere_have_no_candidates() -> None:
    assert fitted(Blur(width=1 / SIDE).apply) == []
    assert fitted(ColourShift(contrast=0.6).apply) == []


def test_shading_is_fitted_with_its_direction() -> None:
    shade = np.linspace(0.5, 1, SIDE)[:, None, None]

    def change(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(np.rint(pixels * shade), np.uint8)

    [shading] = fitted(change)
    assert shading.cause.name == "shading added"
    dark, bright = re.findall(r"([\d.]+) \((\w+)\)", shading.words)
    assert (dark[1], bright[1]) == ("top", "bottom")
    assert [float(dark[0]), float(bright[0])] == pytest.approx([0.57, 0.93], abs=0.06)
    images = draw(7)
    difference = shading.apply(images.pixels, images.labels).astype(int) - change(images.pixels)
    assert np.abs(difference).mean() < 8


@pytest.mark.parametrize("fit", ["cover", "shrink"])
def test_a_frame_is_found_with_its_margins_and_colour(fit: str) -> None:
    planted = Frame(top=2 / SIDE, left=3 / SIDE, colour=(0.8, 0.2, 0.0), fit=fit)
    covering, shrinking = fitted(planted.apply)
    assert {covering.cause.name, shrinking.cause.name} == {"frame added"}
    same = covering if fit == "cover" else shrinking
    images = draw(7).pixels
    assert np.abs(same.apply(images, np.zeros(len(images), int)).astype(int) - planted.apply(images)).max() <= 1
    assert same.specification is not None
    assert same.specification["kind"] == "frame"
    assert "(top 12%, left 19%)" in same.words


def test_margins_of_a_few_images_are_no_frame() -> None:
    images = draw(4)
    pixels = images.pixels.copy()
    pixels[::2] = Frame(top=0.2, bottom=0.2).apply(images.pixels[::2])
    assert find_frame(draw(1), changed(images, lambda _: pixels)) is None


def test_margins_that_real_images_have_too_are_no_frame() -> None:
    frame = Frame(top=0.2, bottom=0.2)
    assert find_frame(changed(draw(1), frame.apply), changed(draw(4), frame.apply)) is None


def test_margins_are_counted_from_each_side() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 3), np.uint8)
    images[:, :2], images[:, -1:], images[:, :, :3] = 9, 9, 9
    assert margins_of(images).tolist() == [[2, 1, 3, 0]]


def test_an_overlay_is_fitted_at_its_place() -> None:
    [overlay] = fitted(lambda pixels: covered(pixels, letters(), (255, 255, 255), 0.7))
    assert overlay.cause.name == "overlay added"
    assert overlay.words == "an overlay (lower right, 4% of the area)"
    assert overlay.specification is None
    images = draw(7)
    result = overlay.apply(images.pixels, images.labels).astype(int)
    wanted = covered(images.pixels, letters(), (255, 255, 255), 0.7)
    assert (
        np.abs(result - wanted)[:, letters()].mean()
        < 0.2 * np.abs(images.pixels.astype(int) - wanted)[:, letters()].mean()
    )
    assert (result == images.pixels)[:, ~letters()].all()


@pytest.mark.parametrize(("period", "axes"), [(2, 2), (4, 1)])
def test_a_periodic_pattern_is_fitted_with_its_period(period: int, axes: int) -> None:
    rows, columns = np.indices((SIDE, SIDE))
    phase = rows + columns if axes == 2 else rows
    wave = 14 * np.where(phase % period < period // 2, 1, -1)[:, :, None]

    def change(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(pixels.astype(int) + wave, 0, 255), np.uint8)

    added, _ = fitted(change)
    assert added.cause.name == "periodic added"
    assert f"period {period} px" in added.words
    images = draw(7)
    difference = added.apply(images.pixels, images.labels).astype(int) - change(images.pixels)
    assert np.abs(difference).mean() < 5


def on_background(images: LabelledImages, colours: np.ndarray, shift: int, share: float) -> LabelledImages:
    """Show a share of the images before flat colours (N, 3), in a disc that is moved by up to `shift` pixels."""
    rng, pixels = np.random.default_rng(3), images.pixels.copy()
    for row in np.flatnonzero(rng.random(len(images)) < share):
        mask = np.roll(disc(), rng.integers(-shift, shift + 1, 2), axis=(0, 1))
        pixels[row] = np.where(mask[:, :, None], pixels[row], colours[row])
    return changed(images, lambda _: pixels)


@pytest.mark.parametrize("of_class", [False, True])
def test_a_flat_background_is_fitted_with_its_colours(of_class: bool) -> None:
    by_class = np.random.default_rng(3).integers(20, 230, (CLASSES, 3)) if of_class else np.full((CLASSES, 3), 250)
    images = draw(4)
    found = fit_patterns(draw(1), on_background(images, by_class[images.labels], shift=0, share=1))
    varying, constant = [change for change in found if change.cause.name == "background added"]
    assert ("one colour per class" in constant.words) == of_class
    others = draw(7)
    for change in (varying, constant):
        assert "100% of the images, 0% of real images" in change.words
        corners = change.apply(others.pixels, others.labels)[:, 0, 0].astype(int)
        assert np.abs(corners - by_class[others.labels]).max() <= 2


def test_a_background_in_most_images_is_given_to_the_same_share_of_real_images() -> None:
    images, others = draw(4), draw(7)
    planted = on_background(images, np.random.default_rng(5).integers(0, 256, (len(images), 3)), shift=2, share=0.7)
    [background] = [change for change in fit_patterns(draw(1), planted) if change.cause.name == "background added"]
    result = background.apply(others.pixels, others.labels)
    white = (result[:, :2, :2] == result[:, :1, :1]).all(axis=(1, 2, 3))
    assert white.mean() == pytest.approx(0.7, abs=0.12)
    assert np.array_equal(background.apply(others.pixels[3:5], others.labels[3:5]), result[3:5])


def test_backgrounds_of_few_images_are_not_fitted() -> None:
    images = draw(4)
    planted = on_background(images, np.full((len(images), 3), 250), shift=2, share=0.2)
    assert "background added" not in {change.cause.name for change in fit_patterns(draw(1), planted)}


def test_the_images_of_a_group_and_equal_images_count_once() -> None:
    images = draw(4)
    grouped = LabelledImages(images.pixels, images.labels, np.array([f"{i // 2}" for i in range(len(images))]))
    assert len(one_per_group(grouped)) == len(images) / 2
    assert one_per_group(images) is images
    repeated = images.take(np.array([0, 5, 0, 5, 3]))
    assert len(one_per_group(LabelledImages(repeated.pixels, repeated.labels, np.arange(5).astype(str)))) == 3
    few = LabelledImages(images.pixels, images.labels, np.array(["one"] * len(images)))
    assert Moments(draw(1), one_per_group(few)).test(coarse_brightness).p_value == 1


@pytest.mark.parametrize("measure", [remove_low_frequencies, coarse_brightness])
def test_the_test_of_a_common_pattern_is_calibrated(measure: Callable[[np.ndarray], np.ndarray]) -> None:
    p_values = [Moments(draw(2 * seed), draw(2 * seed + 1)).test(measure).p_value for seed in range(10, 30)]
    assert np.mean(np.array(p_values) < 0.3) < 0.6
    assert min(p_values) > 0.005


def test_a_pattern_can_depend_on_the_class() -> None:
    pattern = Pattern(np.ones((4, 4, 1)), np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))]))
    result = pattern.apply(np.full((2, 4, 4, 3), 128, np.uint8), np.array([1, 0]))
    assert (result[0] == 255).all()
    assert (result[1] == 0).all()


def test_places_are_described() -> None:
    def place(rows: slice, columns: slice) -> str:
        mask = np.zeros((12, 12), bool)
        mask[rows, columns] = True
        return place_of(mask)

    assert place(slice(9, 12), slice(9, 12)) == "lower right"
    assert place(slice(5, 7), slice(5, 7)) == "middle centre"
    assert place(slice(0, 2), slice(1, 11)) == "upper, across the width"


def test_all_fitted_causes_have_rows() -> None:
    assert all(name in CAUSES.rows for name in FITTED_CAUSES)
