from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from PIL import Image
from torchvision.transforms import v2

from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training.augment import blur, cutmix, grayscale, jitter, normalise_, nudged, solarize, vary
from prettyuseful.training.augmentations import CHANGES, Augmentation, Nudge
from prettyuseful.training.draws import Draws, draw
from prettyuseful.training.resample import resample

LEVEL = 1 / 255
NUDGE = Nudge(size=16, shift=3, flip=True, jitter=0.1)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S) float in 0-1."""
    return images.permute(0, 3, 1, 2).float().div(255)


def batch() -> torch.Tensor:
    return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_flips_are_each_images_own() -> None:
    images = batch()
    found = nudged(images, replace(NUDGE, shift=0, jitter=0), generator())
    same = [torch.equal(a, b) for a, b in zip(images, found, strict=True)]
    flipped = [torch.equal(a.flip(2), b) for a, b in zip(images, found, strict=True)]
    assert all(s != f for s, f in zip(same, flipped, strict=True))
    assert 15 < sum(flipped) < 49


def test_shifts_keep_what_stays_in_view() -> None:
    images = batch()
    found = nudged(images, replace(NUDGE, shift=2, flip=False, jitter=0), generator())
    places = set()
    for image, moved in zip(images, found, strict=True):
        hits = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.equal(torch.roll(image, (dy, dx), (1, 2))[:, 2:-2, 2:-2], moved[:, 2:-2, 2:-2])
        ]
        assert len(hits) == 1
        places.add(hits[0])
    assert len(places) > 12


def test_jitter_stays_within_its_bounds() -> None:
    grey = torch.full((200, 3, 4, 4), 0.5)
    found = nudged(grey, replace(NUDGE, shift=0, flip=False, jitter=0.1), generator())
    assert 0.45 <= float(found.min()) < 0.46
    assert 0.54 < float(found.max()) <= 0.55


def test_equal_generators_give_equal_batches() -> None:
    assert torch.equal(nudged(batch(), NUDGE, generator()), nudged(batch(), NUDGE, generator()))


def test_bytes_become_numbers_around_zero() -> None:
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
    """(H, W, 3) uint8 as Pillow has it."""
    return Image.fromarray(image.numpy())


def levels_apart(found: torch.Tensor, expected: Image.Image) -> int:
    """The largest difference in grey levels of (3, S, S) in 0-1, rounded, from a picture."""
    wanted = torch.from_numpy(np.array(expected.convert("RGB"))).permute(2, 0, 1)
    return int(((found * 255).round() - wanted).abs().max())


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max())


def drawn(count: int, augmentation: Augmentation | None = None, side: int = 72) -> Draws:
    augmentation = augmentation or Augmentation(size=48)
    return draw(augmentation, torch.tensor([[side, side]] * count), generator())


def test_gray_is_pillows_luma() -> None:
    for image, gray in zip(photographs(), grayscale(to_float(photographs())), strict=True):
        assert levels_apart(gray.expand(3, -1, -1), picture(image).convert("L")) <= 1


def test_solarized_is_as_torchvision_has_it() -> None:
    for image, found in zip(photographs(), solarize(to_float(photographs())), strict=True):
        assert levels_apart(found, tv.solarize(picture(image), 128)) == 0
        assert apart(found, tv.solarize(to_float(image[None])[0], 0.5)) < 1e-6


def test_every_image_is_blurred_by_its_own_sigma_as_torchvision_does() -> None:
    sigmas = torch.tensor([0.2, 0.5, 0.8, 1.1, 1.6, 2.0])
    found = blur(to_float(photographs()), sigmas)
    for image, sigma, blurred in zip(photographs(), sigmas.tolist(), found, strict=True):
        assert levels_apart(blurred, tv.gaussian_blur(picture(image), [7, 7], [sigma, sigma])) <= 1
        assert apart(blurred, tv.gaussian_blur(to_float(image[None])[0], [7, 7], [sigma, sigma])) < 1e-5


ADJUST = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_each_jitter_is_pillows(which: int) -> None:
    factors = torch.ones(6, 3)
    factors[:, which] = torch.tensor([0.7, 0.85, 1.0, 1.1, 1.2, 1.3])
    found = to_float(photographs())
    jitter(found, factors, torch.tensor([[2, 0, 1]] * 6))
    for image, row, jittered in zip(photographs(), factors, found, strict=True):
        assert levels_apart(jittered, ADJUST[which](picture(image), float(row[which]))) <= 1


def test_every_image_is_jittered_in_its_own_order() -> None:
    draws = drawn(24)
    images = to_float(photographs(24))
    found = images.clone()
    jitter(found, draws.factors, draws.orders)
    for image, factors, order, jittered in zip(images, draws.factors, draws.orders, found, strict=True):
        for i in order:
            image = ADJUST[int(i)](image, float(factors[i]))
        assert apart(jittered, image) <= LEVEL


def test_a_batch_is_varied_as_torchvision_would_image_by_image() -> None:
    """Crop, change, jitter, flip: the paper's list in the paper's order, with the parameters drawn here."""
    images, draws = photographs(24), drawn(24)
    assert set(draws.changes.tolist()) == {0, 1, 2}
    for i, found in enumerate(vary(images, draws)):
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
        assert apart(found, image) <= LEVEL


def test_an_image_depends_on_itself_and_its_draws_only() -> None:
    images, draws = photographs(24), drawn(24)
    found = vary(images, draws)
    order = torch.randperm(24, generator=generator())
    assert torch.equal(vary(images[order], draws[order]), found[order])
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            alone = [vary(images[i : i + 1], draws[i : i + 1]) for i in range(24)]
            assert torch.equal(torch.cat(alone), found)
    finally:
        torch.set_num_threads(before)


def test_a_batch_may_fill_the_memory_of_the_last() -> None:
    images, draws = photographs(24), drawn(24)
    place = torch.full((24, 3, 48, 48), torch.nan)
    assert vary(images, draws, out=place) is place
    assert torch.equal(place, vary(images, draws))


def test_no_change_and_no_jitter_leave_the_crop_as_it_is() -> None:
    plain = Augmentation(size=48, scale=None, one_of=(), jitter=(0, 0, 0), flips=("vertical", "horizontal"))
    images, draws = photographs(8), drawn(8, plain)
    for image, found, (top, left, _, _), (down, across) in zip(
        images, vary(images, draws), draws.boxes, draws.flips.tolist(), strict=True
    ):
        crop = to_float(image[None, top : top + 48, left : left + 48])[0]
        assert torch.equal(found, crop.flip([axis for axis, flipped in ((1, down), (2, across)) if flipped]))


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
        found = cutmix(images, targets, (top, left, bottom, right))
        assert torch.equal(found[0], theirs.transform(images, params))
        assert torch.allclose(found[1], theirs.transform(labels, params), atol=1e-6)
    assert torch.equal(images, to_float(photographs()))


def test_nothing_is_fetched_from_an_accelerator() -> None:
    """Where images are, all goes on; `meta` stands for any device, and has no values to wait for."""
    draws = drawn(24)
    found = vary(photographs(24).to("meta"), draws)
    assert (found.device.type, found.shape) == ("meta", (24, 3, 48, 48))
    assert normalise_(found).device.type == "meta"
