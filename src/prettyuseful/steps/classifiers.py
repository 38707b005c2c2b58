"""Steps that decode a data set, train a classifier and evaluate it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prettyuseful.data.pixels import Pixels, StoredSize, decode_rows, write_pixels
from prettyuseful.data.portions import Portion
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.hub.commits import check_resolved
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.steps.inputs import read_classifier, read_pixels, read_rows
from prettyuseful.training.recipes import Recipe, View

if TYPE_CHECKING:
    from prettyuseful.training.initialisation import Pretrained

CHECKPOINT_EVERY = 60.0
"""Seconds between checkpoints. An interruption costs at most this much training, plus one epoch."""


class DecodeSpec(StepSpec):
    """Decode a data set once to uint8 pixels with short sides of `stored_size`, and store labels and groups."""

    kind: ClassVar[str] = "decode"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.0003
    stored_size: StoredSize

    def make(self, job: Job) -> dict[str, Any]:
        facts = job.inputs["dataset"].manifest.facts
        images = decode_rows(read_rows(job, "dataset"), self.stored_size)
        write_pixels(job.folder, job.track_progress(images, facts["images"]))
        return {"classes": facts["classes"], "images": facts["images"]}

    @property
    def rate_class(self) -> str:
        return f"decode {_pixels(self.stored_size)}"


class TrainSpec(StepSpec):
    """Train a classifier from scratch, from pretrained weights, or from another classifier (input `start`).

    The recipe enters the key with all its fields, not by its name, so a changed recipe gives another key. `weights` are
    the initial weights: a file, a hub id at a commit, or (source None) timm's weights for the architecture.
    """

    kind: ClassVar[str] = "train"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.0006
    keeps_model: ClassVar[bool] = False
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
            classifier = read_classifier(job, "start", self.numerics)
        else:
            classes = len(next(iter(job.inputs.values())).manifest.facts["classes"])
            design = Design(self.architecture, classes, self.recipe.augmentation.size)
            classifier = init_classifier(design, self.seed, self._pretrained()).to(self.numerics)
        log, checkpoints = job.folder / "epochs.jsonl", Checkpoints(job.checkpoint_dir, CHECKPOINT_EVERY)
        pixels, rows = self._training_images(job)
        trained = train(classifier, pixels, self.recipe, self.seed, log, checkpoints, job.progress, rows)
        trained.save(job.folder / "weights.safetensors")
        last = json.loads(log.read_text("utf-8").splitlines()[-1])
        more: dict[str, Any] = {"warnings": checkpoints.warnings} if checkpoints.warnings else {}
        if isinstance(trained.numerics, TrainingNumerics) and trained.numerics != self.numerics:
            more["images_at_once"] = trained.numerics.images_at_once  # chosen on the device, so that a batch fits
        return {"design": trained.design.as_json(), "last_epoch": last, **more}

    def _training_images(self, job: Job) -> tuple[Pixels, np.ndarray | None]:
        """Return images, and the rows to train on; None for all of them."""
        return read_pixels(job, "pixels"), None

    def _pretrained(self) -> Pretrained | None:
        from prettyuseful.training.initialisation import Pretrained

        return Pretrained.from_source(self.weights.source) if self.weights else None

    @property
    def rate_class(self) -> str:
        return f"train {self.architecture} {self.recipe.augmentation.size} px"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if (self.architecture, self.recipe.augmentation.size) == ("small", 32) else None


class TrainMixSpec(TrainSpec):
    """Train a classifier on portions of several data sets together.

    `portions`: of the decoded images of each input, by its name.
    """

    kind: ClassVar[str] = "train-mix"
    version: ClassVar[int] = 1
    portions: dict[str, Portion]

    def _training_images(self, job: Job) -> tuple[Pixels, np.ndarray | None]:
        parts = {name: read_pixels(job, name) for name in self.portions}
        begin, rows = 0, []
        for name, portion in self.portions.items():
            classes = len(job.inputs[name].manifest.facts["classes"])
            rows.append(begin + portion.rows(parts[name].labels, classes))
            begin += len(parts[name])
        return Pixels.concatenate(parts), np.concatenate(rows)


class EvaluateSpec(StepSpec):
    """Evaluate a classifier on a data set. The logits are stored for later statistics."""

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.0005
    keeps_model: ClassVar[bool] = False
    view: View
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.metrics.calibration import calibration
        from prettyuseful.metrics.transfer import transfer
        from prettyuseful.training.inference import predict

        self.numerics.apply()
        pixels = read_pixels(job, "pixels")
        logits = predict(read_classifier(job, "classifier", self.numerics), pixels, self.view)
        np.save(job.folder / "logits.npy", logits)
        accuracy = transfer(logits, pixels.labels, pixels.groups).as_json()
        return {**accuracy, "calibration": calibration(logits, pixels.labels).as_json()}


def _pixels(size: StoredSize) -> str:
    return size if isinstance(size, str) else f"{size} px"
