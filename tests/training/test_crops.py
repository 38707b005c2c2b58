from __future__ import annotations

import pytest
import torch
import torchvision.transforms.v2.functional as tv
from PIL import Image

from prettyuseful.errors import DataError
from prettyuseful.training.crops import view_crops
from prettyuseful.training.recipes import PAPER, SMALL, SMALL_TEXTURE, TEXTURE, View, view_of


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def squares(images: torch.Tensor, view: View, sizes: list[list[int]] | None = None) -> list[torch.Tensor]:
    return [*view_crops(images, torch.tensor(sizes or [list(images.shape[1:3])] * len(images)), view)]


def test_one_square_is_torchvisions_centre_crop_of_the_resized_image() -> None:
    image = noise(1, 60, 80, 3)
    (result,) = squares(image, View(40, 32))
    picture = tv.center_crop(tv.resize(Image.fromarray(image[0].numpy()), 40, tv.InterpolationMode.BICUBIC), [32, 32])
    assert (result[0].int() - tv.pil_to_tensor(picture).int()).abs().max() <= 1


def test_an_image_of_the_right_size_is_shown_as_it_is() -> None:
    images = noise(3, 32, 32, 3)
    (result,) = squares(images, view_of(SMALL))
    assert torch.equal(result, images.permute(0, 3, 1, 2))


def test_several_squares_are_a_grid_from_border_to_border() -> None:
    images = noise(2, 32, 32, 3)
    result = squares(images, view_of(SMALL_TEXTURE, crops=3))
    places = [(y, x) for y in (0, 4, 8) for x in (0, 4, 8)]
    assert len(result) == 9
    for square, (y, x) in zip(result, places, strict=True):
        assert torch.equal(square, images[:, y : y + 24, x : x + 24].permute(0, 3, 1, 2))


def test_padding_and_other_images_do_not_change_a_crop() -> None:
    sizes = [[20, 30], [26, 20], [20, 20]]
    images = noise(3, 26, 30, 3)
    alone = [squares(images[i : i + 1, :h, :w], View(18, 16, 2), [[h, w]]) for i, (h, w) in enumerate(sizes)]
    together = squares(images, View(18, 16, 2), sizes)
    for number, square in enumerate(together):
        for i, image in enumerate(square):
            assert torch.equal(image, alone[i][number][0])


def test_the_views_of_the_paper_have_its_sizes() -> None:
    assert view_of(PAPER) == View(224, 224, 1)
    assert view_of(TEXTURE, 3) == View(256, 128, 3)


def test_a_square_larger_than_the_image_is_refused() -> None:
    with pytest.raises(DataError, match="cannot crop 24 pixels from images of 20 pixels; use larger images"):
        squares(noise(1, 20, 30, 3), View("native", 24))
