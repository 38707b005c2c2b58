from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.repeats import find_repeats, find_set_repeats, pair_distances, repeat_thresholds

CLASSES, COUNT = 3, 30


def noise(seed: int, count: int = COUNT) -> LabelledImages:
    """Images of smooth noise, `count` of each class, every one in a group of its own."""
    small = np.random.default_rng(seed).integers(0, 256, (CLASSES * count, 8, 8, 3)).astype(np.uint8)
    pixels = small.repeat(2, axis=1).repeat(2, axis=2)
    labels = np.arange(len(pixels)) // count
    return LabelledImages(pixels, labels, np.arange(len(pixels)).astype(str))


def repeated(images: LabelledImages, distinct: int) -> LabelledImages:
    """The first `distinct` images of each class again and again: every second mirrored, all a little noisy."""
    position = np.arange(len(images)) % COUNT
    pixels = images.pixels[images.labels * COUNT + position % distinct].copy()
    pixels[position % 2 == 1] = pixels[position % 2 == 1][:, :, ::-1]
    jitter = np.random.default_rng(9).integers(-8, 9, pixels.shape)
    return LabelledImages(np.clip(pixels + jitter, 0, 255).astype(np.uint8), images.labels, images.groups)


def test_other_images_are_no_repeats() -> None:
    pairs = [find_set_repeats(noise(2 * seed), noise(2 * seed + 1), CLASSES) for seed in range(8)]
    assert np.mean([found.mask.mean() for found in pairs]) < 0.03
    assert np.mean([found.rates.mean() - found.real_shares.mean() for found in pairs]) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("distinct", [5, 15])
def test_repeats_are_found_mirrored_or_not_and_one_of_each_group_is_kept(distinct: int) -> None:
    images = repeated(noise(1), distinct)
    found = find_set_repeats(images, noise(2), CLASSES)
    assert found.mask.sum() == CLASSES * (COUNT - distinct)
    assert not found.mask.reshape(CLASSES, COUNT)[:, :distinct].any()
    position = np.arange(len(images)) % COUNT
    assert np.array_equal(found.kept, images.labels * COUNT + position % distinct)
    assert (found.scores[found.mask] > 0.5).all()
    assert found.rates.mean() == pytest.approx(1 - distinct / COUNT)


def test_only_the_class_with_repeats_is_listed() -> None:
    images = repeated(noise(1), 5)
    pixels = np.where((images.labels == 1)[:, None, None, None], images.pixels, noise(1).pixels)
    found = find_set_repeats(LabelledImages(pixels, images.labels, images.groups), noise(2), CLASSES)
    assert found.mask[images.labels == 1].mean() == pytest.approx(25 / 30)
    assert found.mask[images.labels != 1].mean() < 0.1


def test_real_images_that_repeat_each_other_just_as_much_are_the_measure() -> None:
    found = find_set_repeats(repeated(noise(1), 10), repeated(noise(2), 10), CLASSES)
    assert found.rates.mean() - found.real_shares.mean() < 0.1


@pytest.mark.parametrize(("count", "real_count"), [(60, 20), (20, 60)])
def test_unequal_numbers_cause_no_false_positives(count: int, real_count: int) -> None:
    differences, listed = [], []
    for seed in range(6):
        found = find_set_repeats(noise(2 * seed, count), noise(2 * seed + 1, real_count), CLASSES)
        differences.append(found.rates.mean() - found.real_shares.mean())
        listed.append(found.mask.mean())
    assert np.mean(differences) == pytest.approx(0, abs=0.025)
    assert np.mean(listed) < 0.08


def test_images_without_contrast_are_no_repeats_of_each_other() -> None:
    images = noise(1)
    images.pixels[:] = 0
    found = find_set_repeats(images, noise(2), CLASSES)
    assert not found.mask.any()
    assert not found.rates.any()


def test_the_first_image_of_a_chain_is_kept_and_far_ends_are_not_joined() -> None:
    table = np.abs(np.arange(4.0)[:, None] - np.arange(4.0)[None])  # at 0, 1, 2 and 3
    np.fill_diagonal(table, np.inf)
    found = find_repeats(table, 1.5)
    assert found.mask.tolist() == [False, True, False, True]
    assert found.kept.tolist() == [0, 0, 2, 2]
    assert found.score == pytest.approx([0, 1 / 3, 0, 1 / 3])


def test_identical_images_have_the_distance_0_and_a_mirror_image_too() -> None:
    image = noise(1).pixels[:1]
    table = pair_distances(np.concatenate([image, image, image[:, :, ::-1]]))
    assert np.isinf(np.diag(table)).all()
    assert table[0, 1:] == pytest.approx([0, 0], abs=1e-4)


def test_the_threshold_is_a_quantile_of_all_classes_in_medians_of_each() -> None:
    nearest = [np.linspace(1, 3, 50), np.linspace(10, 30, 50)]
    low, high = repeat_thresholds(nearest)
    assert high == pytest.approx(10 * low)
    assert (nearest[0] < low).mean() == pytest.approx(0.02, abs=0.01)
