"""How a classifier is trained, as frozen data. A recipe never depends on the data set it is used on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """AdamW with linear warm-up and cosine decay to zero, cross-entropy.

    `stored_size`: side of the decoded images. `shift`: random translation in pixels (reflected border). `flip`: random
    horizontal flips. `jitter`: brightness and contrast change by up to this fraction. `warmup`: fraction of all steps.
    """

    name: str
    stored_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    clip_norm: float
    shift: int
    flip: bool
    jitter: float


SMALL = Recipe(
    name="small",
    stored_size=32,
    epochs=12,
    batch_size=64,
    learning_rate=3e-3,
    weight_decay=5e-2,
    warmup=0.1,
    label_smoothing=0.1,
    clip_norm=1.0,
    shift=3,
    flip=True,
    jitter=0.1,
)
