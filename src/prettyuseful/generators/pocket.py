"""The bundled pocket models: their components are stored once in the package and linked into pipeline folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from prettyuseful.engine.keys import digest, files_fingerprint

SIZE = 32
"""Height and width of the images in pixels."""
_PARTS = Path(__file__).parent / "pocket_parts"
_SHARED_PARTS = {"vae": "vae", "text_encoder": "text_encoder", "tokenizer": "tokenizer"}
_VARIANTS = {
    "base": {"unet": "unet-base", "scheduler": "scheduler"},
    "curated": {"unet": "unet-curated", "scheduler": "scheduler"},
    "random": {"unet": "unet-random", "scheduler": "scheduler"},
    "turbo": {"unet": "unet-base", "scheduler": "scheduler-turbo"},
}


@contextmanager
def pipeline_folder(name: str) -> Iterator[Path]:
    """Yield a temporary `StableDiffusionPipeline` folder of links to the components of a pocket model."""
    with tempfile.TemporaryDirectory(prefix=f"pocket-{name}-") as folder_name:
        folder = Path(folder_name)
        shutil.copy(_PARTS / "model_index.json", folder)
        for component, part in {**_SHARED_PARTS, **_VARIANTS[name]}.items():
            (folder / component).symlink_to(_PARTS / part, target_is_directory=True)
        yield folder


def is_pocket(generator: str) -> bool:
    """Whether the generator is bundled with the package."""
    return generator.removeprefix("pocket-") in _VARIANTS


@cache
def fingerprint(name: str) -> str:
    """Return the digest of the files of a pocket model."""
    parts = {**_SHARED_PARTS, **_VARIANTS[name]}
    return digest({c: files_fingerprint(_PARTS / p, (_PARTS / p).iterdir()) for c, p in parts.items()})
