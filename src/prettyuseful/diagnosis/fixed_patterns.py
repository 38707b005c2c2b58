"""Changes that most synthetic images have at one position: frames, backgrounds, overlays, periodic patterns, shading.

Means and standard deviations over the images show them at each position: contents average out, and a pattern that
covers the content reduces its deviation. Each pattern is fitted as a change of real images. The search for changes
(`change_search`) decides whether it explains the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter

from prettyuseful.diagnosis.candidates import Candidate, Family, FittedChange
from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.engine.keys import derive_seed
from prettyuseful.transforms.base import Formula, image_generator, to_uint8
from prettyuseful.transforms.geometry import Frame

FITTED_CAUSES = ("frame added", "background added", "overlay added", "periodic added", "shading added")
"""Names of the causes that are fitted to the images."""
PERMUTATIONS = 199
ALPHA = 0.01
"""Significance level of the test of whether images have a common pattern."""
_MOST_VALUES = 8_000_000  # values that the test looks at; it leaves out images if there are more
_MOST_IMAGES = 60_000_000  # values of each side from which moments are taken
_SIGNIFICANT = 4.5  # standard errors of a position that belongs to an overlay
_FRAMED = 0.75  # share of the images that have a frame
_EXCESS = 0.4  # smallest difference of a share of images from that of real images
_FLAT = 20  # largest range of values, of 255, that count as one colour
_OPAQUE = 0.9  # smallest coverage of a background
_FAINT = 0.1  # coverage that counts as none
_SHARP = 0.4  # smallest share of a pattern's energy in structures below a quarter of the side
_EVEN = 0.5  # smallest energy in a faint part of the image, relative to the mean, of a pattern that is everywhere
_PEAKED = 0.1  # largest share of the spatial frequencies that have 80% of the energy of a periodic pattern
_SHADE = 0.15  # smallest difference in gain between two parts of an image, of shading
_LONGEST = 0.45  # longest period of a pattern, as a share of the side
_SMALLEST, _LARGEST = 0.004, 0.6  # share of the area that an overlay covers
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Pattern:
    """A change that is the same at each position of every image of a class: `(1 - alpha) * image + add`.

    Attributes:
        alpha: (H, W, 1) or (H, W, 3), how much of the content is covered; below 0 if its contrast rises.
        add: (H, W, 3) what is added, in fractions of the range, or (classes, H, W, 3) if it depends on the class.
    """

    alpha: np.ndarray
    add: np.ndarray

    def apply(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images with the pattern."""
        added = np.broadcast_to(self.add, (len(images), *images.shape[1:])) if self.add.ndim == 3 else self.add[labels]
        pairs = zip(images, added, strict=True)
        return np.stack([to_uint8(image / 255 * (1 - self.alpha) + add) for image, add in pairs])


def fit_patterns(real: LabelledImages, synthetic: LabelledImages) -> list[Candidate]:
    """Return changes of real images that add what most synthetic images have at one position: none, one or a few."""
    real, synthetic = one_per_group(real), one_per_group(synthetic)
    frame = find_frame(real, synthetic)
    moments = Moments(real, synthetic)
    found = [
        *(frame.candidates() if frame else fit_background(real, synthetic, moments)),
        *fit_details(moments, frame),
    ]
    return found or list(fit_shading(moments))


def one_per_group(images: LabelledImages) -> LabelledImages:
    """Return one image of each group of each class, and of equal images, because they are not independent."""
    first: dict[tuple[int, str], int] = {}
    for row, key in enumerate(zip(images.labels.tolist(), images.groups.tolist(), strict=True)):
        first.setdefault(key, row)
    distinct = {hash(images.pixels[row].tobytes()): row for row in reversed(first.values())}
    return images if len(distinct) == len(images) else images.take(np.sort(np.array([*distinct.values()])))


# --- Frames ---


