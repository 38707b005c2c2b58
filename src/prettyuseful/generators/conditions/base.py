"""What a generated image may be conditioned on besides its prompt: one class for each kind of condition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.families import Family

if TYPE_CHECKING:
    import torch


def _only_train(value: Any) -> Any:
    if value == "test":
        raise ValueError(
            "images are only generated from real training images, not from 'test', because test images must not "
            "decide what classifiers are trained on; write on: train"
        )
    return value


class Condition(BaseModel, ABC):
    """A condition as written in a study file. The field `kind` determines the class.

    A real training image is given to each generated image. `version` is increased when the same settings start to give
    other images. `edits`: whether the pipeline itself changes images, so that it has no version for text alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    version: ClassVar[int] = 1
    edits: ClassVar[bool] = False
    kind: str
    on: Annotated[Literal["train"], BeforeValidator(_only_train)] = Field(
        "train", description="the split of the real images, always train: test images are never used"
    )
    sources: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="number of real training images per class, the first ones in the order of the task; image i is "
        "made from number i modulo this number; default: as many as there are, at most images_per_class",
    )

    def model_post_init(self, _: Any) -> None:
        # `kind` must be serialised even if Python code left it at its default, because it determines the class.
        self.model_fields_set.add("kind")

    @property
    @abstractmethod
    def words(self) -> str:
        """The condition in a few words, such as `image-to-image at strength 0.6`."""

    @property
    def settings(self) -> dict[str, Any]:
        """What changes the images, besides the real images themselves."""
        return self.model_dump(mode="json", exclude={"on", "sources"})

    def pin(self) -> Pinned[Condition]:
        """Return this condition with everything that determines its images: settings and contents of files, no paths.

        Raises:
            UserError: a file or repository does not exist.
        """
        return Pinned(source=self, content={**self.settings, "version": self.version})

    @abstractmethod
    def family(self, of: Family) -> Family:
        """Return how the pipeline that takes real images is called, for the family of a text-to-image pipeline.

        Raises:
            DataError: diffusers has no such pipeline for it; the message is the reason.
        """

    @property
    def added_weights(self) -> int:
        """The number of weights that it adds to a model, as predicted before they are loaded."""
        return 0

    def denoising_steps(self, steps: int) -> int:
        """Return how many of the denoising steps are computed."""
        return steps

    def check_steps(self, steps: int | None) -> None:
        """Check that at least one of the denoising steps remains.

        Raises:
            DataError: none does.
        """
        if steps is not None and self.denoising_steps(steps) < 1:
            raise DataError(
                f"condition: {self.words} leaves none of the {steps} denoising steps; increase strength to at least "
                f"{-(-100 // steps) / 100:g}, or the steps of sampling"
            )

    def prepare(self, pipeline: Any) -> None:
        """Load what a pipeline needs for the condition, such as an adapter, before it is moved to its device."""

    @abstractmethod
    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """Return the arguments for real images, one per generated image, as squares of the size of generated images."""

    def complete(self, generated: torch.Tensor, images: Sequence[np.ndarray]) -> torch.Tensor:  # noqa: ARG002
        """Return the finished images for generated ones, (N, H, W, 3) uint8, and the squares they were made from."""
        return generated


class WithStrength(Condition):
    """A condition whose denoising starts from the noised real image instead of pure noise (SDEdit, Meng et al. 2022).

    Of `steps` denoising steps, the last `steps` times `strength` are computed, rounded down.
    """

    strength: float = Field(
        0.6,
        gt=0,
        le=1,
        description="how far an image may be from the real one: the share of the denoising steps, from the last one; "
        "1 keeps almost nothing of the real image, and values near 0 give copies",
    )

    def denoising_steps(self, steps: int) -> int:
        return min(int(steps * self.strength), steps)
