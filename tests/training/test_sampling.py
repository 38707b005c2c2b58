from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp, kstest
from torchvision.transforms import v2

from prettyuseful.errors import DataError
from prettyuseful.training.augmentations import CHANGES, Augmentation
from prettyuseful.training.sampling import AugmentationParameters, sample_cutmix_patch, sample_parameters

PAPER = Augmentation()
SURE = 1e-3  # a test of a distribution fails by chance at one seed in a thousand; the seeds are fixed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sizes(count: int, height: int = 256, width: int = 256) -> torch.Tensor:
    return torch.tensor([[height, width]]).expand(count, 2)


def drawn(augmentation: Augmentation = PAPER, count: int = 4000, seed: int = 0) -> AugmentationParameters:
    return sample_parameters(augmentation, sizes(count), generator(seed))


def rule(height: int, width: int, numbers: list[float]) -> list[int]:
    """torchvision's RandomResizedCrop, one image at a time, with these uniform numbers."""
    low, high = math.log(3 / 4), math.log(4 / 3)
    down, across = numbers[20:22]
    for area, aspect in zip(numbers[:10], numbers[10:20], strict=True):
        target, ratio = height * width * (0.08 + 0.92 * area), math.exp(low + (high - low) * aspect)
        w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < w <= width and 0 < h <= height:
            return [int(down * (height - h + 1)), int(across * (width - w + 1)), h, w]
    w, h = width, height
    if width / height < 3 / 4:
        h = round(w / (3 / 4))
    elif width / height > 4 / 3:
        w = round(h * (4 / 3))
    return [(height - h) // 2, (width - w) // 2, h, w]


@pytest.mark.parametrize(("height", "width"), [(256, 256), (256, 341), (700, 256), (20, 400), (300, 9), (1, 1)])
def test_boxes_follow_the_rule_of_ten_tries(height: int, width: int) -> None:
    boxes = sample_parameters(PAPER, sizes(300, height, width), generator()).boxes.tolist()
    numbers = torch.rand(300, 30, generator=generator(), dtype=torch.float64).tolist()
    assert boxes == [rule(height, width, row) for row in numbers]


def test_boxes_are_distributed_as_torchvisions() -> None:
    torch.manual_seed(0)
    image, transform = torch.zeros(3, 256, 341), v2.RandomResizedCrop(224)
    theirs = [transform.make_params([image]) for _ in range(2000)]
    ours = sample_parameters(PAPER, sizes(2000, 256, 341), generator()).boxes
    for i, name in enumerate(("top", "left", "height", "width")):
        assert ks_2samp([params[name] for params in theirs], ours[:, i].tolist()).pvalue > SURE


def test_crops_without_resizing_lie_anywhere_in_the_image() -> None:
    texture = Augmentation(size=128, scale=None, one_of=(), jitter=(0, 0, 0), flips=("vertical", "horizontal"))
    boxes = sample_parameters(texture, sizes(4000, 256, 130), generator()).boxes
    assert (boxes[:, 2:] == 128).all()
    assert set(boxes[:, 0].tolist()) == set(range(129))
    assert chisquare(boxes[:, 1].bincount()).pvalue > SURE
    assert set(boxes[:, 1].tolist()) == {0, 1, 2}
    assert sample_parameters(texture, sizes(2, 128, 128), generator()).boxes.tolist() == [[0, 0, 128, 128]] * 2
    with pytest.raises(DataError, match="image of 200 x 100 pixels is smaller than the training crop of 128 x 128"):
        sample_parameters(texture, torch.tensor([[128, 128], [200, 100]]), generator())


def test_every_image_has_one_change_of_those_allowed() -> None:
    assert chisquare(drawn().changes.bincount()).pvalue > SURE
    assert set(drawn().changes.tolist()) == {0, 1, 2}
    two = drawn(replace(PAPER, one_of=("solarize", "blur"))).changes.tolist()
    assert {CHANGES[code] for code in two} == {"solarize", "blur"}
    assert set(drawn(replace(PAPER, one_of=())).changes.tolist()) == {-1}


def test_sigmas_and_factors_are_uniform() -> None:
    draws = drawn(replace(PAPER, jitter=(0.3, 0.1, 2.0)))
    assert kstest(draws.sigmas, "uniform", (0.2, 1.8)).pvalue > SURE
    for i, (low, high) in enumerate(((0.7, 1.3), (0.9, 1.1), (0.0, 3.0))):
        assert kstest(draws.factors[:, i], "uniform", (low, high - low)).pvalue > SURE
    assert (drawn(replace(PAPER, jitter=(0, 0, 0))).factors == 1).all()


def test_all_six_orders_are_equally_likely() -> None:
    orders, counts = np.unique(drawn().orders.numpy(), axis=0, return_counts=True)
    assert orders.tolist() == [list(order) for order in itertools.permutations(range(3))]
    assert chisquare(counts).pvalue > SURE


def test_half_of_the_images_are_flipped_and_each_way_by_itself() -> None:
    both = drawn(replace(PAPER, flips=("horizontal", "vertical"))).flips
    assert chisquare((both * torch.tensor([2, 1])).sum(1).bincount()).pvalue > SURE
    paper = drawn().flips
    assert not paper[:, 0].any()
    assert torch.equal(paper[:, 1], both[:, 1])


def test_parameters_come_from_the_generator_alone() -> None:
    first, again, other = drawn(seed=1), drawn(seed=1), drawn(seed=2)
    for name in ("boxes", "flips", "changes", "sigmas", "factors", "orders"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_equal_settings_of_two_augmentations_give_equal_parameters() -> None:
    paper, probe = drawn(), drawn(replace(PAPER, one_of=(), jitter=(0, 0, 0)))
    assert torch.equal(paper.boxes, probe.boxes)
    assert torch.equal(paper.flips, probe.flips)


def test_a_batch_begins_as_a_shorter_batch() -> None:
    some = drawn()[3:7]
    assert len(some) == 4
    assert torch.equal(drawn(count=7)[3:7].boxes, some.boxes)
    assert torch.equal(drawn(count=7)[3:7].factors, some.factors)


def test_patches_are_distributed_as_torchvisions() -> None:
    torch.manual_seed(0)
    image, ours = torch.zeros(2, 3, 64, 64), generator()
    for alpha in (1.0, 0.4):
        transform = v2.CutMix(alpha=alpha, num_classes=2)
        boxes = [transform.make_params([image])["box"] for _ in range(2000)]
        patches = [sample_cutmix_patch(Augmentation(size=64, cutmix=alpha), ours) for _ in range(2000)]
        for theirs, mine in zip((1, 0, 3, 2), range(4), strict=True):
            assert ks_2samp([box[theirs] for box in boxes], [patch[mine] for patch in patches]).pvalue > SURE


def test_without_cutmix_patches_are_empty() -> None:
    top, left, bottom, right = sample_cutmix_patch(replace(PAPER, cutmix=0.0), generator())
    assert (bottom - top) * (right - left) == 0
