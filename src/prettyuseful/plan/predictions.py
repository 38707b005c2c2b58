"""Predicts the time, the memory and the size of steps that the store has not measured, from counted operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prettyuseful.cards import Card, Work, number_format
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.engine.cost import Prediction, on_gpu
from prettyuseful.engine.step import Step
from prettyuseful.generators import pocket
from prettyuseful.generators.models import (
    encoding_memory,
    prompts_work,
    reconstruction_work,
    sampling_work,
    tuning_work,
)
from prettyuseful.steps.classifiers import DecodeSpec, EvaluateSpec, TrainSpec
from prettyuseful.steps.embed import EmbedSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.steps.prompts import EncodeSpec
from prettyuseful.steps.tuning import TuneSpec
from prettyuseful.transforms.vae import Vae

if TYPE_CHECKING:
    from prettyuseful.training.prediction import CountedNetwork

_USUAL_SIZE = 512  # px, of images without a known size


class Predictions:
    """Predicts steps of a plan.

    Args:
        steps: of the plan, by key.
        classes: number of classes of the task.
        card: the GPU that they run on.
    """

    def __init__(self, steps: Mapping[str, Step], classes: int, card: Card) -> None:
        self.steps, self.classes, self.card = steps, classes, card

    def predict(self, step: Step) -> Prediction:
        """Return what is known of a step without a measurement."""
        memory, size = self.memory(step), self._bytes(step)
        if not on_gpu(step.spec) or (work := self._work(step)) is None:
            return Prediction(memory=memory, bytes=size)
        return Prediction(self.card.seconds(work), "checked" if self.card.checked else "counted", memory, size)

    def memory(self, step: Step) -> int:
        """Return the predicted bytes at the peak where the step computes; 0 if unknown."""
        spec = step.spec
        if isinstance(spec, GenerateSpec):
            return spec.peak_memory
        if isinstance(spec, EncodeSpec):
            return encoding_memory(spec.generator, spec.numerics.dtype)
        if isinstance(spec, TuneSpec):
            return spec.memory(spec.images_at_once(self.card.memory))
        if isinstance(spec, TrainSpec) and on_gpu(spec) and (network := self.network(spec)) is not None:
            at_once = self.images_at_once(step, network)
            return network.peak(spec.numerics, spec.recipe.augmentation.size, batch_of(step), at_once)
        return 0

    def images_at_once(self, step: Step, network: CountedNetwork) -> int:
        """Return how many images a training processes at once on the card."""
        spec = step.spec
        assert isinstance(spec, TrainSpec)
        size = spec.recipe.augmentation.size
        return network.images_at_once(spec.numerics, size, batch_of(step), self.card.memory)

    def network(self, spec: TrainSpec) -> CountedNetwork | None:
        """Return the counted network of a training; None if it cannot be counted."""
        from prettyuseful.training.classifier import Design
        from prettyuseful.training.prediction import count_network

        design = Design(spec.architecture, self.classes, spec.recipe.augmentation.size)
        return count_network(design, spec.recipe.trains, spec.numerics)

    def _work(self, step: Step) -> Work | None:
        """Return the operations of a step on a GPU; None if they are not counted."""
        spec = step.spec
        if isinstance(spec, GenerateSpec):
            return self._generation(step, spec)
        if isinstance(spec, EncodeSpec):
            return prompts_work(spec.generator, step.units, spec.numerics)
        if isinstance(spec, TuneSpec):
            settings = spec.settings
            return tuning_work(spec.generator, settings.size, step.units, settings.steps, spec.numerics)
        if isinstance(spec, TrainSpec):
            return self._training(step, spec)
        if isinstance(spec, EvaluateSpec) or (isinstance(spec, EmbedSpec) and spec.view is not None):
            return self._inference(step)
        if isinstance(spec, EmbedSpec):
            return _embedding(step, spec)
        if isinstance(spec, ProbeSpec) and isinstance(spec.transform.source, Vae):
            size = self._side(step.inputs["pixels"])
            return reconstruction_work(spec.transform.source.generator, size, step.units, spec.numerics)
        return None

    def _generation(self, step: Step, spec: GenerateSpec) -> Work | None:
        batch = sampling_work(spec.generator, spec.computed_sampling, spec.micro_batch, spec.numerics)
        if batch is None:
            return None
        sampling = batch.times(spec.stop - spec.first)
        if spec.encoding is None:
            return sampling
        prompts = prompts_work(spec.generator, step.units, spec.numerics)
        return sampling if prompts is None else sampling.plus(prompts)

    def _training(self, step: Step, spec: TrainSpec) -> Work | None:
        network = self.network(spec)
        if network is None:
            return None
        kind = number_format(spec.numerics.dtype, spec.numerics)
        calls = step.units / self.images_at_once(step, network)
        flops = step.units * network.flops * network.passes
        return Work("classifier", calls * network.launches * network.passes, {kind: flops})

    def _inference(self, step: Step) -> Work | None:
        trained = self.steps.get(step.inputs.get("classifier", ""))
        if trained is None or not isinstance(trained.spec, TrainSpec) or (net := self.network(trained.spec)) is None:
            return None
        kind = number_format(trained.spec.numerics.dtype, trained.spec.numerics)
        return Work("classifier", 0, {kind: step.units * net.flops})

    def _bytes(self, step: Step) -> float | None:
        """Return the size of an artifact whose kind has no assumed size."""
        spec = step.spec
        if isinstance(spec, GenerateSpec):
            if spec.sampling is None:
                return None
            size = spec.sampling.size or (pocket.SIZE if pocket.is_pocket(spec.generator) else _USUAL_SIZE)
            return step.units * spec.stored.expected_bytes(size)
        if isinstance(spec, DecodeSpec | ProbeSpec):
            return step.units * 3 * self._side(step.key) ** 2
        if isinstance(spec, EvaluateSpec):
            return step.units * self.classes * 4
        if isinstance(spec, TrainSpec) and on_gpu(spec) and (network := self.network(spec)) is not None:
            return network.weights
        return None

    def _side(self, key: str) -> int:
        """Return the short side of decoded images in pixels."""
        step = self.steps.get(key)
        while step is not None and not isinstance(step.spec, DecodeSpec):
            step = self.steps.get(step.inputs.get("pixels", ""))
        if step is None or not isinstance(step.spec, DecodeSpec) or step.spec.stored_size == "native":
            return _USUAL_SIZE
        return step.spec.stored_size


def _embedding(step: Step, spec: EmbedSpec) -> Work | None:
    name = spec.encoder.source.name
    operations = ENCODERS.rows[name].operations if name in ENCODERS else None
    if operations is None:
        return None
    # Encoders are large networks in float32, whose time is that of matrix products, as a generator's is.
    return Work("generator", 0, {number_format("float32", spec.numerics): step.units * operations})


def batch_of(step: Step) -> int:
    """Return the images per step of the optimiser of a training."""
    spec = step.spec
    assert isinstance(spec, TrainSpec)
    return max(1, min(spec.recipe.batch_size, round(step.units / spec.recipe.epochs)))
