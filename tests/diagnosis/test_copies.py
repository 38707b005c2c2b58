from collections.abc import Callable

import numpy as np
import pytest
from skimage.data import astronaut

from prettyuseful.diagnosis.copies import chance_duplicate_rate, near_duplicate_mask
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Jpeg


@pytest.fixture(scope="module")
def crops() -> tuple[np.ndarray, np.ndarray]:
    whole = astronaut()
    crops = np.stack([whole[y : y + 48, x : x + 48] for y in range(0, 460, 50) for x in range(0, 460, 50)])
    return crops[:50], crops[50:]


def test_other_images_are_not_near_duplicates(crops: tuple[np.ndarray, np.ndarray]) -> None:
    real, other = crops
    assert near_duplicate_mask(other, real).mean() <= 0.05


@pytest.mark.parametrize(
    "copied",
    [
        lambda images: images,
        lambda images: images[:, :, ::-1],
        lambda images: Jpeg(quality=80).apply(images),
        lambda images: ColourShift(contrast=0.9, shift=(0.03, 0.03, 0.03)).apply(images),
    ],
    ids=["unchanged", "mirrored", "compressed", "lower contrast"],
)
def test_near_duplicates_are_detected(
    crops: tuple[np.ndarray, np.ndarray], copied: Callable[[np.ndarray], np.ndarray]
) -> None:
    real, _ = crops
    assert near_duplicate_mask(copied(real), real).mean() > 0.9


def test_duplicates_among_real_images_cause_no_false_positives(crops: tuple[np.ndarray, np.ndarray]) -> None:
    real, other = crops
    assert not near_duplicate_mask(other, np.concatenate([real, real])).any()


@pytest.mark.parametrize("count", [6, 12, 24])
def test_the_chance_rate_predicts_false_positives_of_small_classes(count: int) -> None:
    rng = np.random.default_rng(0)
    observed, expected = [], []
    for _ in range(60):
        images = rng.integers(0, 256, (count + 20, 4, 4, 3)).astype(np.uint8)
        observed.append(near_duplicate_mask(images[count:], images[:count]).mean())
        expected.append(chance_duplicate_rate(images[:count]))
    assert np.mean(observed) == pytest.approx(np.mean(expected), abs=0.04)
    assert np.mean(expected) == pytest.approx(2 / (count + 1), rel=0.5)
