"""The steps that make prompts: captions of real images, the prompts of every class, their embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prettyuseful.engine.pinned import Pinned
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import Model
from prettyuseful.numerics import Numerics
from prettyuseful.plan.planned import Planning
from prettyuseful.plan.real import RealImages
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import ResolvedPrompts
from prettyuseful.steps.prompts import CaptionSpec, EncodeSpec, PromptSpec

PART = 100
"""Prompts per encode step, and images per caption step: what an interruption can cost."""


@dataclass(frozen=True)
class PinnedModel:
    """A diffusion model at a commit or with certain files, and how it is run."""

    model: Model
    pinned: Pinned[str]
    sampling: Sampling


class PromptSteps:
    """Prompts of a task's classes."""

    def __init__(self, planning: Planning, real: RealImages) -> None:
        self.planning, self.real, self.task = planning, real, planning.task

    def write(self, prompts: ResolvedPrompts, label: str, real_images: int) -> str:
        """The step that writes the prompts of every class, with `real_images` of each to caption."""
        inputs = self._captions(prompts.captioner, real_images) if prompts.captioner else {}
        spec = PromptSpec(strategy=prompts.strategy, classes=prompts.classes, options=prompts.options)
        return self.planning.graph.add(spec, inputs, f"write {label} prompts", 1)

    def encode(self, prompts: str, per_class: int, diffusion: PinnedModel, numerics: Numerics) -> dict[int, str]:
        """The steps that encode the prompts of the step `prompts`, `per_class` of every class, by part."""
        model, sampling = diffusion.model, diffusion.sampling
        return {
            part: self.planning.graph.add(
                EncodeSpec(
                    generator=model.id,
                    model=diffusion.pinned,
                    sequence=model.max_sequence,
                    guided=(sampling.cfg or 1) > 1,
                    negative=sampling.negative,
                    first=first,
                    stop=stop,
                    numerics=numerics,
                ),
                {"prompts": prompts},
                f"encode prompts {first}-{stop} for {model.id}",
                stop - first,
            )
            for part, (first, stop) in enumerate(_parts(per_class * len(self.task.classes)))
        }

    def _captions(self, captioner: CaptionerSource, per_class: int) -> dict[str, str]:
        images = self.real.load("train", per_class)
        pinned, numerics = captioner.pin(), self.planning.study.numerics.of_generation("bfloat16")
        return {
            f"captions {number:05d}": self.planning.graph.add(
                CaptionSpec(captioner=pinned, first=first, stop=stop, numerics=numerics),
                {"images": images},
                f"caption real train images {first}-{stop}",
                stop - first,
            )
            for number, (first, stop) in enumerate(_parts(per_class * len(self.task.classes)))
        }


def _parts(total: int) -> Iterator[tuple[int, int]]:
    for first in range(0, total, PART):
        yield first, min(first + PART, total)
