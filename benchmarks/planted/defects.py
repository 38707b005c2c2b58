"""Defects to plant, and what a diagnosis may call them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.restoration import denoise_bilateral

from planted.worlds import World
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import Transform, each, to_bytes
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import PatchShuffle, Zoom
from prettyuseful.transforms.vae import Vae

Plant = Callable[[Labelled, float, World, np.random.Generator], Labelled]


@dataclass(frozen=True)
class Defect:
    """`accepted`: causes that name it rightly. `plant` takes an undamaged set and the strength."""

    accepted: tuple[str, ...]
    plant: Plant


def _changed(make: Callable[[float], Transform]) -> Plant:
    def plant(images: Labelled, strength: float, world: World, rng: np.random.Generator) -> Labelled:  # noqa: ARG001
        return Labelled(make(strength).apply(images.pixels), images.labels, images.groups)

    return plant


def _wrong(images: Labelled, share: float, world: World, rng: np.random.Generator) -> Labelled:
    """The share of labels becomes any other."""
    labels = images.labels.copy()
    rows = np.flatnonzero(rng.random(len(labels)) < share)
    labels[rows] = (labels[rows] + rng.integers(1, world.classes, len(rows))) % world.classes
    return Labelled(images.pixels, labels, images.groups)


def _swapped(images: Labelled, share: float, world: World, rng: np.random.Generator) -> Labelled:  # noqa: ARG001
    """The share of labels becomes that of the class's partner, two by two."""
    rows = rng.random(len(images)) < share
    return Labelled(images.pixels, np.where(rows, images.labels ^ 1, images.labels), images.groups)


def _collapse(which: Callable[[int, np.random.Generator], np.ndarray]) -> Plant:
    def plant(images: Labelled, kept: float, world: World, rng: np.random.Generator) -> Labelled:
        """Of the classes, so many images are kept, and repeated with small variations."""
        pixels, groups = images.pixels.copy(), images.groups.copy()
        for label in which(world.classes, rng):
            rows = np.flatnonzero(images.labels == label)
            models = rng.permutation(rows)[: int(kept)]
            chosen = models[np.arange(len(rows)) % len(models)]
            pixels[rows] = [_varied(images.pixels[row], rng) for row in chosen]
            groups[rows] = [f"{images.groups[row]}/{i}" for i, row in enumerate(chosen)]
        return Labelled(pixels, images.labels, groups)

    return plant


def _copies(images: Labelled, share: float, world: World, rng: np.random.Generator) -> Labelled:
    """The share of images is replaced by real ones, mirrored or not, a little brighter or darker, and compressed."""
    pixels, real = images.pixels.copy(), world.halves
    for row in np.flatnonzero(rng.random(len(images)) < share):
        half = real[rng.integers(2)]
        source = half.pixels[rng.choice(np.flatnonzero(half.labels == images.labels[row]))]
        source = source[:, ::-1] if rng.random() < 0.5 else source
        bright = np.clip(np.rint(source * rng.uniform(0.95, 1.05)), 0, 255).astype(np.uint8)
        pixels[row] = Jpeg(quality=92).changed(bright)
    return Labelled(pixels, images.labels, images.groups)


def _varied(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moved by up to a pixel, its border repeated, and up to 5 % brighter or darker."""
    down, across = rng.integers(0, 3, 2)
    side_by_side = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    moved = side_by_side[down : down + image.shape[0], across : across + image.shape[1]]
    return np.clip(np.rint(moved * rng.uniform(0.95, 1.05)), 0, 255).astype(np.uint8)


class _BoxBlur:
    """A mean over a square: an operator that no candidate of the diagnosis knows."""

    def __init__(self, width: float) -> None:
        self.width = int(width)

    def apply(self, images: np.ndarray) -> np.ndarray:
        return each(
            images,
            lambda image: np.rint(uniform_filter(image.astype(float), (self.width, self.width, 1))).astype(np.uint8),
        )


class _Bilateral:
    """An edge-preserving mean: another way to lose texture. `contrast`: what differs by more stays apart."""

    def __init__(self, contrast: float) -> None:
        self.contrast = contrast

    def apply(self, images: np.ndarray) -> np.ndarray:
        def change(image: np.ndarray) -> np.ndarray:
            return to_bytes(
                denoise_bilateral(image / 255, sigma_color=self.contrast, sigma_spatial=1.5, channel_axis=2)
            )

        return each(images, change)


def _vae(times: float) -> Transform:
    once = Vae(generator="pocket-base").open(Numerics())

    class Repeated:
        def apply(self, images: np.ndarray) -> np.ndarray:
            for _ in range(int(times)):
                images = np.concatenate([once.apply(images[i : i + 64]) for i in range(0, len(images), 64)])
            return images

    return Repeated()


def _half(classes: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(classes)[: classes // 2]


DEFECTS = {
    "labels at random": Defect(("labels",), _wrong),
    "labels by pairs": Defect(("labels",), _swapped),
    "collapse of all classes": Defect(("coverage",), _collapse(lambda classes, _: np.arange(classes))),
    "collapse of half the classes": Defect(("coverage",), _collapse(_half)),
    "collapse of one class": Defect(("coverage",), _collapse(lambda classes, rng: rng.integers(classes, size=1))),
    "near-copies of real": Defect(("copies",), _copies),
    "blur": Defect(("high-frequencies",), _changed(lambda s: Blur(width=s / 32))),
    "low resolution": Defect(("high-frequencies",), _changed(lambda s: LowResolution(factor=s))),
    "JPEG": Defect(("texture",), _changed(lambda s: Jpeg(quality=int(s)))),
    "noise": Defect(("high-frequencies",), _changed(lambda s: Noise(deviation=s, seed=1))),
    "sharpening": Defect(("high-frequencies",), _changed(lambda s: Sharpen(amount=s))),
    "smoothing": Defect(("texture",), _changed(lambda s: Smooth(contrast=s))),
    "patch shuffle": Defect(("structure",), _changed(lambda s: PatchShuffle(grid=int(s), seed=1))),
    "hue": Defect(("colour-contrast",), _changed(lambda s: Colour(hue=s))),
    "saturation": Defect(("colour-contrast",), _changed(lambda s: Colour(saturation=s))),
    "contrast": Defect(("colour-contrast",), _changed(lambda s: ColourShift(contrast=s))),
    "native zoom": Defect(("scale-position",), _changed(lambda s: Zoom(factor=s))),
    "box blur (unknown to the candidates)": Defect(("high-frequencies",), _changed(_BoxBlur)),
    "bilateral filter (unknown to the candidates)": Defect(("texture",), _changed(_Bilateral)),
    "VAE (unknown to the candidates)": Defect(("high-frequencies",), _changed(_vae)),
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
