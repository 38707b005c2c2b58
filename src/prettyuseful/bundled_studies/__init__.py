"""The bundled studies."""

from __future__ import annotations

from pathlib import Path

from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study

BUNDLED = {
    "demo": "four pocket generators, class names, 100 images per class, three seeds; minutes",
    "paper-in-small": "class names against captions, with and without guidance; about a quarter of an hour",
    "probes": "which cue is missing? edges, frequency bands, a VAE; four pocket generators; about a quarter of an hour",
}


def bundled_study(name: str) -> Study:
    """A bundled study by name.

    Raises:
        UnknownNameError: no such study.
    """
    if name not in BUNDLED:
        raise UnknownNameError(f"unknown study {name!r}{did_you_mean(name, BUNDLED)}; known: {', '.join(BUNDLED)}")
    return load_study(Path(__file__).parent / f"{name}.yaml")