@dataclass(frozen=True)
class Margins:
    """Margins of one colour. `top`, `bottom`, `left`, `right` are in pixels of `height` x `width` images."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int
    colour: tuple[float, float, float]

    @property
    def mask(self) -> np.ndarray:
        """Return the positions (H, W) in the margins."""
        mask = np.ones((self.height, self.width), bool)
        mask[self.top : self.height - self.bottom, self.left : self.width - self.right] = False
        return mask

    def candidates(self) -> Iterator[Candidate]:
        """Yield the frame over the content, and around content that is shrunk to fit into it."""
        margins = {
            "top": self.top / self.height,
            "bottom": self.bottom / self.height,
            "left": self.left / self.width,
            "right": self.right / self.width,
        }
        sides = ", ".join(f"{name} {value:.0%}" for name, value in margins.items() if value)
        cover = Frame(**margins, colour=self.colour, fit="cover")
        shrink = cover.model_copy(update={"fit": "shrink"})
        yield _fitted("frame", cover, f"a frame over the image ({sides})")
        yield _fitted("frame", shrink, f"shrinking into a frame ({sides})")


def find_frame(real: LabelledImages, synthetic: LabelledImages) -> Margins | None:
    """Return the margins of one colour that most synthetic and few real images have, or None."""
    found = margins_of(synthetic.pixels)
    wide = np.quantile(found, 1 - _FRAMED, axis=0, method="lower").astype(int)
    expected = margins_of(real.pixels)
    for side in range(4):
        more = (found[:, side] >= wide[side]).mean() - (expected[:, side] >= wide[side]).mean()
        if wide[side] and more < _EXCESS:
            wide[side] = 0
    height, width = synthetic.pixels.shape[1:3]
    top, bottom, left, right = (int(value) for value in wide)
    if not wide.any() or top + bottom >= height - 1 or left + right >= width - 1:
        return None
    frame = Margins(height, width, top, bottom, left, right, (0.0, 0.0, 0.0))
    per_image = np.median(synthetic.pixels[:, frame.mask], axis=1)
    if _has_flat_corners(synthetic.pixels, frame, per_image):
        return None
    red, green, blue = (round(float(value) / 255, 3) for value in np.median(per_image, axis=0))
    return replace(frame, colour=(red, green, blue))


def _has_flat_corners(pixels: np.ndarray, frame: Margins, colours: np.ndarray) -> bool:
    """Return whether the corners inside the margins have their colour too, as those of a flat background have."""
    inside = pixels[:, frame.top : frame.height - frame.bottom, frame.left : frame.width - frame.right]
    size = max(1, min(inside.shape[1:3]) // 10)
    ends = (slice(size), slice(-size, None))
    corners = np.stack([inside[:, rows, columns].mean(axis=(1, 2)) for rows in ends for columns in ends])
    return bool((np.abs(corners - colours).max(axis=(0, 2)) < _FLAT).mean() > 0.5)


def margins_of(pixels: np.ndarray) -> np.ndarray:
    """Return the widths (N, 4) of the margins of one colour: top, bottom, left, right, in pixels."""
    columns = []
    for lines in (pixels, pixels[:, ::-1], pixels.swapaxes(1, 2), pixels[:, :, ::-1].swapaxes(1, 2)):
        widths = np.zeros(len(pixels), np.int64)
        alive, first = np.arange(len(pixels)), np.median(lines[:, 0], axis=1)
        for number in range(lines.shape[1] // 2):
            differences = np.abs(lines[alive, number] - first[alive][:, None])
            alive = alive[(differences <= _FLAT / 2).all(axis=(1, 2))]
            widths[alive] += 1
            if not len(alive):
                break
        columns.append(widths)
    return np.stack(columns, axis=1)


# --- Moments ---


@dataclass(frozen=True)
class MeanTest:
    """A difference of means between two sides.

    Attributes:
        p_value: of the hypothesis that both sides have the same distribution in every class.
        energy: sum of squared differences of means, without the part that is due to chance.
    """

    p_value: float
    energy: float


class Moments:
    """Means and deviations of real and of synthetic images at each position, within classes, in fractions of the range.

    Attributes:
        labels: the classes that have images on both sides.
        real_mean: (H, W, 3) mean over classes.
        difference: (H, W, 3) mean of synthetic minus mean of real images, mean over classes.
        error: (H, W, 3) its standard error.
        coverage: (H, W, 1) by how much the deviation within classes is smaller than that of real images, as a share.
        class_means: (classes, H, W, 3) means of synthetic images.
    """

    def __init__(self, real: LabelledImages, synthetic: LabelledImages) -> None:
        self.real, self.synthetic = real, synthetic
        counts = np.minimum(
            np.bincount(real.labels),
            np.bincount(synthetic.labels, minlength=real.labels.max() + 1)[: real.labels.max() + 1],
        )
        self.labels = np.flatnonzero(counts > 1)
        shape = real.pixels.shape[1:]
        most = max(2, _MOST_IMAGES // (real.pixels[0].size * max(1, len(self.labels))))
        means, variances, squares = np.zeros((2, *shape)), np.zeros((2, *shape)), np.zeros(shape)
        self.class_means = np.zeros((len(counts), *shape))
        for label in self.labels:
            for side, images in enumerate((real, synthetic)):
                pixels = images.pixels[np.flatnonzero(images.labels == label)[:most]].astype(np.float32)
                mean, variance = pixels.mean(axis=0) / 255, pixels.var(axis=0, ddof=1) / 255**2
                means[side] += mean / len(self.labels)
                variances[side] += variance / len(self.labels)
                squares += variance / len(pixels) / len(self.labels) ** 2
            self.class_means[label] = mean
        self.real_mean, self.difference = means[0], means[1] - means[0]
        self.error = np.sqrt(squares) + 1e-4
        deviations = np.sqrt(variances.mean(axis=3, keepdims=True))
        self.coverage = 1 - deviations[1] / np.maximum(deviations[0], 1e-3)

    def test(self, measure: Callable[[np.ndarray], np.ndarray]) -> MeanTest:
        """Test the hypothesis that both sides have the same distribution in every class.

        The statistic is the largest standardised difference of the means of a measure. Images are permuted between the
        sides within classes (maxT, Westfall and Young 1993).

        Args:
            measure: returns (N, ...) values of luma (N, H, W), 0-255.
        """
        height, width = self.difference.shape[:2]
        most = max(2, _MOST_VALUES // (height * width * 2 * max(1, len(self.labels))))
        rng = np.random.default_rng(derive_seed("fixed patterns"))
        tables, contrasts = [], []
        for label in self.labels:
            sides = [i.pixels[np.flatnonzero(i.labels == label)[:most]] for i in (self.real, self.synthetic)]
            values = measure(np.concatenate(sides) @ _LUMA)
            order = np.argsort(rng.random((PERMUTATIONS + 1, len(values))), axis=1)
            order[0] = np.arange(len(values))
            first, second = map(len, sides)
            contrasts.append(np.where(order < first, -1 / first, 1 / second).astype(np.float32))
            tables.append((values - values.mean(axis=0)).reshape(len(values), -1))
        if not tables:
            return MeanTest(1.0, 0.0)
        table = np.concatenate(tables)
        deviation = np.sqrt(np.einsum("np,np->p", table, table) / len(table)) + 0.25
        differences = np.concatenate(contrasts, axis=1) @ table
        statistic = np.abs(differences / deviation).max(axis=1)
        energies = np.einsum("bp,bp->b", differences, differences)
        p_value = float((statistic >= statistic[0] * (1 - 1e-6)).mean())
        return MeanTest(p_value, float(energies[0] - energies[1:].mean()))


def remove_low_frequencies(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W) values minus their means over squares of about a quarter of the side."""
    width = min(images.shape[1:]) // 4 | 1
    values = np.asarray(images, np.float32)
    return np.asarray(values - uniform_filter(values, (0, width, width), mode="reflect"))


