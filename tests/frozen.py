"""A tiny encoder of one's own, in a file that studies name, and a study of linear probes on its features."""

from __future__ import annotations

from pathlib import Path

ENCODER = """
import numpy as np
from prettyuseful.encoders.table import EncoderRow


class Means:
    def features(self, pixels):
        images = [np.asarray(pixels[i], np.float32) for i in range(len(pixels))]
        return np.stack([np.concatenate([i.mean((0, 1)), i.std((0, 1))]) for i in images])


MEANS = EncoderRow("means", "mean and deviation of each channel", make=lambda weights, numerics: Means())
"""


def write_encoder(folder: Path) -> str:
    """Write the encoder into a file, and return its name for studies."""
    (folder / "mine.py").write_text(ENCODER)
    return f"{folder / 'mine.py'}:MEANS"


def frozen_study(encoder: str, train: str = "", more: str = "") -> str:
    """Return a study of photographs and of blurred ones."""
    return f"""
version: 1
task: photos
datasets:
  soft: {{of: real, transform: {{kind: blur, width: 0.2}}, images_per_class: 5}}
train: {{architectures: ["{encoder}"], recipes: [frozen-features], seeds: [0, 1, 2]{train}}}
metrics: []
{more}
"""
