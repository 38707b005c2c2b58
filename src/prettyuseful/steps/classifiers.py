"""Steps on pixels: decode, train, evaluate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prettyuseful.data.pixels import StoredSize, decoded, write_pixels
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.steps.inputs import classifier_of, pixels_of, rows_of
from prettyuseful.training.recipes import Recipe, View

if TYPE_CHECKING:
    from prettyuseful.training.initialisation import Pretrained

CHECKPOINT_EVERY = 60.0
"""Seconds of training that an interruption can cost, and an epoch."""


class DecodeSpec(StepSpec):
    """A data set decoded once to uint8, its short sides `stored_size` pixels, with labels and groups."""

    kind: ClassVar[str] = "decode"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.0003
    stored_size: StoredSize

    def make(self, job: Job) -> dict[str, Any]:
        facts = job.inputs["dataset"].manifest.facts
        images = decoded(rows_of(job, "dataset"), self.stored_size)
        write_pixels(job.folder, job.followed(images, facts["images"]))
        return {"classes": facts["classes"], "images": facts["images"]}

    @property
    def rate_class(self) -> str:
        return f"decode {_pixels(self.stored_size)}"


class TrainSpec(StepSpec):
    """A classifier: from scratch, from pretrained weights, or from the input `start`, another classifier.

    The recipe stands here with all its fields, not by its name: a changed recipe is another key. `weights` are those
    that a training begins with: a file, a hub id at a commit, or (None) timm's for the architecture.
    """

    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.0006
    grows: ClassVar[bool] = False
    architecture: str
    recipe: Recipe
    seed: int
    numerics: TrainingNumerics
    weights: Pinned[str | None] | None = None

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.training.checkpoints import Checkpoints
        from prettyuseful.training.classifier import Design
        from prettyuseful.training.initialisation import init_classifier
        from prettyuseful.training.loop import train

        if self.weights is not None:
            check_resolved(self.weights.content, self.architecture)
        self.numerics.apply()
        if "start" in job.inputs:
            classifier = classifier_of(job, "start", self.numerics)
        else:
            classes = len(job.inputs["pixels"].manifest.facts["classes"])
            design = Design(self.architecture, classes, self.recipe.augmentation.size)
            classifier = init_classifier(design, self.seed, self._pretrained()).on(self.numerics)
        log, checkpoints = job.folder / "epochs.jsonl", Checkpoints(job.checkpoint_dir, CHECKPOINT_EVERY)
        pixels = pixels_of(job, "pixels")
        trained = train(classifier, pixels, self.recipe, self.seed, log, checkpoints, job.progress)
        trained.save(job.folder / "weights.safetensors")
        last = json.loads(log.read_text("utf-8").splitlines()[-1])
        told = {"warnings": checkpoints.warnings} if checkpoints.warnings else {}
        return {"design": trained.design.as_json(), "last_epoch": last, **told}

    def _pretrained(self) -> Pretrained | None:
        from prettyuseful.training.initialisation import Pretrained

        return Pretrained.at(self.weights.source) if self.weights else None

    @property
    def rate_class(self) -> str:
        return f"train {self.architecture} {self.recipe.augmentation.size} px"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if (self.architecture, self.recipe.augmentation.size) == ("small", 32) else None


class EvaluateSpec(StepSpec):
    """A classifier's logits on a data set, kept so that later statistics need no second look."""

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.0005
    view: View
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.metrics.calibration import calibration
        from prettyuseful.metrics.transfer import transfer
        from prettyuseful.training.inference import predict

        self.numerics.apply()
        pixels = pixels_of(job, "pixels")
        logits = predict(classifier_of(job, "classifier", self.numerics), pixels, self.view)
        np.save(job.folder / "logits.npy", logits)
        found = calibration(logits, pixels.labels)
        return {**transfer(logits, pixels.labels, pixels.groups).as_json(), "calibration": found.as_json()}


def _pixels(size: StoredSize) -> str:
    return size if isinstance(size, str) else f"{size} px"
