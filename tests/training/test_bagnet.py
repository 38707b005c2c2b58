from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from skimage import data
from torch import nn

from prettyuseful.training.bagnet import BagNet, _Bottleneck, bagnet9, bagnet17, bagnet33

WINDOWS = (9, 17, 33)


def ready(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model in evaluation mode, with batch norm statistics that differ from the initial ones."""
    draws = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=draws)
            module.running_var.uniform_(0.5, 2, generator=draws)
            module.bias.data.normal_(0, 0.5, generator=draws)
    return model.eval()


def extent(seen: torch.Tensor) -> tuple[int, int]:
    """First and last true position; all positions between are true."""
    places = seen.nonzero().flatten()
    assert len(places) == places[-1] - places[0] + 1
    return int(places[0]), int(places[-1])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("more", [(16, 24), (18, 13)])
def test_a_feature_depends_on_every_pixel_of_its_window_and_on_no_other(window: int, more: tuple[int, int]) -> None:
    torch.manual_seed(1)
    model = ready(BagNet(window, 2).double())
    assert isinstance(model, BagNet)
    size = (window + more[0], window + more[1])
    image = torch.randn(1, 3, *size, dtype=torch.float64, requires_grad=True)
    features = model.forward_features(image)
    rows, columns = features.shape[2:]
    assert (rows, columns) == tuple(1 + -(-extra // 8) for extra in more)
    # The border is repeated evenly, so that windows 8 px apart cover the image.
    top, left = (-extra % 8 // 2 for extra in more)
    mix = torch.randn(2048, dtype=torch.float64)
    for row in {0, 1, rows - 1}:
        for column in {0, 1, columns - 1}:
            value = (features[0, :, row, column] * mix).sum()
            (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
            seen = (gradient != 0).any(dim=1)[0]
            (y, y_last), (x, x_last) = extent(seen.any(dim=1)), extent(seen.any(dim=0))
            assert seen.sum() == (y_last - y + 1) * (x_last - x + 1)
            assert (y, y_last) == (max(0, 8 * row - top), min(size[0], 8 * row - top + window) - 1)
            assert (x, x_last) == (max(0, 8 * column - left), min(size[1], 8 * column - left + window) - 1)


@pytest.mark.parametrize("window", WINDOWS)
def test_logits_are_the_mean_of_the_windows_own(window: int) -> None:
    """The logits of a window equal those of its crop alone."""
    torch.manual_seed(1)
    model, image = ready(BagNet(window, 5)), torch.randn(1, 3, window + 16, window + 8)
    with torch.inference_mode():
        own = [model(image[:, :, y : y + window, x : x + window]) for y in (0, 8, 16) for x in (0, 8)]
        whole = model(image)
    assert torch.allclose(whole, torch.stack(own).mean(dim=0), rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize(
    ("build", "sides"),
    [
        (bagnet9, {8: 1, 24: 3, 32: 4, 128: 16, 224: 28}),
        (bagnet17, {24: 2, 32: 3, 128: 15}),
        (bagnet33, {24: 1, 32: 1, 128: 13}),
    ],
)
def test_images_of_any_size_are_supported(build: Callable[[int], BagNet], sides: dict[int, int]) -> None:
    model = build(3).eval()
    with torch.inference_mode():
        for side, windows in sides.items():
            image = torch.randn(1, 3, side, side)
            features = model.forward_features(image)
            assert features.shape == (1, 2048, windows, windows)
            assert torch.equal(model.forward_head(features), model(image))
            assert model.forward_head(features, pre_logits=True).shape == (1, 2048)


def test_repeated_border_adds_no_information() -> None:
    """All windows of a constant image give equal features, also those that cross the border."""
    torch.manual_seed(1)
    with torch.inference_mode():
        features = ready(BagNet(9, 2)).forward_features(torch.full((1, 3, 24, 20), 0.7))  # type: ignore[operator]
    assert float((features - features[:, :, 1:2, 1:2]).abs().max()) < 1e-4 * float(features.abs().max())


def test_shortcuts_lose_their_last_rows_and_columns() -> None:
    """As in the released code; this determines which pixel of the window a shortcut uses."""
    block, x = _Bottleneck(64, 16, 3, 1).eval(), torch.randn(1, 64, 6, 5)
    nn.init.zeros_(block.body[-1].weight)  # type: ignore[arg-type]
    assert torch.equal(block(x), x[:, :, :4, :3].relu())


def test_number_of_parameters_equals_the_released_model() -> None:
    """Parameters of the released modules for 1,000 classes, counted from their architecture."""
    sizes = [sum(p.numel() for p in build(1000).parameters()) for build in (bagnet9, bagnet17, bagnet33)]
    assert sizes == [15_688_744, 16_213_032, 18_310_184]


def test_bagnet_can_be_trained() -> None:
    torch.manual_seed(0)
    model, images, labels = BagNet(9, 2), torch.randn(8, 3, 16, 16), torch.arange(8) % 2
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def shuffled(image: torch.Tensor, patch: int) -> torch.Tensor:
    """A square (3, S, S) image with its patches in another order."""
    n = image.shape[-1] // patch
    patches = image.reshape(3, n, patch, n, patch).permute(1, 3, 0, 2, 4).reshape(n * n, 3, patch, patch)
    patches = patches[torch.randperm(n * n, generator=torch.Generator().manual_seed(0))].reshape(n, n, 3, patch, patch)
    return patches.permute(2, 0, 3, 1, 4).reshape(image.shape)


def test_patch_order_matters_less_than_for_a_resnet() -> None:
    photo = torch.from_numpy(data.astronaut()[:256:2, :256:2].copy()).permute(2, 0, 1) / 64 - 2

    def change_by_patches(model: nn.Module) -> float:
        """Change of the logits by a shuffle of 32 px patches, relative to that by a shuffle of pixels."""
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        with torch.inference_mode():
            model.train()(photo[None])
            as_is, patches, pixels = model.eval()(torch.stack([photo, shuffled(photo, 32), shuffled(photo, 1)]))
        return float((patches - as_is).norm() / (pixels - as_is).norm())

    torch.manual_seed(1)
    assert change_by_patches(BagNet(9, 50)) < 0.05
    assert change_by_patches(timm.create_model("resnet18", num_classes=50)) > 0.2
