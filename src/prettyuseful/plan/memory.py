"""Says before anything runs which steps of a plan are predicted to exceed the memory of a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

from prettyuseful.engine.cost import on_gpu
from prettyuseful.engine.step import Step
from prettyuseful.formatting import size
from prettyuseful.generators.models import encoding_memory, largest_micro_batch
from prettyuseful.plan.predictions import Predictions, batch_of
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.tuning import TuneSpec


def memory_warnings(steps: Iterable[Step], predictions: Predictions) -> Iterator[str]:
    """Yield one sentence for each data set, text encoder and architecture that is predicted not to fit.

    Args:
        steps: of a plan; those on CPUs and those without a prediction are left out.
        predictions: of the steps, on the card whose memory counts.
    """
    card = predictions.card
    sentences = (
        f"{what} need {size(needed)}, and {card.words} has {size(card.memory)}{remedy}"
        for step in steps
        if on_gpu(step.spec)
        for what, needed, remedy in _too_large(step, predictions)
    )
    yield from dict.fromkeys(sentences)


def _too_large(step: Step, predictions: Predictions) -> Iterator[tuple[str, int, str]]:
    """Yield what a step does that needs more than the card has, how many bytes these are, and what helps or is done.

    A step that encodes and samples does not need memory for both: if there is no room for the text encoders beside the
    weights that sample, these are moved out of the device.
    """
    spec, limit = step.spec, predictions.card.memory
    if isinstance(spec, TrainSpec):
        yield from _too_large_training(step, spec, predictions)
        return
    if isinstance(spec, TuneSpec):
        yield from _too_large_tuning(step, spec, predictions)
        return
    if not isinstance(spec, GenerateSpec):
        if (needed := predictions.memory(step)) > limit:
            yield f"steps that {spec.rate_class}", needed, ""
        return
    if spec.encoding is not None and (needed := encoding_memory(spec.generator, spec.numerics.dtype)) > limit:
        yield f"steps that encode {spec.generator}", needed, ""
    if (needed := spec.sampling_memory) > limit:
        dataset = (step.names or {}).get("dataset", spec.generator)
        what = f"data set {dataset}: {spec.micro_batch} images of {spec.generator} at once"
        yield what, needed, _remedy(spec, limit)


def _remedy(spec: GenerateSpec, limit: int) -> str:
    if spec.sampling is None:
        return ""
    fits = largest_micro_batch(spec.generator, spec.sampling, spec.numerics.dtype, limit, spec.given_condition)
    if fits:
        return f"; set micro_batch: {fits} for it"
    return "; not even one image fits: use a smaller size, or sampling: {quantise: float8}"


def _too_large_tuning(step: Step, spec: TuneSpec, predictions: Predictions) -> Iterator[tuple[str, int, str]]:
    limit, name = predictions.card.memory, (step.names or {}).get("tuning", "")
    if (encoding := encoding_memory(spec.generator, spec.numerics.dtype)) > limit:
        yield f"tuning {name}: the text encoders of {spec.generator}", encoding, "; tune a smaller model"
    elif (needed := spec.memory(spec.settings.batch_size)) > limit:
        at_once = spec.images_at_once(limit)
        what = f"tuning {name}: {spec.settings.batch_size} images of {spec.generator} at once"
        if spec.memory(at_once) <= limit:
            yield what, needed, f"; gradients are accumulated over parts of {at_once}"
        else:
            yield what, needed, "; not even one image fits: set a smaller size, or tune a smaller model"


def _too_large_training(step: Step, spec: TrainSpec, predictions: Predictions) -> Iterator[tuple[str, int, str]]:
    network, pixels, batch = predictions.network(spec), spec.recipe.augmentation.size, batch_of(step)
    if network is None:
        return
    limit, at_once = predictions.card.memory, predictions.images_at_once(step, network)
    needed = network.peak(spec.numerics, pixels, batch, min(batch, spec.numerics.images_at_once or batch))
    what = f"trainings of {spec.architecture} at {pixels} px with {batch:,} images at once"
    if at_once < (spec.numerics.images_at_once or batch):
        parts = ceil(batch / at_once)
        yield what, needed, f"; to leave room for workspaces, gradients are accumulated over {parts} parts of {at_once}"
    elif needed > limit:
        remedy = "set numerics.recompute: true or numerics.images_at_once, or choose a recipe with a smaller batch"
        yield what, needed, f"; {remedy}"
