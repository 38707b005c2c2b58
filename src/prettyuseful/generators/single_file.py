"""Checkpoints in one file: which parts of a model they hold, and how they are loaded in the place of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import WeightFile
from prettyuseful.generators.weight_files import local_path
from prettyuseful.generators.weight_headers import Header, read_header
from prettyuseful.redaction import redact_line

if TYPE_CHECKING:
    import torch

    from prettyuseful.generators.assembly import OpenedPipeline

_TEXT = ("cond_stage_model.", "conditioner.embedders.", "text_encoders.", "text_encoder", "te.")
_VAE = ("first_stage_model.", "vae.", "decoder.")
_IMAGE = ("model.diffusion_model.", "diffusion_model.")
_BLOCKS = ("double_blocks.", "joint_blocks.", "transformer_blocks.", "input_blocks.", "layers.", "blocks.")


@dataclass(frozen=True)
class CheckpointParts:
    """The parts of a model in a file beside the denoiser."""

    text: bool
    vae: bool


def checkpoint_parts(header: Header | None, name: str) -> CheckpointParts:
    """Return which parts of a model a file holds; all if its header is not known.

    Raises:
        DataError: it is no checkpoint of a text-to-image model.
    """
    if header is None:
        return CheckpointParts(text=True, vae=True)
    if any(".lora_" in key or "lora_down" in key for key in header):
        raise DataError(f"{name} holds LoRA weights, which go into lora")
    if not any(key.startswith((*_IMAGE, *_BLOCKS)) for key in header):
        raise DataError(
            f"{name} is not a checkpoint of a text-to-image model: none of its {len(header)} tensors is of a denoiser"
        )
    return CheckpointParts(
        text=any(key.startswith(_TEXT) for key in header), vae=any(key.startswith(_VAE) for key in header)
    )


def load_single_file(
    pipeline_class: Any,
    file: WeightFile,
    opened: OpenedPipeline,
    dtype: torch.dtype,
    given: Mapping[str, Any],
) -> Any:
    """Load a pipeline from a file, with configurations and tokenizers of the model that was opened.

    Networks that the file lacks are loaded from the model, and those from other places. `given`: components that are
    not loaded, or None.

    Raises:
        DataError, OSError, ValueError, RuntimeError: the file or the files of the model cannot be used.
    """
    from prettyuseful.generators.stubs import network_classes, text_networks

    if not hasattr(pipeline_class, "from_single_file"):
        raise DataError(f"single_file: {pipeline_class.__name__} cannot be loaded from one file; give its folder")
    path, path_or_id, revision = local_path(file), opened.path_or_id, opened.revision
    parts = checkpoint_parts(read_header(path, f"single_file: {file.shown}"), f"single_file: {file.shown}")
    classes: dict[str, Any] = {**network_classes(pipeline_class.load_config(path_or_id, revision=revision))}
    lacking = classes.keys() & opened.others
    lacking |= set() if parts.text else set(text_networks(classes))
    lacking |= set() if parts.vae else {"vae"} & classes.keys()
    lacking -= given.keys()
    opened.download(lacking, None)
    of_model = {
        name: classes[name].from_pretrained(path_or_id, subfolder=name, revision=revision, torch_dtype=dtype)
        for name in sorted(lacking)
    }
    return pipeline_class.from_single_file(
        str(path),
        config=str(opened.config_folder),
        local_files_only=True,
        torch_dtype=dtype,
        **of_model,
        **given,
    )


def explain_single_file(file: WeightFile, model: str, error: Exception) -> str:
    """Return one line on why a file cannot be loaded as the weights of a model."""
    return (
        f"single_file: {file.shown} cannot be loaded as the weights of {model}: {redact_line(str(error), 200)}; give "
        "the model that the file was made from in model"
    )
