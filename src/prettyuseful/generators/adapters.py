"""Add LoRA weights to the loaded half of a pipeline: to its text encoders, or to its denoiser.

In float32, the weights are merged into those of the model: this takes no time per image. In shorter formats, merging
would round small changes away, so they stay layers of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.lora_base import (
    _remove_text_encoder_monkey_patch,
    fuse_text_encoder_lora,
    set_adapters_for_text_encoder,
)

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import Lora
from prettyuseful.generators.families import Family
from prettyuseful.generators.lora_kinds import check_lora, read_lora
from prettyuseful.generators.model import Model
from prettyuseful.generators.weight_files import local_path
from prettyuseful.generators.weight_headers import read_header
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.redaction import redact_line

_TEXT_ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
_UNUSED = "unexpected keys"  # what diffusers logs


def add_to_text_encoders(pipeline: Any, model: Model, loras: Sequence[Lora]) -> None:
    """Add the LoRA weights of text encoders to these; those of other parts are left out.

    Raises:
        DataError: a file cannot be read, or its weights do not fit.
    """
    names: dict[str, list[tuple[str, float]]] = {}
    for number, lora in enumerate(loras):
        with _explain(lora, model):
            # Without the denoiser's configuration, which kohya's names of the denoiser would need: they are not used.
            state, alphas = _state_dict(type(pipeline), lora, model)
            for component in _TEXT_ENCODERS:
                part = {key: value for key, value in state.items() if key.startswith(f"{component}.")}
                if not part:
                    continue
                name = _adapter(number)
                pipeline.load_lora_into_text_encoder(
                    part,
                    network_alphas=alphas,
                    text_encoder=_component(pipeline, component, lora, model),
                    prefix=component,
                    adapter_name=name,
                )
                names.setdefault(component, []).append((name, lora.weight))
    for component, adapters in names.items():
        encoder = getattr(pipeline, component)
        set_adapters_for_text_encoder([name for name, _ in adapters], encoder, [weight for _, weight in adapters])
        if encoder.dtype == torch.float32:
            fuse_text_encoder_lora(encoder)
            _remove_text_encoder_monkey_patch(encoder)


def add_to_denoiser(pipeline: Any, model: Model, family: Family, loras: Sequence[Lora]) -> None:
    """Add the LoRA weights of a denoiser to it; those of text encoders are left out.

    Raises:
        DataError: the pipeline takes no LoRA, a file cannot be read, or its weights do not fit.
    """
    if not loras:
        return
    if not hasattr(pipeline, "load_lora_weights"):
        raise DataError(f"lora: {family.name or model.id} takes no LoRA weights; remove lora")
    denoiser = getattr(pipeline, family.denoiser)
    # Text encoders are not loaded here; their weights are part of the embeddings.
    pipeline.load_lora_into_text_encoder = lambda *_, **__: None
    for number, lora in enumerate(loras):
        with _explain(lora, model):
            pipeline.load_lora_weights(str(_checked_path(lora, model)), adapter_name=_adapter(number))
        _check_finite(denoiser, _adapter(number), lora)
    loaded = set(getattr(denoiser, "peft_config", {}))
    chosen = [(_adapter(number), lora.weight) for number, lora in enumerate(loras) if _adapter(number) in loaded]
    if not chosen:  # weights of text encoders alone
        return
    denoiser.set_adapters([name for name, _ in chosen], [weight for _, weight in chosen])
    if denoiser.dtype == torch.float32:
        denoiser.fuse_lora()
        denoiser.unload_lora()


def _check_finite(denoiser: Any, adapter: str, lora: Lora) -> None:
    """Check the weights of an adapter that is loaded.

    Raises:
        DataError: one is not finite.
    """
    weights = (weight for name, weight in denoiser.named_parameters() if f".{adapter}." in name)
    if not all(bool(weight.isfinite().all()) for weight in weights):
        raise DataError(f"lora: {lora.shown} holds weights that are NaN or infinite; train or get it again")


def has_adapters(denoiser: Any) -> bool:
    """Return whether LoRA weights are layers of their own in a network."""
    return bool(getattr(denoiser, "peft_config", None))


def _adapter(number: int) -> str:
    return f"lora_{number}"


def _checked_path(lora: Lora, model: Model) -> Path:
    """Return the path of LoRA weights. They are checked again: the header of a file on the hub may be new here."""
    path, name = local_path(lora), f"lora: {lora.shown}"
    check_lora(read_lora(read_header(path, name), name), model, name)
    return path


def _state_dict(pipeline_class: Any, lora: Lora, model: Model) -> tuple[dict[str, Any], Any]:
    if not hasattr(pipeline_class, "lora_state_dict"):
        raise DataError(f"lora: {pipeline_class.__name__} takes no LoRA weights; remove lora")
    returned = pipeline_class.lora_state_dict(str(_checked_path(lora, model)))
    return returned if isinstance(returned, tuple) else (returned, None)


def _component(pipeline: Any, name: str, lora: Lora, model: Model) -> Any:
    component = getattr(pipeline, name, None)
    if component is None or not hasattr(pipeline, "load_lora_into_text_encoder"):
        raise DataError(f"lora: {lora.shown} has weights of {name}, which {model.id} does not have")
    return component


@contextmanager
def _explain(lora: Lora, model: Model) -> Iterator[None]:
    """Explain in one line that weights do not fit.

    Raises:
        DataError: they do not.
    """
    try:
        with capture_library_logs() as logged, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT warns of a second adapter
            yield
    except (ValueError, RuntimeError, KeyError, IndexError, AttributeError, OSError) as error:
        raise DataError(
            f"lora: {lora.shown} does not fit {model.id}: {redact_line(str(error), 200)}; give a LoRA for this model"
        ) from error
    if unused := next((line for line in logged if _UNUSED in line), None):
        raise DataError(
            f"lora: {lora.shown} has weights that {model.id} does not have: {redact_line(unused, 200)}; give a LoRA "
            "for this model"
        )
