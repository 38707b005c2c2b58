"""The format in which generated images are stored: PNG or WebP without loss, or JPEG or WebP with a quality."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

FormatName = Literal["png", "jpeg", "webp"]
PAPER_QUALITY = 95
"""The quality of JPEG unless it is set, which is that of the paper's images."""
# Level 1 takes two thirds of the time of level 4 for files that are 10% larger; see docs/experiments.md.
_PNG_LEVEL = 1
_SUFFIXES: dict[FormatName, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


def format_problem(name: FormatName, quality: int | None) -> str | None:
    """Return what is wrong with a format and a quality, or None."""
    if name == "png" and quality is not None:
        return "quality does not apply to png, which stores images without loss; set format: jpeg or webp, or remove it"
    return None


class StoredFormat(BaseModel):
    """How generated images are stored. `quality`: None for PNG, and for WebP without loss; 95 by default for JPEG."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: FormatName = "png"
    quality: int | None = Field(None, ge=1, le=100)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("name") == "jpeg" and fields.get("quality") is None:
            return {**fields, "quality": PAPER_QUALITY}
        return fields

    @model_validator(mode="after")
    def _is_possible(self) -> StoredFormat:
        if problem := format_problem(self.name, self.quality):
            raise ValueError(problem)
        return self

    def __str__(self) -> str:
        """Return for example "PNG", "JPEG of quality 95" or "WebP without loss"."""
        if self.name == "png":
            return "PNG"
        kind = {"jpeg": "JPEG", "webp": "WebP"}[self.name]
        return f"{kind} without loss" if self.quality is None else f"{kind} of quality {self.quality}"

    @property
    def suffix(self) -> str:
        """The suffix of file names, such as `.png`."""
        return _SUFFIXES[self.name]

    def encode(self, pixels: np.ndarray) -> bytes:
        """Return (H, W, 3) uint8 pixels as an image file. JPEG has Pillow's chroma subsampling, as in the paper."""
        from PIL import Image

        options: dict[str, Any] = {"quality": self.quality}
        if self.name == "png":
            options = {"compress_level": _PNG_LEVEL}
        elif self.quality is None:  # the fastest method, which is faster than PNG
            options = {"lossless": True, "method": 0, "quality": 0}
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, self.name.upper(), **options)
        return buffer.getvalue()

    def expected_bytes(self, side: int) -> float:
        """Return about how many bytes a generated image of `side` x `side` pixels takes."""
        if self.quality is None:
            size = _LOSSLESS[self.name]
        else:
            sizes = _LOSSY[self.name]
            qualities = list(sizes)
            size = _Size(
                float(np.interp(self.quality, qualities, [sizes[quality].per_pixel for quality in qualities])),
                float(np.interp(self.quality, qualities, [sizes[quality].decline for quality in qualities])),
            )
        return float(size.per_pixel * side**2 * (side / _MEASURED_SIDE) ** -size.decline)


@dataclass(frozen=True)
class _Size:
    """The median size of files: `per_pixel` bytes at `_MEASURED_SIDE`, divided by `2 ** decline` at twice the side."""

    per_pixel: float
    decline: float


# Of 30 images of Stable Diffusion 3.5 of 336 px, and the same at 64 px; benchmarks/stored_formats.py measures them.
_MEASURED_SIDE = 336
_LOSSLESS: dict[FormatName, _Size] = {"png": _Size(1.86, 0.11), "webp": _Size(1.56, 0.16)}
_LOSSY: dict[FormatName, dict[int, _Size]] = {
    "jpeg": {
        50: _Size(0.12, 0.70),
        75: _Size(0.18, 0.59),
        85: _Size(0.24, 0.54),
        90: _Size(0.30, 0.50),
        95: _Size(0.43, 0.45),
        100: _Size(0.87, 0.31),
    },
    "webp": {
        50: _Size(0.09, 0.64),
        75: _Size(0.13, 0.56),
        80: _Size(0.15, 0.56),
        90: _Size(0.24, 0.48),
        95: _Size(0.34, 0.40),
        100: _Size(0.48, 0.32),
    },
}
