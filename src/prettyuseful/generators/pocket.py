"""The embedded pocket family: parts stored once in the package, put together into ordinary pipeline folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from prettyuseful.engine.keys import digest, files_fingerprint

_PARTS = Path(__file__).parent / "pocket_parts"
_SHARED = {"vae": "vae", "text_encoder": "text_encoder", "tokenizer": "tokenizer"}
_OWN = {
    "base": {"unet": "unet-base", "scheduler": "scheduler"},
    "curated": {"unet": "unet-curated", "scheduler": "scheduler"},
    "random": {"unet": "unet-random", "scheduler": "scheduler"},
    "turbo": {"unet": "unet-base", "scheduler": "scheduler-turbo"},
}


@contextmanager
def assembled(name: str) -> Iterator[Path]:
    """A `StableDiffusionPipeline` folder made of links to the parts, for as long as it takes to load it."""
    with tempfile.TemporaryDirectory(prefix=f"pocket-{name}-") as place:
        folder = Path(place)
        shutil.copy(_PARTS / "model_index.json", folder)
        for component, part in {**_SHARED, **_OWN[name]}.items():
            (folder / component).symlink_to(_PARTS / part, target_is_directory=True)
        yield folder


def is_pocket(generator: str) -> bool:
    """Whether a generator of that name is embedded in the package."""
    return generator.removeprefix("pocket-") in _OWN


@cache
def fingerprint(name: str) -> str:
    """Digest of the parts that make the model."""
    parts = {**_SHARED, **_OWN[name]}
    return digest({c: files_fingerprint(_PARTS / p, (_PARTS / p).iterdir()) for c, p in parts.items()})
