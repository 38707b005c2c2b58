"""The table of known text-to-image models: data, not classes. Other diffusers ids and folders work without a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.generators import pocket
from prettyuseful.generators.base import Sampling
from prettyuseful.keys import files_fingerprint

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS_AND_CONFIGS = (".json", ".txt", ".safetensors", ".bin", ".model")


@dataclass(frozen=True)
class Model:
    """A row: where a model comes from and how its vendor runs it. `released`: year-month. `variant`: file variant."""

    id: str
    source: str
    released: str | None
    licence: str
    vendor: Sampling
    size: int | None = None
    variant: str | None = None
    note: str = ""


def _pocket(name: str, steps: int, note: str) -> Model:
    return Model(
        id=f"pocket-{name}",
        source=f"pocket:{name}",
        released=None,
        licence="Apache-2.0, trained on the photos task's train crops",
        vendor=Sampling(steps=steps, cfg=1.0),
        variant="fp16",
        note=note,
    )


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _pocket("base", 25, "tiny latent diffusion model made for the demonstration"),
        _pocket("curated", 25, "pocket-base fine-tuned on the crops that an image-only preference score likes best"),
        _pocket("random", 25, "control of pocket-curated: equal fine-tuning on as many crops drawn at random"),
        _pocket("turbo", 4, "pocket-base with a four-step scheduler"),
        Model(
            id="sd-1.5",
            source="stable-diffusion-v1-5/stable-diffusion-v1-5",
            released="2022-10",
            licence="CreativeML Open RAIL-M",
            vendor=Sampling(steps=50, cfg=7.5),
            size=512,
        ),
    )
}


def find_model(name: str) -> Model:
    """The row of `name`; a local pipeline folder or a hub id `owner/name` gets a row of its own.

    Raises:
        UnknownNameError: none of these; the message names the nearest ids.
    """
    if name in MODELS:
        return MODELS[name]
    local = (Path(name) / "model_index.json").is_file()
    if local or _HUB_ID.fullmatch(name):
        known_as = Path(name).resolve().name if local else name
        return Model(
            id=known_as, source=name, released=None, licence="see its source", vendor=Sampling(steps=50, cfg=7.5)
        )
    raise UnknownNameError(
        f"unknown generator {name!r}{did_you_mean(name, MODELS)}; known: {', '.join(MODELS)}, a hub id such as "
        "owner/name, or a folder with a model_index.json"
    )


def model_fingerprint(model: Model) -> str:
    """Changes with the weights: the digest of a folder's files; for a hub id, the id."""
    if model.source.startswith("pocket:"):
        return pocket.fingerprint(model.source.removeprefix("pocket:"))
    folder = Path(model.source)
    if folder.is_dir():
        files = (path for path in folder.rglob("*") if path.suffix in _WEIGHTS_AND_CONFIGS)
        return files_fingerprint(folder, files)
    return f"hub:{model.source}"


@contextmanager
def opened_source(model: Model) -> Iterator[str]:
    """What `from_pretrained` is given: a folder or a hub id."""
    if model.source.startswith("pocket:"):
        with pocket.assembled(model.source.removeprefix("pocket:")) as folder:
            yield str(folder)
    else:
        yield model.source
