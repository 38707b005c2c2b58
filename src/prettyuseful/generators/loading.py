"""Loads the components of a pipeline without console output; missing weights are an error of one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from typing import Any

import diffusers
import torch
from safetensors import SafetensorError

from prettyuseful.errors import DataError
from prettyuseful.generators.families import Family
from prettyuseful.generators.hub import explain_load_error
from prettyuseful.generators.models import Source, pipeline_path
from prettyuseful.generators.variants import FALLBACKS, ChosenVariant
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line

_NO_FILE = re.compile(r"no file named|no such modeling files|variant", re.I)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def load_parts(source: Source, family: Family, excluded: Iterable[str], numerics: Numerics) -> Any:
    """Load the pipeline without the components `excluded`, which are neither read nor downloaded.

    Raises:
        DataError: the weights are missing or incomplete.
    """
    pipeline_class = getattr(diffusers, family.pipelines[0])
    messages: list[str] = []

    def load(variant: str | None) -> Any:
        with capture_library_logs() as logged, pipeline_path(source) as path_or_id:
            pipeline = pipeline_class.from_pretrained(
                path_or_id,
                torch_dtype=getattr(torch, numerics.dtype),
                variant=variant,
                revision=source.revision,
                **dict.fromkeys(excluded),
                **family.load,
            )
        messages.extend(logged)
        return pipeline

    try:
        pipeline = _load_a_variant(load, source.variant)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        # transformers raises a bare RuntimeError if the shapes of weights and configuration differ.
        if isinstance(error, RuntimeError) and "mismatched" not in str(error):
            raise
        raise DataError(explain_load_error(source.name, source.path_or_id, source.gated, error)) from error
    # The libraries initialise missing weights at random, and only log it.
    if missing := next((message for message in messages if "newly initialized" in message), None):
        raise DataError(
            f"the weights of the generator {source.name!r} are incomplete and would be initialised at random: "
            f"{redact_line(_COLOURS.sub('', missing), 200)}; download the model again"
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _load_a_variant(load: Callable[[str | None], Any], chosen: ChosenVariant) -> Any:
    """Load the chosen variant of the weight files, or another one if the model does not have it, unless it is exact.

    Files in another number format are converted to that of the numerics.
    """
    try:
        return load(chosen.argument)
    except (OSError, ValueError) as error:
        if chosen.exact or not _NO_FILE.search(str(error)):
            raise
        for name in FALLBACKS:
            if name != chosen.name:
                with suppress(OSError, ValueError):
                    return load(ChosenVariant(name).argument)
        raise


def weights_of(pipelines: Iterable[Any]) -> list[torch.Tensor]:
    """Return the parameters and buffers of all networks of pipelines."""
    parts = [part for pipeline in pipelines for part in pipeline.components.values()]
    networks = [part for part in parts if isinstance(part, torch.nn.Module)]
    return [tensor for network in networks for tensor in chain(network.parameters(), network.buffers())]
