from __future__ import annotations

from dataclasses import replace

import torch

from prettyuseful.training.augment import augment, normalise, to_float
from prettyuseful.training.recipes import SMALL


def batch() -> torch.Tensor:
    return torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_flips_are_each_images_own() -> None:
    images = batch()
    found = augment(images, replace(SMALL, shift=0, jitter=0), generator())
    same = [torch.equal(a, b) for a, b in zip(images, found, strict=True)]
    flipped = [torch.equal(a.flip(2), b) for a, b in zip(images, found, strict=True)]
    assert all(s != f for s, f in zip(same, flipped, strict=True))
    assert 15 < sum(flipped) < 49


def test_shifts_keep_what_stays_in_view() -> None:
    images = batch()
    found = augment(images, replace(SMALL, shift=2, flip=False, jitter=0), generator())
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
    found = augment(grey, replace(SMALL, shift=0, flip=False, jitter=0.1), generator())
    assert 0.45 <= float(found.min()) < 0.46
    assert 0.54 < float(found.max()) <= 0.55


def test_equal_generators_give_equal_batches() -> None:
    assert torch.equal(augment(batch(), SMALL, generator()), augment(batch(), SMALL, generator()))


def test_bytes_become_numbers_around_zero() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    low, high = normalise(to_float(pixels))
    assert torch.allclose(low[:, 0, 0], torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]))
    assert torch.allclose(high[:, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
