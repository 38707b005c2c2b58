"""The step that tunes a generator: it trains LoRA weights on real training images."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Resources, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.generators.weights import LORA_NAME
from prettyuseful.hub.commits import check_resolved
from prettyuseful.memory import explain_out_of_memory
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import read_prompts, read_rows, write_json
from prettyuseful.tuning.plan import TuneSettings, half_of

if TYPE_CHECKING:
    from prettyuseful.tuning.loop import TrainingImages

CHECKPOINT_EVERY = 60.0
_LOADING = ("load", "load-further")  # kinds of steps that load real images


class TuneSpec(StepSpec):
    """Train LoRA weights of a model on real training images and their prompts.

    `generator` is the name in rows and messages. `label` is the number of the class whose images are used, or None for
    all. Inputs are the real training images and the prompts.
    """

    kind: ClassVar[str] = "tune"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.012
    keeps_model: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    generator: str
    model: Pinned[GeneratorChoice]
    settings: TuneSettings
    label: int | None
    seed: int
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.training.checkpoints import Checkpoints
        from prettyuseful.tuning.loop import Tuning

        self.numerics.apply()
        check_resolved(self.model.content, self.generator)
        images = self._training_images(job)
        checkpoints = Checkpoints(job.checkpoint_dir, CHECKPOINT_EVERY)
        smaller = "set a smaller size" if self.numerics.device != "cpu" else "set a smaller batch_size or size"
        with explain_out_of_memory(f"{self.generator}: a training step exceeds the memory; {smaller}"):
            tuning = Tuning(self.model.source, self.settings, images, self.seed, self.numerics)
            tuned = tuning.run(checkpoints, job.progress)
        tuning.save(job.folder / LORA_NAME)
        write_json(job.folder / "losses.json", list(tuned.losses))
        return {
            "images": len(images.prompts),
            "size": tuning.size,
            **({"images_at_once": tuning.at_once} if tuning.at_once < self.settings.batch_size else {}),
            "loss_before": tuned.before,
            "loss_after": tuned.after,
            **({"warnings": checkpoints.warnings} if checkpoints.warnings else {}),
        }

    @property
    def rate_class(self) -> str:
        size = f", size {self.settings.size}" if self.settings.size else ""
        return f"tune {self.generator}{size}, by {self.settings.batch_size}"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if is_pocket(self.generator) else None

    @property
    def needs(self) -> Resources:
        """On a GPU, all weights are loaded through main memory."""
        from prettyuseful.generators.models import encoding_memory, weights_memory

        if self.numerics.device == "cpu":
            return replace(super().needs, memory=self.memory(self.settings.batch_size))
        loaded = weights_memory(self.generator, Sampling(), self.numerics.dtype)
        return replace(super().needs, memory=max(loaded, encoding_memory(self.generator, self.numerics.dtype)))

    def memory(self, images: int) -> int:
        """Return the predicted bytes where the step computes, if it trains on `images` images at once; 0 if unknown."""
        from prettyuseful.generators.models import tuning_memory

        return tuning_memory(self.generator, self.settings.size, images, self.settings.rank, self.numerics)

    def images_at_once(self, memory: int) -> int:
        """Return on how many images the step trains at once on a GPU with `memory` bytes, see `Tuning`."""
        count = self.settings.batch_size
        while count > 1 and self.numerics.device != "cpu" and self.memory(count) > memory:
            count = half_of(count)
        return count

    def _training_images(self, job: Job) -> TrainingImages:
        """Return the images with their prompts.

        Raises:
            DataError: the input holds other images than real training images.
        """
        from prettyuseful.data.images import decode
        from prettyuseful.tuning.loop import TrainingImages

        manifest = job.inputs["images"].manifest
        if manifest.step not in _LOADING or manifest.spec.get("split") != "train":
            raise DataError("a generator is tuned on real training images only, never on test images")
        prompts = read_prompts(job, "prompts")
        images, texts, index = [], [], Counter[int]()
        for row in read_rows(job, "images"):
            if self.label is None or row.label == self.label:
                images.append(decode(row.data, row.path))
                texts.append(prompts.prompt_for(row.label, index[row.label]))
                index[row.label] += 1
        return TrainingImages(tuple(images), tuple(texts))
