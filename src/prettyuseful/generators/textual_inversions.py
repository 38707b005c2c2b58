"""Learned embeddings of new words (textual inversion): their files, and adding them to a tokenizer and text encoder."""

from __future__ import annotations

from typing import Any

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import TextualInversion
from prettyuseful.generators.model import Model
from prettyuseful.generators.weight_files import local_path
from prettyuseful.generators.weight_headers import Header
from prettyuseful.redaction import redact_line

_FAMILIES = {"sd": ("text_encoder",), "sdxl": ("text_encoder", "text_encoder_2")}
_XL_NAMES = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}  # of the tensors, as in most files for SDXL
_FIRST_LAYER = "emb_params"  # the name of the tensor in files of AUTOMATIC1111, which have no word


def check_embedding(header: Header | None, model: Model, name: str) -> None:
    """Check that a file holds learned embeddings for a model.

    Raises:
        DataError: it does not, or the model has no such embeddings.
    """
    if model.family not in _FAMILIES:
        raise DataError(
            f"textual_inversion: {model.id!r} takes no learned embeddings; models that do: those of the families "
            f"{' and '.join(_FAMILIES)}"
        )
    if header is None:
        return
    expected = set(_XL_NAMES.values())
    if model.family == "sdxl" and not expected <= header.keys():
        raise DataError(f"textual_inversion: {name} is not for {model.family}: it has no tensors clip_l and clip_g")
    if model.family == "sd" and (len(header) != 1 or any(len(shape) > 2 for shape in header.values())):
        raise DataError(
            f"textual_inversion: {name} is not a learned embedding for {model.family}: it holds {len(header)} tensors"
        )


def add_embeddings(pipeline: Any, model: Model, embeddings: tuple[TextualInversion, ...]) -> None:
    """Add learned embeddings to the tokenizers and text encoders of a pipeline.

    Raises:
        DataError: a file cannot be read, its embedding has another width, or a word exists already.
    """
    from safetensors.torch import load_file

    for embedding in embeddings:
        tensors = load_file(local_path(embedding))
        for component in _FAMILIES[model.family]:
            name = _XL_NAMES[component] if model.family == "sdxl" else next(iter(tensors))
            token = embedding.token or (name if name not in (*_XL_NAMES.values(), _FIRST_LAYER) else _stem(embedding))
            try:
                pipeline.load_textual_inversion(
                    {token: tensors[name]},
                    token=token,
                    text_encoder=getattr(pipeline, component),
                    tokenizer=getattr(pipeline, component.replace("text_encoder", "tokenizer")),
                )
            except (ValueError, RuntimeError) as error:
                raise DataError(
                    f"textual_inversion: {embedding.shown} cannot be added to {model.id}: "
                    f"{redact_line(str(error), 200)}"
                ) from error


def _stem(embedding: TextualInversion) -> str:
    return (embedding.file or embedding.location).rsplit("/", 1)[-1].rsplit(".", 1)[0]
