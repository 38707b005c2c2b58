from collections.abc import Callable

import numpy as np
import pytest
from skimage.data import astronaut

from prettyuseful.diagnosis.copies import near_by_chance, near_copies
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Jpeg


@pytest.fixture(scope="module")
def crops() -> tuple[np.ndarray, np.ndarray]:
    whole = astronaut()
    found = np.stack([whole[y : y + 48, x : x + 48] for y in range(0, 460, 50) for x in range(0, 460, 50)])
    return found[:50], found[50:]


def test_other_images_are_no_copies(crops: tuple[np.ndarray, np.ndarray]) -> None:
    real, other = crops
    assert near_copies(other, real).mean() <= 0.05


@pytest.mark.parametrize(
    "copied",
    [
        lambda images: images,
        lambda images: images[:, :, ::-1],
        lambda images: Jpeg(quality=80).apply(images),
        lambda images: ColourShift(contrast=0.9, shift=(0.03, 0.03, 0.03)).apply(images),
    ],
    ids=["as they are", "mirrored", "compressed", "paler"],
)
def test_copies_are_found(crops: tuple[np.ndarray, np.ndarray], copied: Callable[[np.ndarray], np.ndarray]) -> None:
    real, _ = crops
    assert near_copies(copied(real), real).mean() > 0.9


def test_a_real_set_full_of_copies_makes_no_other_image_a_copy(crops: tuple[np.ndarray, np.ndarray]) -> None:
    real, other = crops
    assert not near_copies(other, np.concatenate([real, real])).any()


@pytest.mark.parametrize("count", [6, 12, 24])
def test_of_few_images_more_are_near_by_chance_and_it_is_known_how_many(count: int) -> None:
    rng = np.random.default_rng(0)
    found, expected = [], []
    for _ in range(60):
        images = rng.integers(0, 256, (count + 20, 4, 4, 3)).astype(np.uint8)
        found.append(near_copies(images[count:], images[:count]).mean())
        expected.append(near_by_chance(images[:count]))
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.04)
    assert np.mean(expected) == pytest.approx(2 / (count + 1), rel=0.5)
