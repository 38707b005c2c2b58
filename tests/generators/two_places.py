"""Splits saved pipelines into two folders, as vendors publish some: a decoder and its prior, or a text encoder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prettyuseful.generators.components import COMBINED

_PRIOR = "prior_"
_PRIORS = {
    "KandinskyCombinedPipeline": "KandinskyPriorPipeline",
    "KandinskyV22CombinedPipeline": "KandinskyV22PriorPipeline",
    "StableCascadeCombinedPipeline": "StableCascadePriorPipeline",
    "WuerstchenCombinedPipeline": "WuerstchenPriorPipeline",
}


def split_prior(combined: Path, into: Path) -> tuple[Path, Path]:
    """Copy a combined pipeline into the folders of its decoder and of its prior, and return these."""
    index = read_index(combined)
    decoder_class = next(name for name, found in COMBINED.items() if found == index["_class_name"])
    decoder, prior = into / "decoder", into / "prior"
    entries: dict[Path, dict[str, Any]] = {
        decoder: {"_class_name": decoder_class},
        prior: {"_class_name": _PRIORS[index["_class_name"]]},
    }
    for name, entry in components(index):
        folder = prior if name.startswith(_PRIOR) else decoder
        shutil.copytree(combined / name, folder / name.removeprefix(_PRIOR))
        entries[folder][name.removeprefix(_PRIOR)] = entry
    for folder, written in entries.items():
        write_index(folder, {**written, "_diffusers_version": index["_diffusers_version"]})
    return decoder, prior


def without(pipeline: Path, names: Iterable[str], into: Path, listed: bool = False) -> Path:
    """Copy a pipeline without some components, and return the folder. `listed`: whether its index still names them."""
    shutil.copytree(pipeline, into)
    index = read_index(into)
    for name in names:
        shutil.rmtree(into / name)
        if not listed:
            del index[name]
    write_index(into, index)
    return into


def components(index: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(name, entry) for name, entry in index.items() if isinstance(entry, list) and None not in entry]


def read_index(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "model_index.json").read_text("utf-8")))


def write_index(folder: Path, index: dict[str, Any]) -> None:
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")
