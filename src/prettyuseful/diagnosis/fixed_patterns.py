"""Changes that most synthetic images have at one position: frames, backgrounds, overlays, periodic patterns, shading.

Each pattern is fitted as a change of real images. The search for changes (`change_search`) decides whether it explains
the difference.
"""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.backgrounds import fit_background
from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.frames import find_frame
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.moments import Moments
from prettyuseful.diagnosis.shading import fit_shading
from prettyuseful.diagnosis.sharp_patterns import fit_sharp_patterns

FITTED_CAUSES = ("frame added", "background added", "overlay added", "periodic added", "shading added")
"""Names of the causes that are fitted to the images."""


def fit_patterns(real: LabelledImages, synthetic: LabelledImages) -> list[Candidate]:
    """Return changes of real images that add what most synthetic images have at one position: none, one or a few."""
    real, synthetic = one_per_group(real), one_per_group(synthetic)
    frame = find_frame(real, synthetic)
    moments = Moments(real, synthetic)
    changes = [
        *(frame.candidates() if frame else fit_background(moments)),
        *fit_sharp_patterns(moments, frame),
    ]
    return changes or list(fit_shading(moments))


def one_per_group(images: LabelledImages) -> LabelledImages:
    """Return one image of each group of each class, and of equal images, because they are not independent."""
    first: dict[tuple[int, str], int] = {}
    for row, key in enumerate(zip(images.labels.tolist(), images.groups.tolist(), strict=True)):
        first.setdefault(key, row)
    distinct = {hash(images.pixels[row].tobytes()): row for row in reversed(first.values())}
    return images if len(distinct) == len(images) else images.take(np.sort(np.array([*distinct.values()])))
