from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training import resample as module
from prettyuseful.training.resample import grid_boxes, process_in_slices, resample

BICUBIC = Image.Resampling.BICUBIC


def noise(seed: int, height: int, width: int, levels: int = 256) -> np.ndarray:
    """Noise, (height, width, 3) uint8; with two levels, the filter overshoots as much as possible."""
    values = np.random.default_rng(seed).integers(0, levels, (height, width, 3))
    return (values * (255 // (levels - 1))).astype(np.uint8)


def along_rows_first(image: Image.Image, width: int, height: int) -> Image.Image:
    """Pillow's resize in the order of versions before 13, with one call per pass."""
    return image.resize((width, image.height), BICUBIC).resize((width, height), BICUBIC)


def pillow(image: np.ndarray, box: list[int], size: int) -> torch.Tensor:
    top, left, height, width = box
    crop = Image.fromarray(image).crop((left, top, left + width, top + height))
    return planes(along_rows_first(crop, size, size))


def planes(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def padded(images: list[np.ndarray], seed: int = 0) -> torch.Tensor:
    """One batch of images of any size, padded with noise that must not influence the results."""
    height, width = (max(image.shape[i] for image in images) for i in (0, 1))
    batch = np.stack([noise(seed + i, height, width) for i in range(len(images))])
    for target, image in zip(batch, images, strict=True):
        target[: image.shape[0], : image.shape[1]] = image
    return torch.from_numpy(batch)


@st.composite
def cropped(draw: st.DrawFn) -> tuple[list[np.ndarray], list[list[int]], int]:
    images, boxes = [], []
    for _ in range(draw(st.integers(1, 4))):
        height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
        images.append(noise(draw(st.integers(0, 99)), height, width, draw(st.sampled_from([2, 4, 256]))))
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        boxes.append([top, left, draw(st.integers(1, height - top)), draw(st.integers(1, width - left))])
    return images, boxes, draw(st.integers(1, 60))


@settings(deadline=None, max_examples=300)
@given(cropped())
def test_every_image_is_cropped_and_resized_to_the_bytes_of_pillow(
    case: tuple[list[np.ndarray], list[list[int]], int],
) -> None:
    images, boxes, size = case
    result = resample(padded(images), torch.tensor(boxes), size)
    expected = [pillow(image, box, size) for image, box in zip(images, boxes, strict=True)]
    assert torch.equal(result, torch.stack(expected))


@settings(deadline=None, max_examples=100)
@given(cropped())
def test_filtering_in_groups_equals_filtering_alone(
    case: tuple[list[np.ndarray], list[list[int]], int],
) -> None:
    """On an accelerator, a group of images has one common window."""
    images, boxes, size = case
    alone = resample(padded(images), torch.tensor(boxes), size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CPU_WINDOW", 3)
        assert torch.equal(resample(padded(images), torch.tensor(boxes), size), alone)


@pytest.mark.parametrize("box", [[3, 5, 224, 250], [0, 0, 100, 300], [40, 60, 96, 97], [10, 0, 20, 12]])
def test_enlarged_box_equals_any_version_of_pillow(box: list[int]) -> None:
    photograph = load_photograph(PHOTOGRAPHS[0])
    top, left, height, width = box
    crop = Image.fromarray(photograph).crop((left, top, left + width, top + height))
    result = resample(torch.from_numpy(photograph)[None], torch.tensor([box]), 224)[0]
    assert torch.equal(result, planes(crop.resize((224, 224), BICUBIC)))


def test_tall_box_is_close_to_any_version_of_pillow() -> None:
    """Pillow 13 filters along columns first, so clipping between the passes may change a few pixels."""
    photograph = load_photograph(PHOTOGRAPHS[0])
    crop = Image.fromarray(photograph).crop((20, 10, 320, 500))
    result = resample(torch.from_numpy(photograph)[None], torch.tensor([[10, 20, 490, 300]]), 128)[0]
    difference = (result.int() - planes(crop.resize((128, 128), BICUBIC)).int()).abs().float()
    assert difference.mean() < 0.5
    assert (difference > 1).float().mean() < 0.01


def test_large_boxes_shrink_with_the_wide_filter() -> None:
    image = noise(0, 1500, 1100, 2)
    box = [7, 3, 1490, 1090]
    assert torch.equal(resample(torch.from_numpy(image)[None], torch.tensor([box]), 9)[0], pillow(image, box, 9))


def test_flips_mirror_the_result() -> None:
    images = padded([noise(seed, 40, 50) for seed in range(4)])
    boxes = torch.tensor([[1, 2, 30, 40]] * 4)
    flips = torch.tensor([[False, False], [False, True], [True, False], [True, True]])
    plain, result = resample(images, boxes, 17), resample(images, boxes, 17, flips=flips)
    expected = [plain[0], plain[1].flip(2), plain[2].flip(1), plain[3].flip(1, 2)]
    assert torch.equal(result, torch.stack(expected))


def test_threads_do_not_change_the_result_and_their_number_is_restored() -> None:
    images = padded([noise(seed, 40, 50) for seed in range(20)])
    boxes = torch.tensor([[1, 2, 30, 40]] * 20)
    before, result = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            result.append(resample(images, boxes, 17))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*result)


def test_error_in_a_thread_is_raised() -> None:
    def process(part: slice) -> None:
        raise ZeroDivisionError(part)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(ZeroDivisionError):
            process_in_slices(process, 20, torch.device("cpu"), 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@settings(deadline=None, max_examples=100)
@given(st.integers(20, 90), st.integers(20, 90), st.integers(8, 40), st.integers(0, 20), st.integers(0, 99))
def test_the_centre_is_torchvisions_resize_then_crop(height: int, width: int, size: int, more: int, seed: int) -> None:
    image, sizes = noise(seed, height, width, 2), torch.tensor([[height, width]])
    whole = Image.fromarray(image)
    resized = along_rows_first(whole, *tv.resize(whole, [size + more]).size)
    expected = planes(tv.center_crop(resized, [size, size]))
    result = resample(padded([image, noise(0, 95, 95)])[:1], grid_boxes(sizes, size, size + more)[0], size, sizes)[0]
    assert (result.int() - expected.int()).abs().max() <= 1


def test_the_papers_test_view_of_a_square_image_is_the_whole_image() -> None:
    sizes = torch.tensor([[256, 256], [500, 375]])
    whole, middle = grid_boxes(sizes, 224, 224)[0].tolist()
    assert whole == [0, 0, 256, 256]
    assert middle == pytest.approx([37 * 500 / 298, 0, 224 * 500 / 298, 375])


def test_boxes_must_lie_in_their_images() -> None:
    images = torch.zeros(1, 8, 9, 3, dtype=torch.uint8)
    for box in ([0, 0, 9, 9], [0, 1, 8, 9], [-1, 0, 4, 4], [0, 0, 0, 4]):
        with pytest.raises(ValueError, match="extends beyond"):
            resample(images, torch.tensor([box]), 4)
    with pytest.raises(ValueError, match="extends beyond"):
        resample(images, torch.tensor([[0, 0, 8, 8]]), 4, torch.tensor([[7, 9]]))
    with pytest.raises(ValueError, match="cannot crop 5 pixels from images of 4"):
        grid_boxes(torch.tensor([[8, 9]]), 5, 4)
