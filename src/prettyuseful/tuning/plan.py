"""The section `tune` of a study: LoRA weights that are trained on real training images of the task."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.prompts.plan import PromptPlan

_NOT_TUNED = ("lora", "textual_inversion", "scheduler")


class TuneSettings(BaseModel):
    """How LoRA weights are trained, after the recipes of diffusers: AdamW at a constant rate."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    steps: int = Field(400, ge=1, le=100_000, description="steps of the optimiser")
    batch_size: int = Field(4, ge=1, le=256, description="images for each step")
    rank: int = Field(8, ge=1, le=256, description="rank of the LoRA matrices, and their alpha")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="learning rate of AdamW, constant")
    size: int | None = Field(
        None,
        ge=8,
        le=4096,
        description="height and width in pixels to which images are resized and cropped at their centre; default: the "
        "native size of the model",
    )
    flip: bool = Field(True, description="mirror half of the images; false for classes with a left and a right")


class TunePlan(TuneSettings):
    """LoRA weights, trained on real training images. A generator uses them by their name: `lora: NAME`."""

    method: Literal["lora"] = Field("lora", description="what is trained; always lora")
    of: GeneratorChoice = Field(
        description="the model, as in generator: a name, or a mapping with model, variant, single_file and dtype"
    )
    on: Literal["real"] = Field("real", description="the images: real training images of the task, always real")
    images_per_class: int = Field(ge=1, le=1_000_000, description="number of real training images of each class")
    per: Literal["task", "class"] = Field(
        "task", description="task: one LoRA for all classes; class: one for each class, for images of this class"
    )
    prompts: PromptPlan = Field(PromptPlan(), description="prompts of the training images")
    seed: int = Field(0, ge=0, description="seed of the initial weights, of noise and of the order of the images")

    @field_validator("of")
    @classmethod
    def _is_a_model(cls, of: GeneratorChoice) -> GeneratorChoice:
        if wrong := [name for name in _NOT_TUNED if name in of.settings]:
            raise ValueError(f"{wrong[0]} does not apply to the model that is tuned; set it in the generator")
        if of.written_out != of:
            raise ValueError(f"{of.model} is {of.written_out.model} with LoRA weights; tune {of.written_out.model}")
        return of

    @property
    def settings(self) -> TuneSettings:
        """The part that says how the weights are trained."""
        return TuneSettings(**{name: getattr(self, name) for name in TuneSettings.model_fields})


def half_of(images: int) -> int:
    """Return how many images to train on at once if `images` do not fit into the memory."""
    return -(-images // 2)
