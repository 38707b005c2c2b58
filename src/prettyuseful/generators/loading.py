"""Loads the components of a pipeline without console output; missing weights are an error of one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any, Literal

import diffusers
import torch
from safetensors import SafetensorError

from prettyuseful.errors import DataError
from prettyuseful.generators.assembly import OpenedPipeline, open_pipeline
from prettyuseful.generators.choice import WeightFile
from prettyuseful.generators.families import Family
from prettyuseful.generators.model import Source
from prettyuseful.generators.single_file import explain_single_file, load_single_file
from prettyuseful.generators.stubs import image_networks, is_stub, make_stubs, network_classes, text_networks
from prettyuseful.generators.variants import FALLBACKS, ChosenVariant
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line

_NO_FILE = re.compile(r"no file named|no such modeling files|variant", re.I)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


Half = Literal["text", "image"]


def load_parts(
    source: Source,
    family: Family,
    excluded: Iterable[str],
    numerics: Numerics,
    half: Half | None = None,
    single_file: WeightFile | None = None,
) -> Any:
    """Load the pipeline without the components `excluded`, which are neither read nor downloaded.

    With `half`, the networks of the other half are made from their configurations, without weights: the pipeline can
    read their settings. Then the pipeline says that it is on the device of the numerics, whatever its networks are.
    With `single_file`, weights come from that file, as far as it has them.

    Raises:
        DataError: the weights are missing or incomplete.
    """
    if family.is_recorded:
        _restore_moved_modules()
    pipeline_class = getattr(diffusers, family.pipelines[0])
    messages: list[str] = []
    dtype = getattr(torch, numerics.dtype)

    def load(opened: OpenedPipeline, variant: str | None) -> Any:
        with capture_library_logs() as logged:
            stubs = _stubs(pipeline_class, opened, family, half, dtype) if half else {}
            given = {**dict.fromkeys(excluded), **stubs, **family.load}
            if single_file is not None:
                pipeline = load_single_file(pipeline_class, single_file, opened, dtype, given)
            else:
                opened.download([name for name in opened.parts if name not in given], variant)
                pipeline = pipeline_class.from_pretrained(
                    opened.path_or_id, torch_dtype=dtype, variant=variant, revision=opened.revision, **given
                )
        messages.extend(logged)
        return pipeline

    with open_pipeline(source, pipeline_class) as opened, _one_repository(pipeline_class):
        try:
            if single_file is None:
                pipeline = _load_a_variant(partial(load, opened), source.variant)
            else:
                pipeline = load(opened, None)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            # transformers raises a bare RuntimeError if the shapes of weights and configuration differ.
            if isinstance(error, RuntimeError) and "mismatched" not in str(error) and single_file is None:
                raise
            if single_file is not None:
                raise DataError(explain_single_file(single_file, source.name, error)) from error
            raise DataError(opened.explain(error)) from error
    # The libraries initialise missing weights at random, and only log it.
    if missing := next((message for message in messages if "newly initialized" in message), None):
        raise DataError(
            f"the weights of the generator {source.name!r} are incomplete and would be initialised at random: "
            f"{redact_line(_COLOURS.sub('', missing), 200)}; download the model again"
        )
    pipeline.set_progress_bar_config(disable=True)
    return _on_device(pipeline, numerics.device) if half else pipeline


def _restore_moved_modules() -> None:
    """Let diffusers find the components that model_index.json files name by a module that it has moved."""
    for name in ("alt_diffusion", "unidiffuser", "versatile_diffusion", "wuerstchen"):
        if not hasattr(diffusers.pipelines, name):
            setattr(diffusers.pipelines, name, import_module(f"diffusers.pipelines.deprecated.{name}"))


@contextmanager
def _one_repository(pipeline_class: Any) -> Iterator[None]:
    """Keep diffusers from loading the prior that a model card names, which no key would hold."""
    before = pipeline_class._load_connected_pipes
    pipeline_class._load_connected_pipes = False
    try:
        yield
    finally:
        pipeline_class._load_connected_pipes = before


def _stubs(
    pipeline_class: Any, opened: OpenedPipeline, family: Family, half: Half, dtype: torch.dtype
) -> dict[str, Any]:
    """Return the networks of the other half without weights."""
    index = pipeline_class.load_config(opened.path_or_id, revision=opened.revision)
    classes = network_classes({name: entry for name, entry in index.items() if name not in family.load})
    names = text_networks(classes) if half == "image" else image_networks(classes)
    return make_stubs(opened.path_or_id, opened.revision, classes, names, dtype)


def _on_device(pipeline: Any, device: str) -> Any:
    """Let the pipeline say that it is on a device: it would ask its first network, which may have no weights."""
    owner = type(pipeline)
    where = property(lambda _: torch.device(device))
    pipeline.__class__ = type(owner.__name__, (owner,), {"device": where, "_execution_device": where})
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


def native_size(pipeline: Any, family: Family) -> int:
    """Return the height and width in pixels of the images that a pipeline makes by default; 0 if it does not say."""
    denoiser = getattr(pipeline, family.denoiser, None)
    of_denoiser = getattr(getattr(denoiser, "config", None), "sample_size", None)
    latents = getattr(pipeline, "default_sample_size", None) or of_denoiser
    if not isinstance(latents, int) or not hasattr(pipeline, "vae_scale_factor"):
        return 0
    return int(latents * pipeline.vae_scale_factor)


def weights_of(pipelines: Iterable[Any]) -> list[torch.Tensor]:
    """Return the parameters and buffers of all networks of pipelines that have weights."""
    parts = [part for pipeline in pipelines for part in pipeline.components.values()]
    networks = [part for part in parts if isinstance(part, torch.nn.Module) and not is_stub(part)]
    return [tensor for network in networks for tensor in chain(network.parameters(), network.buffers())]
