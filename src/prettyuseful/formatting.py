"""The one place that formats numbers: `76.9% [72.7, 81.1]`, `-5.0 points [-9.0, -0.9]`, `3.2 s`, `1.5 GB`."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import Any, NamedTuple, Protocol

_MAX_DECIMALS = 6


class HasBounds(Protocol):
    """A mean with its interval."""

    @property
    def mean(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


class Estimate(NamedTuple):
    """An estimate with the ends of its interval."""

    mean: float
    low: float
    high: float


def share(fraction: float, decimals: int = 1) -> str:
    """Format a fraction (0-1) as `76.9%`."""
    return f"{fraction:.{decimals}%}"


def percent(value: HasBounds) -> str:
    """Format an interval of a fraction (0-1) as `76.9% [72.7, 81.1]`."""
    return f"{value.mean:.1%} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def points(value: HasBounds) -> str:
    """Format a difference of fractions in percentage points: `-5.0 points [-9.0, -0.9]`."""
    mean, low, high = (100 * part for part in (value.mean, value.low, value.high))
    return f"{mean:+.1f} points [{low:+.1f}, {high:+.1f}]"


def absolute_points(value: HasBounds) -> str:
    """Format a difference without its sign, `5.0 points [0.9, 9.0]`, for a sentence that says which side is higher."""
    sign = -1 if value.mean < 0 else 1
    mean, *ends = (sign * 100 * part for part in (value.mean, value.low, value.high))
    return f"{mean:.1f} points [{min(ends):.1f}, {max(ends):.1f}]"


def number(value: HasBounds) -> str:
    """Format an interval of any quantity as `0.16 [0.15, 0.17]`."""
    mean, low, high = digits(value)
    return f"{mean} [{low}, {high}]"


def digits(value: HasBounds) -> tuple[str, str, str]:
    """Return mean, low and high with three significant digits of the largest of them, or two if it is below 1."""
    largest = max(abs(value.mean), abs(value.low), abs(value.high))
    exponent = floor(log10(largest)) if largest > 0 else -1
    decimals = min(_MAX_DECIMALS, max(0, 2 - exponent) if exponent >= 0 else 1 - exponent)
    mean, low, high = (f"{part:.{decimals}f}" for part in (value.mean, value.low, value.high))
    return mean, low, high


def count(images: float) -> str:
    """Format an estimated number of images as `4.4` below 10 and as `17` above; whole numbers without decimals."""
    return f"{images:.1f}" if images < 10 and images != round(images) else f"{images:.0f}"


def p_value(value: float) -> str:
    """Format a p-value as `0.021` or `< 0.001`."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """Format a duration as `3.2 s`, `12 s`, `3 min` or `2.5 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def size(count: int) -> str:
    """Format a number of bytes as `512 bytes`, `1.5 MB` or `1.5 GB`."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"


def finite(value: Any) -> Any:
    """Return a JSON value in which NaN and infinite numbers are None, because JSON does not have them."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
