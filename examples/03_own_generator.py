"""A generator of your own: a class with two methods. `prettyuseful check generator 03_own_generator.py:Stripes`."""

import numpy as np

from prettyuseful import parse_study, run_study
from prettyuseful.generators.base import Request

STUDY = f"""
version: 1
title: Stripes
question: Do stripes teach a classifier anything about photographs?
task: photos
datasets:
  stripes: {{generator: "{__file__}:Stripes", images_per_class: 24}}
train: {{architectures: [small], recipes: [small], seeds: [0, 1, 2]}}
metrics: []
"""


class Stripes:
    """Draws stripes whose direction belongs to the class."""

    version = "1"  # raise it when something outside this file changes the images

    def generate(self, request: Request) -> np.ndarray:
        """Return one image per seed, (N, 32, 32, 3) uint8. Image i depends on seeds[i] alone."""
        return np.stack([self._image(request.label, seed) for seed in request.seeds])

    def applied(self) -> dict[str, object]:
        """Return the settings that were applied, for the records."""
        return {"size": 32}

    def _image(self, label: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng([seed, label])
        angle = np.pi * label / 16
        x, y = np.meshgrid(np.arange(32), np.arange(32))
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.3, 1.0))
        values = 128 + 100 * wave[:, :, None] + rng.normal(0, 10, (32, 32, 3))
        return np.clip(values, 0, 255).astype(np.uint8)


if __name__ == "__main__":  # worker processes import this file
    result = run_study(parse_study(STUDY), store="prettyuseful-store", out="stripes-results")
    print(*result.summary.answer, sep="\n")
