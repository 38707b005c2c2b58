from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from PIL import Image
from tests.launches import CountedLaunches
from torchvision.transforms import v2

from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training.augment import (
    augment,
    augment_small,
    blends,
    blur,
    cutmix,
    grayscale,
    jitter,
    normalise_,
    solarize,
)
from prettyuseful.training.augmentations import CHANGES, Augmentation, SmallAugmentation
from prettyuseful.training.resample import resample
from prettyuseful.training.sampling import AugmentationParameters, sample_parameters

LEVEL = 1 / 255
NUDGE = SmallAugmentation(size=16, shift=3, flip=True, jitter=0.1)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S) float in 0-1."""
    return images.permute(0, 3, 1, 2).float().div(255)


def batch() -> torch.Tensor:
    return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_flips_are_independent_between_images() -> None:
    images = batch()
    result = augment_small(images, replace(NUDGE, shift=0, jitter=0), generator())
    same = [torch.equal(a, b) for a, b in zip(images, result, strict=True)]
    flipped = [torch.equal(a.flip(2), b) for a, b in zip(images, result, strict=True)]
    assert all(s != f for s, f in zip(same, flipped, strict=True))
    assert 15 < sum(flipped) < 49


def test_shift_keeps_the_visible_pixels() -> None:
    images = batch()
    result = augment_small(images, replace(NUDGE, shift=2, flip=False, jitter=0), generator())
    pixels_hit = set()
    for image, moved in zip(images, result, strict=True):
        hits = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(torch.roll(image, (dy, dx), (1, 2))[:, 2:-2, 2:-2], moved[:, 2:-2, 2:-2])
        ]
        assert len(hits) == 1
        pixels_hit.add(hits[0])
    assert len(pixels_hit) > 12


def test_jitter_stays_within_its_bounds() -> None:
    grey = torch.full((200, 3, 4, 4), 0.5)
    result = augment_small(grey, replace(NUDGE, shift=0, flip=False, jitter=0.1), generator())
    assert 0.45 <= float(result.min()) < 0.46
    assert 0.54 < float(result.max()) <= 0.55


def test_equal_generators_give_equal_batches() -> None:
    assert torch.equal(augment_small(batch(), NUDGE, generator()), augment_small(batch(), NUDGE, generator()))


def test_normalised_values_are_centred_at_zero() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    low, high = normalise_(to_float(pixels))
    assert torch.allclose(low[:, 0, 0], torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]))
    assert torch.allclose(high[:, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))


def photographs(count: int = 6, side: int = 72) -> torch.Tensor:
    """(count, side, side, 3) uint8 cut from colourful photographs."""
    colourful = [p for p in PHOTOGRAPHS if p.name in ("astronaut", "coffee", "cat", "temple", "flower", "retina")]
    cuts = [load_photograph(p)[40 * i : 40 * i + side, 90 : 90 + side] for i, p in enumerate(colourful)]
    return torch.from_numpy(np.stack([cuts[i % len(cuts)] for i in range(count)]))


def picture(image: torch.Tensor) -> Image.Image:
    """(H, W, 3) uint8, as in Pillow."""
    return Image.fromarray(image.numpy())


def levels_apart(result: torch.Tensor, expected: Image.Image) -> int:
    """The largest difference between (3, S, S) values in 0-1, rounded to grey levels, and an image."""
    wanted = torch.from_numpy(np.array(expected.convert("RGB"))).permute(2, 0, 1)
    return int(((result * 255).round() - wanted).abs().max())


def apart(result: torch.Tensor, expected: torch.Tensor) -> float:
    return float((result - expected).abs().max())


def drawn(count: int, augmentation: Augmentation | None = None, side: int = 72) -> AugmentationParameters:
    augmentation = augmentation or Augmentation(size=48)
    return sample_parameters(augmentation, torch.tensor([[side, side]] * count), generator())


def test_gray_is_pillows_luma() -> None:
    for image, gray in zip(photographs(), grayscale(to_float(photographs())), strict=True):
        assert levels_apart(gray.expand(3, -1, -1), picture(image).convert("L")) <= 1


def test_solarize_equals_torchvision() -> None:
    for image, result in zip(photographs(), solarize(to_float(photographs())), strict=True):
        assert levels_apart(result, tv.solarize(picture(image), 128)) == 0
        assert apart(result, tv.solarize(to_float(image[None])[0], 0.5)) < 1e-6


def test_every_image_is_blurred_by_its_own_sigma_as_torchvision_does() -> None:
    sigmas = torch.tensor([0.2, 0.5, 0.8, 1.1, 1.6, 2.0])
    result = blur(to_float(photographs()), sigmas)
    for image, sigma, blurred in zip(photographs(), sigmas.tolist(), result, strict=True):
        assert levels_apart(blurred, tv.gaussian_blur(picture(image), [7, 7], [sigma, sigma])) <= 1
        assert apart(blurred, tv.gaussian_blur(to_float(image[None])[0], [7, 7], [sigma, sigma])) < 1e-5


ADJUST = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_jitter_equals_pillow(which: int) -> None:
    factors = torch.ones(6, 3)
    factors[:, which] = torch.tensor([0.7, 0.85, 1.0, 1.1, 1.2, 1.3])
    result = to_float(photographs())
    jitter(result, blends(factors, torch.tensor([[2, 0, 1]] * 6)))
    for image, row, jittered in zip(photographs(), factors, result, strict=True):
        assert levels_apart(jittered, ADJUST[which](picture(image), float(row[which]))) <= 1


def test_every_image_is_jittered_in_its_own_order() -> None:
    draws = drawn(24)
    images = to_float(photographs(24))
    result = images.clone()
    jitter(result, blends(draws.factors, draws.orders))
    for image, factors, order, jittered in zip(images, draws.factors, draws.orders, result, strict=True):
        for i in order:
            image = ADJUST[int(i)](image, float(factors[i]))
        assert apart(jittered, image) <= LEVEL


def test_augmented_batch_equals_torchvision_for_each_image() -> None:
    """Crop, change, jitter and flip in the order of the paper, with the same parameters."""
    images, draws = photographs(24), drawn(24)
    assert set(draws.changes.tolist()) == {0, 1, 2}
    for i, result in enumerate(augment(images, draws)):
        image = resample(images[i : i + 1], draws.boxes[i : i + 1], 48)[0].float() / 255
        sigma = float(draws.sigmas[i])
        change = CHANGES[int(draws.changes[i])]
        if change == "grayscale":
            image = tv.rgb_to_grayscale(image, 3)
        elif change == "solarize":
            image = tv.solarize(image, 0.5)
        else:
            image = tv.gaussian_blur(image, [7, 7], [sigma, sigma])
        for k in draws.orders[i]:
            image = ADJUST[int(k)](image, float(draws.factors[i, k]))
        if draws.flips[i, 1]:
            image = tv.horizontal_flip(image)
        assert apart(result, image) <= LEVEL


def test_result_depends_on_the_image_and_its_parameters_only() -> None:
    images, draws = photographs(24), drawn(24)
    result = augment(images, draws)
    order = torch.randperm(24, generator=generator())
    assert torch.equal(augment(images[order], draws[order]), result[order])
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            alone = [augment(images[i : i + 1], draws[i : i + 1]) for i in range(24)]
            assert torch.equal(torch.cat(alone), result)
    finally:
        torch.set_num_threads(before)


def test_result_can_be_written_to_given_memory() -> None:
    images, draws = photographs(24), drawn(24)
    out = torch.full((24, 3, 48, 48), torch.nan)
    assert augment(images, draws, out=out) is out
    assert torch.equal(out, augment(images, draws))


def test_no_change_and_no_jitter_leave_the_crop_as_it_is() -> None:
    plain = Augmentation(size=48, scale=None, one_of=(), jitter=(0, 0, 0), flips=("vertical", "horizontal"))
    images, draws = photographs(8), drawn(8, plain)
    for image, result, (top, left, _, _), (down, across) in zip(
        images, augment(images, draws), draws.boxes, draws.flips.tolist(), strict=True
    ):
        crop = to_float(image[None, top : top + 48, left : left + 48])[0]
        assert torch.equal(result, crop.flip([axis for axis, flipped in ((1, down), (2, across)) if flipped]))


def test_cutmix_is_torchvisions() -> None:
    images, labels = to_float(photographs()), torch.tensor([0, 1, 2, 3, 2, 1])
    targets = torch.nn.functional.one_hot(labels, 5).float()
    for top, left, bottom, right in ((10, 20, 40, 25), (0, 0, 72, 72), (3, 3, 3, 9)):
        kept = 1 - (bottom - top) * (right - left) / 72**2
        params = {
            "labels": labels, "batch_size": 6, "num_classes": 5,
            "box": (left, top, right, bottom), "lam_adjusted": kept,
        }  # fmt: skip
        theirs = v2.CutMix(num_classes=5)
        result = images.clone()
        mixed = cutmix(result, targets, (top, left, bottom, right))
        assert torch.equal(result, theirs.transform(images, params))
        assert torch.allclose(mixed, theirs.transform(labels, params), atol=1e-6)


def test_a_batch_needs_few_launches_and_waits_for_no_copy() -> None:
    """`meta` stands for an accelerator. It has no values, so reading one would fail."""
    draws, images = drawn(256), photographs(256).to("meta")
    normalise_(torch.empty(1, 3, 8, 8, device="meta"))  # the constants are copied once
    with CountedLaunches("meta") as counted:
        result = normalise_(augment(images, draws))
    assert (result.device.type, result.shape) == ("meta", (256, 3, 48, 48))
    assert counted.launches <= 260
    assert (counted.copies, counted.waiting) == (1, 0)
    with CountedLaunches("meta") as counted:
        assert augment_small(result, replace(NUDGE, size=48), generator()).device.type == "meta"
    assert counted.launches <= 30
    assert (counted.copies, counted.waiting) == (1, 0)
