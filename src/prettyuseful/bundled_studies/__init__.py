"""The studies that come with the package."""

from __future__ import annotations

from pathlib import Path

from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study

BUNDLED = {
    "demo": "four pocket generators, class-name prompts, 100 images per class, three seeds; a few minutes",
    "pretty": "is pretty useful? usefulness against prettiness, and the prettier half against a random half; 5 minutes",
    "paper-in-small": "class-name and caption prompts, with and without guidance; about 15 minutes",
    "conditioned": "image-to-image from eight real crops per class, and LoRA weights tuned on them; 8 minutes",
    "probes": "which cue is missing: edges, frequency bands or a VAE? four pocket generators; about 15 minutes",
}


def bundled_study(name: str) -> Study:
    """Return a bundled study by its name.

    Raises:
        UnknownNameError: no such study.
    """
    if name not in BUNDLED:
        raise UnknownNameError(f"unknown study {name!r}{did_you_mean(name, BUNDLED)}; known: {', '.join(BUNDLED)}")
    return load_study(Path(__file__).parent / f"{name}.yaml")
