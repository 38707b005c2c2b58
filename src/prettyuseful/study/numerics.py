"""The numeric settings of a study, and the settings that they give to each kind of step."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pydantic import Field

from prettyuseful.numerics import DType, MemoryFormat, Numerics, TrainingNumerics

MAX_MICRO_BATCH = 4096


class StudyNumerics(TrainingNumerics):
    """Device, number format and batch settings of all steps of a study."""

    dtype: Literal["auto", DType] = Field(  # type: ignore[assignment]
        "auto",
        description="number format; auto: float32 on a CPU; on a GPU, the generator's native format for generation and "
        "bfloat16 autocast for classifiers",
    )
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(  # type: ignore[assignment]
        "auto",
        description="memory format of image tensors; auto: channels_last for classifiers, contiguous for generation",
    )
    micro_batch: int | None = Field(
        None,
        ge=1,
        le=MAX_MICRO_BATCH,
        description="images per generation batch of all data sets that do not set it; default: that of the model, see "
        "`prettyuseful list generators`, and 25 for other models and for user-defined generators",
    )

    def generation_numerics(self, native: DType, chosen: DType | None = None) -> Numerics:
        """Return the settings of generation with a model whose native number format is `native`.

        `chosen`: the format that a data set asks for.
        """
        auto = native if self.device == "cuda" else "float32"
        dtype = chosen or (auto if self.dtype == "auto" else self.dtype)
        excluded = {"micro_batch", "dtype", "memory_format", "images_at_once", "recompute"}
        return Numerics(
            **self.model_dump(exclude=excluded), dtype=dtype, memory_format=self.resolve_memory_format("contiguous")
        )

    def training_numerics(self) -> TrainingNumerics:
        """Return the settings of training; auto is channels_last, on a GPU with bfloat16 autocast."""
        return _training_numerics(self)

    def inference_numerics(self) -> Numerics:
        """Return the settings of classifier inference."""
        return _inference_numerics(self)

    def step_numerics(self) -> Numerics:
        """Return the settings of all other steps; settings that do not affect them must not enter their keys."""
        return _step_numerics(self)

    def resolve_memory_format(self, auto: MemoryFormat) -> MemoryFormat:
        """Return the memory format, or the one given for `auto`."""
        return auto if self.memory_format == "auto" else self.memory_format


# A plan of thousands of steps shares these objects.
@lru_cache(16)
def _training_numerics(study: StudyNumerics) -> TrainingNumerics:
    half = study.dtype in ("bfloat16", "float16") or (study.dtype == "auto" and study.device == "cuda")
    named = {"device", "threads", "compile", "images_at_once", "recompute", "float32_precision"}
    shared = study.model_dump(include=named)
    memory_format = study.resolve_memory_format("channels_last")
    return TrainingNumerics(**shared, dtype="bfloat16" if half else "float32", memory_format=memory_format)


@lru_cache(16)
def _inference_numerics(study: StudyNumerics) -> Numerics:
    return Numerics(**_training_numerics(study).model_dump(exclude={"images_at_once", "recompute"}))


@lru_cache(16)
def _step_numerics(study: StudyNumerics) -> Numerics:
    shared = study.model_dump(include={"device", "threads", "compile"})
    return Numerics(**shared, memory_format=study.resolve_memory_format("contiguous"))
