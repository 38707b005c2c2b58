"""Plan the steps that make prompts: captions of real images, the prompts of every class, and their embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.model import Model
from prettyuseful.generators.pinning import PinnedGenerator
from prettyuseful.numerics import Numerics
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.real import RealImages
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import ResolvedPrompts
from prettyuseful.prompts.writers.source import WriterSource
from prettyuseful.steps.generation import Encoding
from prettyuseful.steps.prompts import CaptionSpec, DescribeSpec, EncodeSpec, PromptSpec

PROMPTS_PER_STEP = 100
"""Prompts per encoding step and images per caption step; an interruption loses at most this many."""


@dataclass(frozen=True)
class PinnedModel:
    """A diffusion model, pinned to a commit or to the content of its files, with its sampling settings."""

    model: Model
    pinned: PinnedGenerator
    sampling: Sampling

    @property
    def encoding(self) -> Encoding:
        """How a step that samples encodes the prompts itself."""
        # The step cache skips computation for a whole batch, so an image depends on the others of its batch.
        mixed = self.model.kind.mixes_prompts and self.sampling.step_cache is None
        return Encoding(sequence=self.model.max_sequence, mixed=mixed)


class PromptPlanner:
    """Plans the prompts of the task's classes."""

    def __init__(self, context: PlanContext, real: RealImages) -> None:
        self.context, self.real, self.task = context, real, context.task

    def add_prompts(self, prompts: ResolvedPrompts, label: str, real_images: int) -> str:
        """Add the step that writes the prompts of every class, and return its key.

        `real_images`: number of real images per class to caption, for strategies that use captions.
        """
        words = prompts.words.changed
        inputs = {}
        if prompts.captioner is not None:
            inputs = self._add_captions(prompts.captioner, words, real_images)
        elif prompts.writer is not None:
            inputs = self._add_descriptions(prompts.writer, prompts.words.words)
        spec = PromptSpec(strategy=prompts.strategy, classes=prompts.classes, words=words, options=prompts.options)
        return self.context.graph.add(spec, inputs, f"write {label} prompts", 1)

    def add_embeddings(
        self, prompts: str, per_class: int, diffusion: PinnedModel, numerics: Numerics
    ) -> dict[int, str]:
        """Add the steps that encode the prompts of the step `prompts`, and return their keys by index.

        There are `per_class` prompts for every class.
        """
        model, sampling = diffusion.model, diffusion.sampling
        return {
            index: self.context.graph.add(
                EncodeSpec(
                    generator=model.id,
                    model=diffusion.pinned.text,
                    sequence=model.max_sequence,
                    guided=(sampling.cfg or 1) > 1,
                    negative=sampling.negative,
                    first=first,
                    stop=stop,
                    numerics=numerics,
                    instruction=bool(sampling.instruction),
                    sampling=sampling if model.kind.is_recorded else None,
                ),
                {"prompts": prompts},
                f"encode prompts {first}-{stop} for {model.id}",
                stop - first,
            )
            for index, (first, stop) in enumerate(_ranges(per_class * len(self.task.classes)))
        }

    def _add_descriptions(self, writer: WriterSource, classes: Sequence[str]) -> dict[str, str]:
        """Add a step for each class, given by what prompts say for it."""
        pinned = writer.pin()
        numerics = writer.numerics(self.context.study.numerics.generation_numerics("bfloat16"))
        return {
            f"described {index:05d}": self.context.graph.add(
                DescribeSpec(writer=pinned, words=words, numerics=numerics),
                {},
                f"describe {words} in {writer.per_class} prompts",
                writer.per_class,
            )
            for index, words in enumerate(classes)
        }

    def _add_captions(self, captioner: CaptionerSource, words: dict[str, str], per_class: int) -> dict[str, str]:
        images = self.real.load_step("train", per_class)
        pinned = captioner.pin()
        numerics = captioner.numerics(self.context.study.numerics.generation_numerics("bfloat16"))
        return {
            f"captions {index:05d}": self.context.graph.add(
                CaptionSpec(captioner=pinned, first=first, stop=stop, numerics=numerics, words=words),
                {"images": images},
                f"caption real train images {first}-{stop}",
                stop - first,
            )
            for index, (first, stop) in enumerate(_ranges(per_class * len(self.task.classes)))
        }


def _ranges(total: int) -> Iterator[tuple[int, int]]:
    for first in range(0, total, PROMPTS_PER_STEP):
        yield first, min(first + PROMPTS_PER_STEP, total)
