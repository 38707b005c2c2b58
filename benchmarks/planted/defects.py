"""Defects to plant, and the causes that a diagnosis should report for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.restoration import denoise_bilateral

from planted.worlds import World
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import Transform, map_images, to_uint8
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import PatchShuffle, Zoom
from prettyuseful.transforms.vae import Vae

Plant = Callable[[LabelledImages, float, World, np.random.Generator], LabelledImages]


@dataclass(frozen=True)
class Defect:
    """A defect. `accepted`: ids of the correct causes. `plant`: adds the defect to images at a given strength."""

    accepted: tuple[str, ...]
    plant: Plant


def _transform(make: Callable[[float], Transform]) -> Plant:
    def plant(images: LabelledImages, strength: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
        return LabelledImages(make(strength).apply(images.pixels), images.labels, images.groups)

    return plant


def _randomise_labels(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:
    """Replace a share of the labels by other random labels."""
    labels = images.labels.copy()
    rows = np.flatnonzero(rng.random(len(labels)) < share)
    labels[rows] = (labels[rows] + rng.integers(1, world.classes, len(rows))) % world.classes
    return LabelledImages(images.pixels, labels, images.groups)


def _swap_labels(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
    """Replace a share of the labels by the label of a partner class. Classes form pairs."""
    rows = rng.random(len(images)) < share
    return LabelledImages(images.pixels, np.where(rows, images.labels ^ 1, images.labels), images.groups)


def _collapse(which: Callable[[int, np.random.Generator], np.ndarray]) -> Plant:
    def plant(images: LabelledImages, kept: float, world: World, rng: np.random.Generator) -> LabelledImages:
        """Replace the images of each selected class by variations of `kept` of them."""
        pixels, groups = images.pixels.copy(), images.groups.copy()
        for label in which(world.classes, rng):
            rows = np.flatnonzero(images.labels == label)
            originals = rng.permutation(rows)[: int(kept)]
            chosen = originals[np.arange(len(rows)) % len(originals)]
            pixels[rows] = [_vary(images.pixels[row], rng) for row in chosen]
            groups[rows] = [f"{images.groups[row]}/{i}" for i, row in enumerate(chosen)]
        return LabelledImages(pixels, images.labels, groups)

    return plant


def _copy_examples(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:
    """Replace a share of the images by real ones, possibly mirrored, slightly brighter or darker, and compressed."""
    pixels, real = images.pixels.copy(), world.halves
    for row in np.flatnonzero(rng.random(len(images)) < share):
        half = real[rng.integers(2)]
        source = half.pixels[rng.choice(np.flatnonzero(half.labels == images.labels[row]))]
        source = source[:, ::-1] if rng.random() < 0.5 else source
        bright = np.clip(np.rint(source * rng.uniform(0.95, 1.05)), 0, 255).astype(np.uint8)
        pixels[row] = Jpeg(quality=92).transform_image(bright)
    return LabelledImages(pixels, images.labels, images.groups)


def _vary(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift an image by up to a pixel and make it up to 5% brighter or darker."""
    down, across = rng.integers(0, 3, 2)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    moved = padded[down : down + image.shape[0], across : across + image.shape[1]]
    return np.clip(np.rint(moved * rng.uniform(0.95, 1.05)), 0, 255).astype(np.uint8)


class _BoxBlur:
    """A mean over a square, which is not among the candidates of the diagnosis."""

    def __init__(self, width: float) -> None:
        self.width = int(width)

    def apply(self, images: np.ndarray) -> np.ndarray:
        return map_images(
            images,
            lambda image: np.rint(uniform_filter(image.astype(float), (self.width, self.width, 1))).astype(np.uint8),
        )


class _Bilateral:
    """A bilateral filter, which removes texture and keeps edges with more than `contrast`."""

    def __init__(self, contrast: float) -> None:
        self.contrast = contrast

    def apply(self, images: np.ndarray) -> np.ndarray:
        def change(image: np.ndarray) -> np.ndarray:
            return to_uint8(
                denoise_bilateral(image / 255, sigma_color=self.contrast, sigma_spatial=1.5, channel_axis=2)
            )

        return map_images(images, change)


def _vae(times: float) -> Transform:
    once = Vae(generator="pocket-base").open(Numerics())

    class Repeated:
        def apply(self, images: np.ndarray) -> np.ndarray:
            for _ in range(int(times)):
                images = np.concatenate([once.apply(images[i : i + 64]) for i in range(0, len(images), 64)])
            return images

    return Repeated()


def _half_of_classes(classes: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(classes)[: classes // 2]


_COLLAPSED = ("coverage", "repeats")  # few images that are repeated with variations
DEFECTS = {
    "labels at random": Defect(("labels",), _randomise_labels),
    "labels by pairs": Defect(("labels",), _swap_labels),
    "collapse of all classes": Defect(_COLLAPSED, _collapse(lambda classes, _: np.arange(classes))),
    "collapse of half the classes": Defect(_COLLAPSED, _collapse(_half_of_classes)),
    "collapse of one class": Defect(
        ("coverage", "repeats"), _collapse(lambda classes, rng: rng.integers(classes, size=1))
    ),
    "near-copies of real": Defect(("copies",), _copy_examples),
    "blur": Defect(("high-frequencies",), _transform(lambda s: Blur(width=s / 32))),
    "low resolution": Defect(("high-frequencies",), _transform(lambda s: LowResolution(factor=s))),
    "JPEG": Defect(("texture",), _transform(lambda s: Jpeg(quality=int(s)))),
    "noise": Defect(("high-frequencies",), _transform(lambda s: Noise(deviation=s, seed=1))),
    "sharpening": Defect(("high-frequencies",), _transform(lambda s: Sharpen(amount=s))),
    "smoothing": Defect(("texture",), _transform(lambda s: Smooth(contrast=s))),
    "patch shuffle": Defect(("structure",), _transform(lambda s: PatchShuffle(grid=int(s), seed=1))),
    "hue": Defect(("colour-contrast",), _transform(lambda s: Colour(hue=s))),
    "saturation": Defect(("colour-contrast",), _transform(lambda s: Colour(saturation=s))),
    "contrast": Defect(("colour-contrast",), _transform(lambda s: ColourShift(contrast=s))),
    "native zoom": Defect(("scale-position",), _transform(lambda s: Zoom(factor=s))),
    "box blur (unknown to the candidates)": Defect(("high-frequencies",), _transform(_BoxBlur)),
    "bilateral filter (unknown to the candidates)": Defect(("texture",), _transform(_Bilateral)),
    "VAE (unknown to the candidates)": Defect(("high-frequencies",), _transform(_vae)),
}
PAIRS = (
    ("blur", "contrast"),
    ("labels at random", "blur"),
    ("near-copies of real", "low resolution"),
    ("collapse of all classes", "hue"),
    ("native zoom", "noise"),
    ("JPEG", "saturation"),
    ("labels by pairs", "collapse of all classes"),
    ("patch shuffle", "contrast"),
)
