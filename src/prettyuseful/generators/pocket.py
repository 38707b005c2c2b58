"""The bundled pocket models: their components are stored once in the package and linked into pipeline folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from prettyuseful.engine.keys import digest, files_fingerprint
from prettyuseful.generators.files import INDEX

SIZE = 32
"""Height and width of the images in pixels."""
_PARTS = Path(__file__).parent / "pocket_parts"
_SHARED_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")
_UNETS = {"base": "unet-base", "curated": "unet-curated", "random": "unet-random", "turbo": "unet-base"}


@contextmanager
def pipeline_folder(name: str) -> Iterator[Path]:
    """Yield a temporary `StableDiffusionPipeline` folder of links to the components of a pocket model."""
    with tempfile.TemporaryDirectory(prefix=f"pocket-{name}-") as folder_name:
        folder = Path(folder_name)
        shutil.copy(_PARTS / INDEX, folder)
        for component, part in _parts(name).items():
            (folder / component).symlink_to(part, target_is_directory=True)
        yield folder


def is_pocket(generator: str) -> bool:
    """Whether the generator is bundled with the package."""
    return generator.removeprefix("pocket-") in _UNETS


@cache
def fingerprint(name: str) -> str:
    """Return the digest of the files of a pocket model."""
    return digest({name: files_fingerprint(part, part.iterdir()) for name, part in _parts(name).items()})


def _parts(name: str) -> dict[str, Path]:
    """Return the folder of each component of a pocket model."""
    return {component: _PARTS / component for component in _SHARED_PARTS} | {"unet": _PARTS / _UNETS[name]}
