"""Patterns with sharp edges at one position of most images: overlays and periodic patterns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.fitted_changes import Pattern, fitted_candidate
from prettyuseful.diagnosis.frames import Margins
from prettyuseful.diagnosis.moments import LUMA, Moments, grid_cells, remove_low_frequencies
from prettyuseful.diagnosis.spectrum import Spectrum

_MIN_SHARP_SHARE = 0.4  # smallest share of a pattern's energy in structures below a quarter of the side
_LONGEST_PERIOD = 0.45  # of a periodic pattern, as a share of the side
_MAX_PEAKED_SHARE = 0.1  # largest share of the spatial frequencies that have 80% of the energy of a periodic pattern
_MIN_EVENNESS = 0.5  # smallest energy in a faint part of the image, relative to the mean, of a periodic pattern
_MIN_Z = 4.5  # smallest difference, in standard errors, at a position that belongs to an overlay
_MIN_AREA, _MAX_AREA = 0.004, 0.6  # share of the area that an overlay covers


def fit_sharp_patterns(moments: Moments, frame: Margins | None) -> Iterator[Candidate]:
    """Yield changes that add a pattern with sharp edges within the frame, if there is one.

    Energy in few spatial frequencies and everywhere in the image is a periodic pattern, and energy at one position an
    overlay. Smooth patterns, such as a vignette, are neither.
    """
    inside = np.ones(moments.difference.shape[:2], bool) if frame is None else ~frame.mask
    if _differ_in_details(moments, inside):
        difference = moments.difference - np.median(moments.difference[inside], axis=0)
        difference = np.where(inside[:, :, None], difference, 0)
        yield from list(_fit_periodic(moments, difference, inside)) or _fit_overlay(moments, difference, inside)


def _differ_in_details(moments: Moments, inside: np.ndarray) -> bool:
    """Return whether the means of both sides differ, and by sharp edges more than by smooth changes of brightness."""

    def variation(luma: np.ndarray) -> np.ndarray:
        return np.where(inside, luma - luma[:, inside].mean(axis=1)[:, None, None], 0)

    sharp = moments.test(lambda luma: remove_low_frequencies(variation(luma)))
    return sharp.significant and sharp.energy >= _MIN_SHARP_SHARE * moments.test(variation).energy


def _fit_periodic(moments: Moments, difference: np.ndarray, inside: np.ndarray) -> Iterator[Candidate]:
    """Yield a periodic pattern, added and multiplied, if the difference is everywhere and has a short period."""
    details = _high_frequencies(difference)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    luma = (details @ LUMA)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    spectrum = Spectrum(luma)
    repeated = spectrum.period < _LONGEST_PERIOD * min(luma.shape)
    if repeated and spectrum.peaked_share < _MAX_PEAKED_SHARE and _evenness(luma) > _MIN_EVENNESS:
        coverage = _high_frequencies(moments.coverage)
        added = Pattern(np.zeros_like(coverage), details)
        multiplied = Pattern(coverage, details + coverage * moments.real_mean)
        words = f"a periodic pattern (period {spectrum.period:.2g} px)"
        yield fitted_candidate("periodic added", added, f"{words}, added")
        yield fitted_candidate("periodic added", multiplied, f"{words}, multiplied")


def _fit_overlay(moments: Moments, difference: np.ndarray, inside: np.ndarray) -> Iterator[Candidate]:
    """Yield an overlay at the positions where the means differ clearly, if they are a part of the image only."""
    mask = inside & ((np.abs(difference) / moments.error).max(axis=2) > _MIN_Z)
    if _MIN_AREA <= mask.mean() <= _MAX_AREA:
        alpha = np.where(mask[:, :, None], np.clip(moments.coverage, 0, 1), 0)
        add = np.where(mask[:, :, None], difference + alpha * moments.real_mean, 0)
        words = f"an overlay ({describe_position(mask)}, {mask.mean():.0%} of the area)"
        yield fitted_candidate("overlay added", Pattern(alpha, add), words)


def _high_frequencies(values: np.ndarray) -> np.ndarray:
    """Return (H, W, channels) values without low frequencies."""
    return np.moveaxis(remove_low_frequencies(np.moveaxis(values, 2, 0)), 0, 2).astype(float)


def _evenness(values: np.ndarray) -> float:
    """Return the energy that a fifth of the cells of a 4 x 4 grid falls below, relative to the mean."""
    cells = np.array([(cell**2).mean() for cell in grid_cells(values)])
    return float(np.quantile(cells, 0.2) / cells.mean())


def describe_position(mask: np.ndarray) -> str:
    """Return where the positions (H, W) of a mask are, such as "lower right" or "middle, across the width"."""
    rows, columns = np.nonzero(mask)
    down, across = rows.mean() / mask.shape[0], columns.mean() / mask.shape[1]
    vertical = "upper" if down < 1 / 3 else "lower" if down > 2 / 3 else "middle"
    if np.quantile(columns, 0.95) - np.quantile(columns, 0.05) > 0.6 * mask.shape[1]:
        return f"{vertical}, across the width"
    horizontal = "left" if across < 1 / 3 else "right" if across > 2 / 3 else "centre"
    return f"{vertical} {horizontal}"
