"""Loads models of the transformers library from a folder or the hub, without executing code of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from prettyuseful.errors import DataError
from prettyuseful.hub.ids import split_revision
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.paths import is_folder
from prettyuseful.redaction import redact_line

_MAX_CHARACTERS = 200


@dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Attributes:
        network: the class that loads the network, such as `AutoModel`.
        processor: the class that loads the processor.
        label: the noun for messages, such as "encoder".
        wrong_kind_advice: the message if the model is of another kind.
    """

    network: Any
    processor: Any
    label: str
    wrong_kind_advice: str


def load_pretrained(
    kind: ModelKind, model: str, dtype: torch.dtype, processor_of: str | None = None
) -> tuple[Any, Any]:
    """Load the processor and the network of a folder or hub id (optionally with @revision).

    `processor_of`: another folder or hub id, for the processor.

    Raises:
        DataError: the model cannot be loaded, or weights are missing.
    """
    path_or_id, revision = split_revision(model)
    name = model_label(model)
    options = {"revision": revision, "trust_remote_code": False}
    loaded = path_or_id
    try:
        with capture_library_logs():
            # transformers 4.56 renamed `torch_dtype` to `dtype`; the old name works in all supported versions.
            network, report = kind.network.from_pretrained(
                path_or_id,
                torch_dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below, with the missing ones
                **options,
            )
            # The network is loaded first, because its error is clearer if the files are missing.
            loaded, revision = split_revision(processor_of or model)
            processor = kind.processor.from_pretrained(loaded, **{**options, "revision": revision})
    except Exception as error:  # a library may raise any error on a user's folder
        raise DataError(f"cannot load the {kind.label} {name!r}: {_explain(kind, loaded, revision, error)}") from error
    mismatched = [key for key, *_ in report["mismatched_keys"]]
    if missing := sorted([*report["missing_keys"], *mismatched]):
        raise DataError(
            f"the weights of the {kind.label} {name!r} are incomplete or of another shape and would be initialised "
            f"at random: {', '.join(missing)[:_MAX_CHARACTERS]}; download the model again"
        )
    return processor, network


def model_label(model: str) -> str:
    """Return the name of a model folder, or the hub id, for records and messages."""
    return Path(model).resolve().name if is_folder(model) else model


def _explain(kind: ModelKind, path_or_id: str, revision: str | None, error: Exception) -> str:
    text = redact_line(str(error))
    if "gated repo" in text:
        return "it is gated; accept its licence on the model's page, log in with `hf auth login`, and run again"
    if "trust_remote_code" in text:
        return "it requires code of its own, which is never executed; give a model that is part of transformers"
    if any(f"Unrecognized {part}" in text for part in ("configuration class", "processing class", "image processor")):
        return kind.wrong_kind_advice
    if is_folder(path_or_id):
        return f"{text[:_MAX_CHARACTERS]}; download the model again"
    if "couldn't connect" in text or "offline mode" in text:
        return (
            "its weights are not on this machine and the hub cannot be reached; run "
            f"`hf download {path_or_id}{f' --revision {revision}' if revision else ''}` with network access, or give a "
            "local folder"
        )
    return f"{text[:_MAX_CHARACTERS]}; check the id, or download the model and give its folder"
