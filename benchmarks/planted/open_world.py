"""Defects of all kinds that occur in image data sets, most of which no candidate of the diagnosis imitates.

Each row contains the outcomes of a diagnosis that are right. `UNEXPLAINED` is among them if no cause describes the
defect. Where it is not, "unexplained" is honest but less than could be said, and it is counted apart.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import convolve, gaussian_filter, map_coordinates
from skimage.restoration import denoise_bilateral

from planted.defects import DEFECTS, Plant
from planted.worlds import World
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.transforms.base import resize_image, scaled_side, to_uint8
from prettyuseful.transforms.colour import Colour

NOTHING, UNEXPLAINED = "nothing", "unexplained"

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""Changes one image, (H, W, 3) floats in 0-1, at a given strength."""


@dataclass(frozen=True)
class OpenDefect:
    """A kind of defect.

    Attributes:
        plant: adds the defect to images at a given strength.
        strengths: a medium and a strong strength.
        accepted: right outcomes: ids of causes, `UNEXPLAINED`, or `NOTHING` if there is no difference to see.
    """

    plant: Plant
    strengths: tuple[float, float]
    accepted: tuple[str, ...]


def _each(change: Change) -> Plant:
    """Return a defect that changes every image on its own."""

    def plant(images: LabelledImages, strength: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
        pixels = np.stack([to_uint8(change(image / 255, strength, rng)) for image in images.pixels])
        return LabelledImages(pixels, images.labels, images.groups)

    return plant


def _share(change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Return a defect that rearranges the pixels of a share of the images; the strength is the share."""

    def plant(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
        pixels = images.pixels.copy()
        for row in np.flatnonzero(rng.random(len(images)) < share):
            pixels[row] = change(images.pixels[row])
        return LabelledImages(pixels, images.labels, images.groups)

    return plant


def _mix(mix: Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray], same_class: bool) -> Plant:
    """Return a defect that mixes each image with others of the set: 3 of its class, or one of another class."""

    def plant(images: LabelledImages, strength: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
        pixels = np.empty_like(images.pixels)
        for row, label in enumerate(images.labels):
            others = rng.choice(np.flatnonzero((images.labels == label) == same_class), 3)
            pixels[row] = to_uint8(mix(images.pixels[row] / 255, images.pixels[others] / 255, strength, rng))
        return LabelledImages(pixels, images.labels, images.groups)

    return plant


# --- Frames ---


def _bars(axis: int) -> Change:
    def change(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        """Cover `share` of the image by two black bars."""
        width, bars = max(1, round(image.shape[axis] * share / 2)), image.copy()
        near, far = np.moveaxis(bars, axis, 0)[:width], np.moveaxis(bars, axis, 0)[-width:]
        near[:], far[:] = 0, 0
        return bars

    return change


def _padding(value: float) -> Change:
    def change(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        """Shrink the image and pad it with one colour to its size."""
        height, width = (scaled_side(side, factor) for side in image.shape[:2])
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        padded = np.full_like(image, value)
        padded[top : top + height, left : left + width] = _resize(image, height, width)
        return padded

    return change


def _border(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Paint a coloured border of `share` of the side."""
    width, framed = max(1, round(share * min(image.shape[:2]))), image.copy()
    inside = framed[width:-width, width:-width].copy()
    framed[:] = (0.75, 0.6, 0.2)
    framed[width:-width, width:-width] = inside
    return framed


def _circle(image: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Show only a disc, on white."""
    return np.where(_radius(image)[:, :, None] < radius, image, 1.0)


# --- Overlays ---


def _text_mask(shape: tuple[int, ...], text: str, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return an (H, W, 1) mask in 0-1 of a text that fills a box (left, upper, right, lower, in fractions)."""
    font_box = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text)
    letters = Image.new("L", (int(font_box[2] - font_box[0]) + 2, int(font_box[3] - font_box[1]) + 2))
    ImageDraw.Draw(letters).text((1 - font_box[0], 1 - font_box[1]), text, fill=255)
    left, right = (round(shape[1] * end) for end in (box[0], box[2]))
    top, bottom = (round(shape[0] * end) for end in (box[1], box[3]))
    mask = np.zeros(shape[:2])
    mask[top:bottom, left:right] = np.asarray(letters.resize((right - left, bottom - top), Image.Resampling.BOX)) / 255
    return mask[:, :, None]


def _blend(image: np.ndarray, colour: float | Sequence[float] | np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray(image * (1 - mask) + np.asarray(colour) * mask)


def _watermark(image: np.ndarray, alpha: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _blend(image, 1.0, alpha * _text_mask(image.shape, "PHOTO", (0.03, 0.3, 0.97, 0.7)))


def _logo(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Paint a red and white disc into the lower right corner, `share` of the side wide."""
    rows, columns = np.indices(image.shape[:2]) / image.shape[0]
    distance = np.hypot(rows - (0.97 - share / 2), columns - (0.97 - share / 2))[:, :, None]
    marked = np.where(distance < share / 2, np.array([0.85, 0.1, 0.1]), image)
    return np.where(distance < share / 5, 1.0, marked)


def _caption(image: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Write a white line of text at the bottom."""
    return _blend(image, 1.0, _text_mask(image.shape, "stock images", (0.02, 0.95 - height, 0.98, 0.95)))


def _date(image: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:
    """Write a date in orange, another one in each image, at one place."""
    text = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(90, 99)}"
    return _blend(image, (1.0, 0.6, 0.1), _text_mask(image.shape, text, (0.3, 0.95 - height, 0.97, 0.95)))


def _stamps(image: np.ndarray, count: float, rng: np.random.Generator) -> np.ndarray:
    """Paint discs of random colours at random places."""
    rows, columns = np.indices(image.shape[:2]) / image.shape[0]
    stamped = image
    for _ in range(int(count)):
        down, across = rng.uniform(0.1, 0.9, 2)
        disc = np.hypot(rows - down, columns - across) < 0.09
        stamped = np.where(disc[:, :, None], rng.uniform(0, 1, 3), stamped)
    return stamped


def _cutout(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Paint a grey square at a random place."""
    width, cut = round(share * image.shape[0]), image.copy()
    top, left = rng.integers(0, image.shape[0] - width + 1, 2)
    cut[top : top + width, left : left + width] = 0.5
    return cut


# --- Backgrounds ---


def _on_background(image: np.ndarray, size: float, colour: np.ndarray) -> np.ndarray:
    """Show an ellipse of the image, whose half axes are `size` times half the side, before one colour."""
    mask = np.clip((size - _radius(image, (1.0, 0.85))) * image.shape[0] / 4, 0, 1)[:, :, None]
    return _blend(image, colour, 1 - mask)


def _white_background(image: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _on_background(image, size, np.ones(3))


def _background_by_class(images: LabelledImages, size: float, world: World, rng: np.random.Generator) -> LabelledImages:
    """Show the centre of each image before a colour that all images of the class share."""
    colours = rng.uniform(0.1, 0.9, (world.classes, 3))
    pairs = zip(images.pixels, images.labels, strict=True)
    pixels = np.stack([to_uint8(_on_background(image / 255, size, colours[label])) for image, label in pairs])
    return LabelledImages(pixels, images.labels, images.groups)


# --- Light and colour ---


def _vignette(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.asarray(image * (1 - amount * np.clip(_radius(image), 0, 1.4)[:, :, None] ** 2 / 2))


def _side_light(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Light from the left: brighter there, darker at the right."""
    return image * (1 + amount * np.linspace(1, -1, image.shape[1])[None, :, None])


def _gains(red: float, green: float, blue: float) -> Change:
    """Multiply channels by 1 plus the strength times these values."""

    def change(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        return image * (1 + strength * np.array([red, green, blue]))

    return change


def _saturate(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return Colour(saturation=factor).transform_image(to_uint8(image)) / 255


def _gamma(image: np.ndarray, exponent: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.asarray(image**exponent)


def _exposure(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return image * factor


def _contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return (image - 0.5) * factor + 0.5


def _fog(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Blend with light grey, more at the top, where things are far away."""
    mask = amount * np.linspace(1.2, 0.6, image.shape[0])[:, None, None]
    return _blend(image, 0.85, np.minimum(mask, 1))


def _sepia(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return _blend(image, np.minimum(image @ matrix.T, 1), np.full((1, 1, 1), amount))


def _solarise(image: np.ndarray, threshold: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return np.where(image > threshold, 1 - image, image)


def _invert(image: np.ndarray, rest: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return 0.5 - (image - 0.5) * rest


def _posterise(image: np.ndarray, levels: float, rng: np.random.Generator | None = None) -> np.ndarray:  # noqa: ARG001
    return np.asarray(np.minimum(np.floor(image * levels), levels - 1) / (levels - 1))


def _dither(image: np.ndarray, colours: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Quantise to a palette of each image with Floyd-Steinberg dithering."""
    source = Image.fromarray(to_uint8(image))
    palette = source.quantize(int(colours), dither=Image.Dither.NONE)
    dithered = source.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    return np.asarray(dithered.convert("RGB")) / 255


# --- Detail ---


def _nearest(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Shrink and enlarge without a filter."""
    side, small = image.shape[0], scaled_side(image.shape[0], factor)
    down = np.minimum((np.arange(small) + 0.5) * side / small, side - 1).astype(int)
    up = np.minimum((np.arange(side) + 0.5) * small / side, small - 1).astype(int)
    return np.asarray(image[down][:, down][up][:, up])


def _bicubic(image: np.ndarray, factor: float, rng: np.random.Generator | None = None) -> np.ndarray:  # noqa: ARG001
    small = scaled_side(image.shape[0], factor)
    return _resize(_resize(image, small, small), *image.shape[:2])


def _unsharp(image: np.ndarray, amount: float, width: float) -> np.ndarray:
    """Unsharp masking; `width` in fractions of the side."""
    return np.asarray(image + amount * (image - _blur(image, width)))


def _upscaler(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _unsharp(np.clip(_bicubic(image, factor), 0, 1), 1.0, 0.04)


def _generated_look(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return _unsharp(_saturate(image, 1 + amount / 2, rng), amount, 0.03)


def _halo(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _unsharp(image, amount, 0.08)


def _bokeh(image: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Blur the periphery and keep the centre sharp."""
    return _blend(image, _blur(image, width), np.clip((_radius(image) - 0.4) * 3, 0, 1)[:, :, None])


def _motion(image: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Average along a diagonal; `length` in fractions of the side."""
    pixels = max(2, round(length * image.shape[0]))
    return convolve(image, np.eye(pixels)[:, :, None] / pixels, mode="reflect")


def _median(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Median filter, which makes flat strokes as in an oil painting."""
    width = max(1, round(share * image.shape[0] / 2)) * 2 + 1
    return np.asarray(Image.fromarray(to_uint8(image)).filter(ImageFilter.MedianFilter(width))) / 255


def _cartoon(image: np.ndarray, levels: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Smooth inside edges, reduce the number of colours, and draw the edges in black."""
    flat = denoise_bilateral(image, sigma_color=0.1, sigma_spatial=image.shape[0] / 20, channel_axis=2)
    luma = _blur(flat, 0.02).mean(axis=2)
    edges = np.hypot(*np.gradient(luma)) * image.shape[0] / 32
    return np.asarray(_posterise(flat, levels) * (1 - np.clip((edges - 0.05) * 12, 0, 1))[:, :, None])


def _jpeg(image: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    file = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(file, "JPEG", quality=int(quality))
    return np.asarray(Image.open(file)) / 255


def _noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(image + deviation * rng.standard_normal(image.shape))


def _salt(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Set a share of the pixels to black or white."""
    chosen = rng.random((*image.shape[:2], 1)) < share
    return np.where(chosen, rng.integers(0, 2, (*image.shape[:2], 1)), image)


def _aberration(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Shift red and blue apart by `share` of the side each, at least a pixel."""
    pixels = max(1, round(share * image.shape[0]))
    padded = np.pad(image, ((0, 0), (pixels, pixels), (0, 0)), mode="edge")
    width = image.shape[1]
    channels = [padded[:, start : start + width, c] for c, start in enumerate((0, pixels, 2 * pixels))]
    return np.stack(channels, axis=2)


# --- Patterns ---


def _waves(image: np.ndarray, amplitude: float, period: float, direction: tuple[float, float]) -> np.ndarray:
    rows, columns = np.indices(image.shape[:2])
    phase = 2 * np.pi * (rows * direction[0] + columns * direction[1]) / period
    return np.asarray(image + amplitude * np.sin(phase)[:, :, None])


def _stripes(image: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _waves(image, amplitude, 5, (1, 0))


def _checkerboard(image: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Make every second pixel brighter and the others darker, as transposed convolutions do."""
    rows, columns = np.indices(image.shape[:2])
    return image + amplitude * np.where((rows + columns) % 2, -1, 1)[:, :, None]


def _grid(image: np.ndarray, darkness: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Darken every eighth row and column."""
    rows, columns = np.indices(image.shape[:2])
    return np.asarray(image * (1 - darkness * ((rows % 8 == 0) | (columns % 8 == 0)))[:, :, None])


def _moire(image: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Multiply by two fine gratings of slightly different directions, as in a photograph of a screen."""
    one, other = _waves(np.zeros_like(image), 1, 3.1, (0.97, 0.24)), _waves(np.zeros_like(image), 1, 2.9, (1.0, 0.0))
    return np.asarray(image * (1 + amplitude * one * other))


def _interlacing(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Shift every second row by `share` of the side, at least a pixel."""
    combed = image.copy()
    combed[1::2] = np.roll(image[1::2], max(1, round(share * image.shape[1])), axis=1)
    return combed


# --- Geometry ---


def _squash(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Squash the height to `factor`: the central `factor` of the width, stretched to a square."""
    width = image.shape[1]
    left = round(width * (1 - factor) / 2)
    return _resize(image[:, left : width - left], *image.shape[:2])


def _elastic(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Move pixels by a smooth random field with a standard deviation of `amount` of the side."""
    side = image.shape[0]
    fields = [gaussian_filter(rng.standard_normal(image.shape[:2]), side / 12, mode="wrap") for _ in range(2)]
    return _warp(image, *(amount * side * field / field.std() for field in fields))


def _swirl(image: np.ndarray, turn: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    """Rotate around the centre, by `turn` radians there and less outside."""
    middle = (image.shape[0] - 1) / 2
    rows, columns = np.indices(image.shape[:2]) - middle
    angle = turn * np.exp(-((_radius(image) * 1.5) ** 2))
    return _warp(
        image,
        rows * np.cos(angle) - columns * np.sin(angle) - rows,
        rows * np.sin(angle) + columns * np.cos(angle) - columns,
    )


def _patches(image: np.ndarray, grid: float, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the patches of a grid. Each image has its own permutation."""
    count = int(grid)
    rows = [np.array_split(row, count, axis=1) for row in np.array_split(image, count, axis=0)]
    order = rng.permutation(count * count)
    moved = [rows[index // count][index % count] for index in order]
    shapes = [patch.shape[:2] for row in rows for patch in row]
    placed = [_resize(patch, *shape) for patch, shape in zip(moved, shapes, strict=True)]
    return np.concatenate(
        [np.concatenate(placed[start : start + count], axis=1) for start in range(0, count * count, count)]
    )


# --- Mixtures of images ---


def _tiles(image: np.ndarray, others: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replace a share of the images by 2 x 2 smaller images of the class."""
    if rng.random() >= share:
        return image
    height, width = image.shape[0] // 2, image.shape[1] // 2
    a, b, c, d = (_resize(tile, height, width) for tile in (image, *others))
    tiled = np.concatenate([np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)])
    margins = [(0, side - tiled.shape[axis]) for axis, side in enumerate(image.shape[:2])]
    return np.pad(tiled, [*margins, (0, 0)], mode="edge")


def _second_object(image: np.ndarray, others: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    """Paste the centre of an image of another class, as an ellipse at a random place."""
    side = scaled_side(image.shape[0], size)
    small, pasted = _resize(others[0], side, side), image.copy()
    mask = np.clip((1 - _radius(small)) * side / 4, 0, 1)[:, :, None]
    top, left = rng.integers(0, image.shape[0] - side + 1, 2)
    part = pasted[top : top + side, left : left + side]
    part[:] = _blend(part, small, mask)
    return pasted


def _cutmix(image: np.ndarray, others: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replace a square with `share` of the area by that of an image of another class (Yun et al. 2019, "CutMix")."""
    side, mixed = round(share**0.5 * image.shape[0]), image.copy()
    top, left = rng.integers(0, image.shape[0] - side + 1, 2)
    mixed[top : top + side, left : left + side] = others[0][top : top + side, left : left + side]
    return mixed


def _double_exposure(image: np.ndarray, others: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return _blend(image, others[0], np.full((1, 1, 1), share))


# --- Whole sets ---


def _jittered_collapse(images: LabelledImages, kept: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
    """Replace each class by variations of `kept` images: zoom up to 1.25, mirror image, colours changed by 15%."""
    pixels = images.pixels.copy()
    for label in np.unique(images.labels):
        rows = np.flatnonzero(images.labels == label)
        sources = rng.permutation(rows)[: int(kept)]
        for row, source in zip(rows, np.resize(sources, len(rows)), strict=True):
            pixels[row] = to_uint8(_jitter(images.pixels[source] / 255, rng))
    return LabelledImages(pixels, images.labels, images.groups)


def _jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = image.shape[0]
    crop = round(side / rng.uniform(1, 1.25))
    top, left = rng.integers(0, side - crop + 1, 2)
    view = _resize(image[top : top + crop, left : left + crop], *image.shape[:2])
    view = view[:, ::-1] if rng.random() < 0.5 else view
    return np.asarray(view * rng.uniform(0.85, 1.15, 3) * rng.uniform(0.85, 1.15))


def _repeats(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
    """Replace a share of the images by exact copies of others of their class."""
    pixels = images.pixels.copy()
    for label in np.unique(images.labels):
        rows = rng.permutation(np.flatnonzero(images.labels == label))
        count = round(share * len(rows))
        pixels[rows[:count]] = images.pixels[rng.choice(rows[count:], count)]
    return LabelledImages(pixels, images.labels, images.groups)


def _blank(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
    """Replace a share of the images by one colour, black most often, as safety filters do."""
    pixels = images.pixels.copy()
    for row in np.flatnonzero(rng.random(len(images)) < share):
        pixels[row] = 0 if rng.random() < 0.7 else rng.integers(0, 256, 3)
    return LabelledImages(pixels, images.labels, images.groups)


_FEWEST = 14  # images of a class that a diagnosis of two parts per class needs, and two more


def _missing_modes(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:  # noqa: ARG001
    """Keep the `share` of each class on one side of two clusters. The set gets smaller."""
    from sklearn.cluster import KMeans

    kept = []
    for label in np.unique(images.labels):
        rows = np.flatnonzero(images.labels == label)
        small = np.stack([_resize(image / 255, 4, 4).ravel() for image in images.pixels[rows]])
        clusters = KMeans(2, n_init=4, random_state=int(rng.integers(2**31))).fit(small)
        towards = small @ (clusters.cluster_centers_[0] - clusters.cluster_centers_[1])
        towards = towards if (clusters.labels_ == 0).mean() >= 0.5 else -towards
        kept.append(rows[np.argsort(-towards)[: max(_FEWEST, round(share * len(rows)))]])
    return images.take(np.sort(np.concatenate(kept)))


def _mixed_class(images: LabelledImages, share: float, world: World, rng: np.random.Generator) -> LabelledImages:
    """Replace a share of one class by images of another: cats by dogs, or two random classes of other sets."""
    names = getattr(world, "names", ())
    pair = [names.index("cat"), names.index("dog")] if {"cat", "dog"} <= set(names) else rng.permutation(world.classes)
    wrong, source = (int(label) for label in pair[:2])
    others = world.draw("unseen", rng)
    rows = np.flatnonzero(images.labels == wrong)
    rows = rows[rng.random(len(rows)) < share]
    pixels = images.pixels.copy()
    pixels[rows] = rng.permutation(others.pixels[others.labels == source])[: len(rows)]
    return LabelledImages(pixels, images.labels, images.groups)


# --- Helpers ---


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return resize_image(to_uint8(image), height, width) / 255


def _blur(image: np.ndarray, width: float) -> np.ndarray:
    """Gaussian blur; `width` in fractions of the side."""
    return np.asarray(gaussian_filter(image, (width * image.shape[0], width * image.shape[0], 0), mode="reflect"))


def _warp(image: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(image.shape[:2])
    channels = [
        map_coordinates(image[:, :, c], [rows + down, columns + across], order=1, mode="reflect") for c in range(3)
    ]
    return np.stack(channels, axis=2)


def _radius(image: np.ndarray, axes: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Return the distance (H, W) from the centre; 1 at the middle of each edge."""
    rows, columns = (np.linspace(-1, 1, side) for side in image.shape[:2])
    return np.hypot(rows[:, None] / axes[0], columns[None, :] / axes[1])


OPEN_DEFECTS = {
    "letterbox": OpenDefect(_each(_bars(0)), (0.25, 0.44), ("frame",)),
    "pillarbox": OpenDefect(_each(_bars(1)), (0.25, 0.44), ("frame",)),
    "white padding": OpenDefect(_each(_padding(1.0)), (0.85, 0.7), ("frame", "scale-position")),
    "black padding": OpenDefect(_each(_padding(0.0)), (0.85, 0.7), ("frame", "scale-position")),
    "border": OpenDefect(_each(_border), (0.035, 0.1), ("frame",)),
    "circular crop on white": OpenDefect(_each(_circle), (1.05, 0.85), ("frame", "background")),
    "watermark": OpenDefect(_each(_watermark), (0.35, 0.7), ("overlay",)),
    "logo in a corner": OpenDefect(_each(_logo), (0.22, 0.38), ("overlay",)),
    "line of text": OpenDefect(_each(_caption), (0.16, 0.3), ("overlay",)),
    "date stamp": OpenDefect(_each(_date), (0.16, 0.25), ("overlay",)),
    "scattered stamps": OpenDefect(_each(_stamps), (2, 5), (UNEXPLAINED, "overlay")),
    "cut-out square": OpenDefect(_each(_cutout), (0.3, 0.5), (UNEXPLAINED, "overlay")),
    "white background": OpenDefect(_each(_white_background), (1.0, 0.75), ("background",)),
    "one background per class": OpenDefect(_background_by_class, (1.0, 0.75), ("background",)),
    "vignette": OpenDefect(_each(_vignette), (0.5, 0.9), ("shading", UNEXPLAINED)),
    "light from one side": OpenDefect(_each(_side_light), (0.3, 0.6), ("shading", UNEXPLAINED)),
    "white-balance cast": OpenDefect(_each(_gains(1, 0, -1)), (0.15, 0.3), ("colour-cast",)),
    "green cast": OpenDefect(_each(_gains(-0.3, 1, -0.3)), (0.15, 0.3), ("colour-cast",)),
    "grey": OpenDefect(_each(_saturate), (0.3, 0.0), ("colour-contrast",)),
    "sepia": OpenDefect(_each(_sepia), (0.5, 1.0), ("colour-contrast", "colour-cast")),
    "red and blue swapped": OpenDefect(
        _share(lambda image: image[:, :, ::-1]), (0.6, 1.0), ("colour-contrast", "colour-cast")
    ),
    "gamma": OpenDefect(_each(_gamma), (0.7, 0.5), ("colour-contrast",)),
    "dark exposure": OpenDefect(_each(_exposure), (0.65, 0.4), ("colour-contrast",)),
    "low contrast": OpenDefect(_each(_contrast), (0.65, 0.4), ("colour-contrast",)),
    "fog": OpenDefect(_each(_fog), (0.3, 0.6), ("colour-contrast",)),
    "solarise": OpenDefect(_each(_solarise), (0.75, 0.5), (UNEXPLAINED,)),
    "inverted": OpenDefect(_each(_invert), (0.7, 1.0), (UNEXPLAINED, "colour-contrast")),
    "posterise": OpenDefect(_each(_posterise), (6, 3), ("posterised",)),
    "dithering": OpenDefect(_each(_dither), (12, 6), ("posterised", "high-frequencies")),
    "cartoon": OpenDefect(_each(_cartoon), (8, 5), (UNEXPLAINED, "posterised", "texture")),
    "median filter": OpenDefect(_each(_median), (0.09, 0.15), ("texture", "high-frequencies")),
    "nearest-neighbour resize": OpenDefect(_each(_nearest), (0.6, 0.35), ("high-frequencies", "periodic")),
    "bicubic resize": OpenDefect(_each(_bicubic), (0.6, 0.35), ("high-frequencies",)),
    "upscaler": OpenDefect(_each(_upscaler), (0.5, 0.35), ("high-frequencies", "texture")),
    "sharpened and saturated": OpenDefect(_each(_generated_look), (0.8, 2.0), ("high-frequencies", "colour-contrast")),
    "edge halo": OpenDefect(_each(_halo), (0.6, 1.5), ("high-frequencies", UNEXPLAINED)),
    "bokeh": OpenDefect(_each(_bokeh), (0.03, 0.07), ("depth-of-field", "high-frequencies", UNEXPLAINED)),
    "motion blur": OpenDefect(_each(_motion), (0.1, 0.22), ("high-frequencies",)),
    "JPEG": OpenDefect(_each(_jpeg), (30, 10), ("texture",)),
    "noise": OpenDefect(_each(_noise), (0.03, 0.08), ("high-frequencies",)),
    "salt and pepper": OpenDefect(_each(_salt), (0.02, 0.08), ("high-frequencies",)),
    "chromatic aberration": OpenDefect(_each(_aberration), (0.03, 0.06), (UNEXPLAINED,)),
    "stripes": OpenDefect(_each(_stripes), (0.06, 0.15), ("periodic",)),
    "checkerboard": OpenDefect(_each(_checkerboard), (0.03, 0.08), ("periodic",)),
    "8-pixel grid": OpenDefect(_each(_grid), (0.12, 0.3), ("periodic",)),
    "moire": OpenDefect(_each(_moire), (0.12, 0.3), ("periodic", UNEXPLAINED)),
    "interlacing": OpenDefect(_each(_interlacing), (0.03, 0.09), ("periodic", UNEXPLAINED)),
    "quarter turn": OpenDefect(_share(np.rot90), (0.5, 1.0), ("orientation",)),
    "upside down": OpenDefect(_share(np.flipud), (0.5, 1.0), ("orientation",)),
    "mirror image": OpenDefect(_share(np.fliplr), (0.5, 1.0), (NOTHING, "orientation")),
    "squashed": OpenDefect(_each(_squash), (0.75, 0.55), ("aspect",)),
    "elastic distortion": OpenDefect(_each(_elastic), (0.02, 0.04), (UNEXPLAINED, "structure")),
    "swirl": OpenDefect(_each(_swirl), (1.2, 2.5), (UNEXPLAINED, "structure")),
    "shuffled patches": OpenDefect(_each(_patches), (4, 8), ("structure",)),
    "2 x 2 tiles": OpenDefect(_mix(_tiles, same_class=True), (0.6, 1.0), (UNEXPLAINED, "scale-position")),
    "second object": OpenDefect(_mix(_second_object, same_class=False), (0.4, 0.6), (UNEXPLAINED,)),
    "CutMix": OpenDefect(_mix(_cutmix, same_class=False), (0.25, 0.5), (UNEXPLAINED, "labels")),
    "double exposure": OpenDefect(_mix(_double_exposure, same_class=False), (0.25, 0.45), (UNEXPLAINED,)),
    "jittered collapse": OpenDefect(_jittered_collapse, (10, 4), ("coverage", "repeats")),
    "exact repeats": OpenDefect(_repeats, (0.3, 0.7), ("coverage", "repeats")),
    "modes missing": OpenDefect(_missing_modes, (0.5, 0.3), ("coverage", UNEXPLAINED)),
    "blank images": OpenDefect(_blank, (0.1, 0.3), ("blank",)),
    "labels at random": OpenDefect(DEFECTS["labels at random"].plant, (0.45, 0.6), ("labels",)),
    "labels by pairs": OpenDefect(DEFECTS["labels by pairs"].plant, (0.4, 0.45), ("labels",)),
    "one class of another's images": OpenDefect(_mixed_class, (0.7, 0.9), ("labels",)),
}
"""Kinds of defects by name."""