def coarse_brightness(luma: np.ndarray) -> np.ndarray:
    """Return the means (N, 16) of luma (N, H, W) over the cells of a 4 x 4 grid, minus their mean."""
    values = np.stack([cell.mean(axis=(1, 2)) for cell in _cells(luma)], axis=1)
    return np.asarray(values - values.mean(axis=1, keepdims=True))


# --- Backgrounds ---


@dataclass(frozen=True, eq=False)
class Background:
    """A flat background around the content of some images.

    The position of its edge, its colour and the choice of images are drawn at random. They depend only on the image.

    Attributes:
        share: share of the images that get the background.
        coverage: (H, W) share of the backgrounds that cover a position.
        colours: colours (n, 3), in fractions of the range, by class.
    """

    share: float
    coverage: np.ndarray
    colours: Mapping[int, np.ndarray]

    def apply(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8 images, some of them with the background."""
        return np.stack([self._change(image, int(label)) for image, label in zip(images, labels, strict=True)])

    def _change(self, image: np.ndarray, label: int) -> np.ndarray:
        rng = image_generator(image, 0)
        chosen, edge, colours = rng.random() < self.share, rng.random(), self.colours[label]
        colour = colours[rng.integers(len(colours))]
        return np.where((self.coverage > edge)[:, :, None] & chosen, to_uint8(colour), image)


def fit_background(real: LabelledImages, synthetic: LabelledImages, moments: Moments) -> Iterator[Candidate]:
    """Yield a flat background that many more synthetic than real images have.

    Two changes are fitted: one with an edge and a choice of images that vary, and, if all corners are covered in most
    images, one with the same soft edge in all images and one colour per class.
    """
    flat, colours = _flat_rings(synthetic.pixels)
    expected = float(_flat_rings(real.pixels)[0].mean())
    if flat.mean() - expected >= _EXCESS:
        shares = f"({flat.mean():.0%} of the images, {expected:.0%} of real images)"
        by_class = {int(c): colours[flat & (synthetic.labels == c)] / 255 for c in np.unique(synthetic.labels)}
        by_class = {c: values if len(values) else colours[flat] / 255 for c, values in by_class.items()}
        same = np.abs(synthetic.pixels[flat] - colours[flat][:, None, None]).max(axis=3) <= _FLAT / 2
        share = float((flat.mean() - expected) / (1 - expected))
        words = f"a flat background, its edge and colour as in single images {shares}"
        yield _fitted("background", Background(share, same.mean(axis=0), by_class), words)
    covered = np.clip(moments.coverage, 0, 1)
    opaque = covered[:, :, 0] > _OPAQUE
    size = max(1, min(opaque.shape) // 16)
    ends = (slice(size), slice(-size, None))
    if not all(opaque[rows, columns].all() for rows in ends for columns in ends):
        return
    found, expected = (float(_one_colour(i.pixels[:, opaque]).mean()) for i in (synthetic, real))
    if found - expected >= _EXCESS:
        class_colours = np.median(moments.class_means[:, opaque], axis=1)
        alpha = np.where(covered > _FAINT, covered, 0)
        spread = float(np.ptp(class_colours[moments.labels], axis=0).max())
        words = "of one colour" if spread < _FLAT / 255 else "of one colour per class"
        words = f"a flat background {words} ({found:.0%} of the images, {expected:.0%} of real images)"
        yield _fitted("background", Pattern(alpha, alpha * class_colours[:, None, None, :]), words)


def _flat_rings(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether the border of each image has one colour, (N,) bool, and the median colour (N, 3) of the border."""
    width = max(1, min(pixels.shape[1:3]) // 32)
    ring = np.ones(pixels.shape[1:3], bool)
    ring[width:-width, width:-width] = False
    border = pixels[:, ring]
    return _one_colour(border), np.median(border, axis=1)


def _one_colour(values: np.ndarray) -> np.ndarray:
    """Return whether at least 90% of the values (N, positions, 3) of an image have one colour, (N,) bool."""
    differences = np.abs(values - np.median(values, axis=1, keepdims=True)).max(axis=2)
    return np.asarray((differences <= _FLAT / 2).mean(axis=1) >= 0.9)


# --- Overlays and periodic patterns ---


def fit_details(moments: Moments, frame: Margins | None) -> Iterator[Candidate]:
    """Yield changes that add a pattern with sharp edges, if there is one.

    Energy in few spatial frequencies and everywhere in the image is a periodic pattern, and energy at one place an
    overlay. Smooth patterns, such as a vignette, are neither.
    """
    inside = np.ones(moments.difference.shape[:2], bool) if frame is None else ~frame.mask

    def variation(luma: np.ndarray) -> np.ndarray:
        return np.where(inside, luma - luma[:, inside].mean(axis=1)[:, None, None], 0)

    sharp = moments.test(lambda luma: remove_low_frequencies(variation(luma)))
    if sharp.p_value > ALPHA or sharp.energy < _SHARP * moments.test(variation).energy:
        return
    difference = np.where(inside[:, :, None], moments.difference - np.median(moments.difference[inside], axis=0), 0)
    details = _details(difference)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    luma = (details @ _LUMA)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    spectrum = Spectrum(luma)
    repeated = spectrum.period < _LONGEST * min(luma.shape)
    if repeated and spectrum.peaked_share < _PEAKED and _evenness(luma) > _EVEN:
        coverage = _details(moments.coverage)
        words = f"a periodic pattern (period {spectrum.period:.2g} px)"
        yield _fitted("periodic", Pattern(np.zeros_like(coverage), details), f"{words}, added")
        yield _fitted("periodic", Pattern(coverage, details + coverage * moments.real_mean), f"{words}, multiplied")
        return
    mask = inside & ((np.abs(difference) / moments.error).max(axis=2) > _SIGNIFICANT)
    if _SMALLEST <= mask.mean() <= _LARGEST:
        alpha = np.where(mask[:, :, None], np.clip(moments.coverage, 0, 1), 0)
        add = np.where(mask[:, :, None], difference + alpha * moments.real_mean, 0)
        yield _fitted("overlay", Pattern(alpha, add), f"an overlay ({place_of(mask)}, {mask.mean():.0%} of the area)")


def fit_shading(moments: Moments) -> Iterator[Candidate]:
    """Yield a gain that varies smoothly over the image, a quadratic function of the position, if there is one."""
    if moments.test(coarse_brightness).p_value > ALPHA:
        return
    height, width = moments.difference.shape[:2]
    down, across = (
        values.ravel() for values in np.meshgrid(*(np.linspace(-1, 1, n) for n in (height, width)), indexing="ij")
    )
    terms = np.stack([np.ones(down.size), down, across, down * across, down**2, across**2], axis=1)
    before = moments.real_mean @ _LUMA
    ratio = 1 + (moments.difference @ _LUMA) / np.maximum(before, 0.02)
    gain = np.clip(terms @ np.linalg.lstsq(terms, ratio.ravel(), rcond=None)[0], 0, 2).reshape(height, width, 1)
    regions = {name: float(gain[region].mean()) for name, region in _regions(height, width).items()}
    darkest, brightest = min(regions, key=regions.__getitem__), max(regions, key=regions.__getitem__)
    if regions[brightest] - regions[darkest] >= _SHADE:
        ends = " to ".join(f"{regions[name]:.2f} ({name})" for name in (darkest, brightest))
        yield _fitted("shading", Pattern(1 - gain, np.zeros((height, width, 3))), f"brightness multiplied by {ends}")


def _regions(height: int, width: int) -> dict[str, np.ndarray]:
    """Return masks (H, W) of parts of an image, by name."""
    down, across = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return {
        "centre": np.maximum(np.abs(down), np.abs(across)) < 0.5,
        "corners": np.minimum(np.abs(down), np.abs(across)) > 0.7,
        "top": down < -0.7,
        "bottom": down > 0.7,
        "left": across < -0.7,
        "right": across > 0.7,
    }


def _details(values: np.ndarray) -> np.ndarray:
    return np.moveaxis(remove_low_frequencies(np.moveaxis(values, 2, 0)), 0, 2).astype(float)


def _evenness(values: np.ndarray) -> float:
    """Return the energy that a fifth of the cells of a 4 x 4 grid falls below, relative to the mean."""
    cells = np.array([(cell**2).mean() for cell in _cells(values)])
    return float(np.quantile(cells, 0.2) / cells.mean())


def _cells(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the cells of a 4 x 4 grid of (..., H, W) values, row by row."""
    for row in np.array_split(values, 4, axis=-2):
        yield from np.array_split(row, 4, axis=-1)


class Spectrum:
    """The power spectrum of (H, W) values, with a Hann window.

    Attributes:
        peaked_share: share of the frequencies that have 80% of the energy.
        period: of the lowest strong frequency, in pixels along the side in which it is shorter.
    """

    def __init__(self, values: np.ndarray) -> None:
        height, width = values.shape
        windowed = values * np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
        power = np.sort((np.abs(np.fft.fft2(windowed)) ** 2).ravel())[::-1]
        self.peaked_share = (int(np.searchsorted(np.cumsum(power), 0.8 * power.sum())) + 1) / power.size
        shape = (4 * height, 4 * width)  # zeros around the values interpolate the spectrum
        fine = np.abs(np.fft.fft2(windowed, shape)) ** 2
        frequency = np.maximum(np.abs(np.fft.fftfreq(shape[0]))[:, None], np.abs(np.fft.fftfreq(shape[1]))[None])
        peaks = (fine >= 0.3 * fine.max()) & (fine >= _neighbours_maximum(fine)) & (frequency > 0)
        self.period = float(1 / frequency[peaks].min()) if peaks.any() else float(max(height, width))


def _neighbours_maximum(values: np.ndarray) -> np.ndarray:
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    return np.asarray(np.max([np.roll(values, shift, axis=(0, 1)) for shift in shifts], axis=0))


def place_of(mask: np.ndarray) -> str:
    """Return where the positions (H, W) of a mask are, such as "lower right" or "middle, across the width"."""
    rows, columns = np.nonzero(mask)
    down, across = rows.mean() / mask.shape[0], columns.mean() / mask.shape[1]
    vertical = "upper" if down < 1 / 3 else "lower" if down > 2 / 3 else "middle"
    if np.quantile(columns, 0.95) - np.quantile(columns, 0.05) > 0.6 * mask.shape[1]:
        return f"{vertical}, across the width"
    horizontal = "left" if across < 1 / 3 else "right" if across > 2 / 3 else "centre"
    return f"{vertical} {horizontal}"


def _fitted(cause: str, change: Formula | FittedChange, words: str) -> Candidate:
    return Candidate(Family(CAUSES[f"{cause} added"], (1.0,), lambda _: change, words), 1.0, change)
