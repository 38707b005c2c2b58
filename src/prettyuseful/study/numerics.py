"""What a study says of numerics, and what follows for each kind of step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prettyuseful.numerics import DType, Layout, Numerics, TrainingNumerics


class StudyNumerics(TrainingNumerics):
    """Numerics of a study: those of all its steps."""

    dtype: Literal["auto", DType] = Field(  # type: ignore[assignment]
        "auto",
        description="number format; auto is the generator's own and bfloat16 autocast in classifiers on a GPU, float32 "
        "on a CPU",
    )
    memory_format: Literal["auto", "contiguous", "channels_last"] = Field(  # type: ignore[assignment]
        "auto", description="layout of images in memory; auto is channels_last for classifiers on a GPU"
    )
    micro_batch: int = Field(25, ge=1, le=4096, description="images per generation batch")

    def of_generation(self, native: DType) -> Numerics:
        """Those of generation with a model whose own number format is `native`."""
        dtype = self.dtype if self.dtype != "auto" else native if self.device == "cuda" else "float32"
        left_out = {"micro_batch", "dtype", "memory_format", "images_at_once"}
        return Numerics(**self.model_dump(exclude=left_out), dtype=dtype, memory_format=self._layout("contiguous"))

    def of_training(self) -> TrainingNumerics:
        """Those of training: bfloat16 autocast and channels-last on a GPU, float32 on a CPU, unless the study says."""
        half = self.dtype in ("bfloat16", "float16") or (self.dtype == "auto" and self.device == "cuda")
        shared = self.model_dump(include={"device", "threads", "compile", "images_at_once"})
        layout = self._layout("channels_last" if self.device == "cuda" else "contiguous")
        return TrainingNumerics(**shared, dtype="bfloat16" if half else "float32", memory_format=layout)

    def of_inference(self) -> Numerics:
        """Those of classifiers at work."""
        return Numerics(**self.of_training().model_dump(exclude={"images_at_once"}))

    def of_steps(self) -> Numerics:
        """Those of every other step: what it does not look at is in no key of it."""
        shared = self.model_dump(include={"device", "threads", "compile"})
        return Numerics(**shared, memory_format=self._layout("contiguous"))

    def _layout(self, auto: Layout) -> Layout:
        return auto if self.memory_format == "auto" else self.memory_format
