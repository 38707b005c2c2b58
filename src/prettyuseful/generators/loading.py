"""Loading parts of a pipeline: quietly, wholly or not at all, and with one clear line when they are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import diffusers
import torch
from safetensors import SafetensorError

from prettyuseful.errors import DataError
from prettyuseful.generators.families import Family
from prettyuseful.generators.hub import why_not
from prettyuseful.generators.models import Source, opened
from prettyuseful.hub.quiet import quiet
from prettyuseful.numerics import Numerics

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def load_parts(source: Source, family: Family, without: Iterable[str], numerics: Numerics) -> Any:
    """The pipeline but for the components in `without`, which are neither read nor downloaded.

    Raises:
        DataError: the weights are not there, or not whole.
    """
    kind = getattr(diffusers, family.pipelines[0])
    try:
        with quiet() as heard, opened(source) as place:
            pipeline: Any = kind.from_pretrained(
                place,
                torch_dtype=getattr(torch, numerics.dtype),
                variant=source.variant,
                revision=source.revision,
                **dict.fromkeys(without),
                **family.load,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        # transformers says with a bare RuntimeError that weights have another shape than the configuration.
        if isinstance(error, RuntimeError) and "mismatched" not in str(error):
            raise
        raise DataError(why_not(source.name, source.place, source.gated, error)) from error
    # The libraries fill weights that a checkpoint lacks with random numbers, and only log it.
    if lacking := next((message for message in heard if "newly initialized" in message), None):
        raise DataError(
            f"the weights of the generator {source.name!r} are incomplete and would be filled with random numbers: "
            f"{' '.join(_COLOURS.sub('', lacking).split())[:200]}; get the model again"
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
