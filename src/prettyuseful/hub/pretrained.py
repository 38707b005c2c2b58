"""Models of the transformers library from a folder or the hub: whole, without code of their own, or one clear line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from prettyuseful.errors import DataError, one_line
from prettyuseful.hub.ids import split_revision
from prettyuseful.hub.quiet import quiet

_SHOWN = 200


@dataclass(frozen=True)
class Kind:
    """A kind of model: its `Auto` classes, what messages call it, and what to say of a model of another kind."""

    network: Any
    processor: Any
    called: str
    other: str


def load_pretrained(kind: Kind, model: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """The processor and the network of a folder or hub id, perhaps with @revision.

    Raises:
        DataError: they cannot be loaded, or weights are missing.
    """
    place, revision = split_revision(model)
    name = name_of(model)
    options = {"revision": revision, "trust_remote_code": False}
    try:
        with quiet():
            # `torch_dtype` is called `dtype` since transformers 4.56; the old name works in every version we support.
            network, report = kind.network.from_pretrained(
                place,
                torch_dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below, with the missing ones
                **options,
            )
            # After the network, whose loading says more plainly that there is nothing to load.
            processor = kind.processor.from_pretrained(place, **options)
    except Exception as error:  # a library may raise anything on a folder that anyone made
        raise DataError(f"cannot load the {kind.called} {name!r}: {_why(kind, place, error)}") from error
    mismatched = [key for key, *_ in report["mismatched_keys"]]
    if lacking := sorted([*report["missing_keys"], *mismatched]):
        raise DataError(
            f"the weights of the {kind.called} {name!r} are incomplete or of another shape and would be filled with "
            f"random numbers: {', '.join(lacking)[:_SHOWN]}; get the model again"
        )
    return processor, network


def name_of(model: str) -> str:
    """What records and messages call it: a folder's name, or the id."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def _why(kind: Kind, place: str, error: Exception) -> str:
    text = one_line(str(error))
    if "gated repo" in text:
        return "it is gated; accept its licence on the model's page, log in with `hf auth login`, and run again"
    if "trust_remote_code" in text:
        return "it comes with code of its own, which is never run; name a model that transformers knows"
    if any(f"Unrecognized {part}" in text for part in ("configuration class", "processing class", "image processor")):
        return kind.other
    if Path(place).is_dir():
        return f"{text[:_SHOWN]}; get the model again"
    if "couldn't connect" in text or "offline mode" in text:
        return (
            "its weights are not on this machine and the hub cannot be reached; run "
            f"`hf download {place}` where there is a network, or name a local folder"
        )
    return f"{text[:_SHOWN]}; check the id, or download it and name its folder"
