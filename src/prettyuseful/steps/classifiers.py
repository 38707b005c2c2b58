"""Steps on pixels: decode, train, evaluate, embed."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from prettyuseful.numerics import Numerics
from prettyuseful.steps.base import Job, StepSpec
from prettyuseful.steps.inputs import classifier_of, pixels_of, rows_of

CHECKPOINT_EVERY = 60.0
"""Seconds of training that an interruption can cost, and an epoch."""


class DecodeSpec(StepSpec):
    """A data set decoded once to uint8 squares of side `size`, with labels and groups."""

    kind: ClassVar[str] = "decode"
    size: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.pixels import decode_rows

        facts = job.inputs["dataset"].manifest.facts
        decode_rows(rows_of(job, "dataset"), facts["images"], self.size).save(job.folder)
        return {"classes": facts["classes"], "images": facts["images"]}


class TrainSpec(StepSpec):
    """A classifier, from scratch or from the input `start`, another classifier.

    `recipe` holds the recipe's fields, not its name: a changed recipe is another key.
    """

    kind: ClassVar[str] = "train"
    architecture: str
    recipe: dict[str, Any]
    seed: int
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.training.checkpoints import Checkpoints
        from prettyuseful.training.loop import save_weights, train, untrained
        from prettyuseful.training.recipes import Recipe

        self.numerics.apply()
        classes = len(job.inputs["pixels"].manifest.facts["classes"])
        log = job.folder / "epochs.jsonl"
        checkpoints = Checkpoints(job.bench, CHECKPOINT_EVERY)
        fresh = untrained(self.architecture, classes, self.seed)
        model = train(
            classifier_of(job, "start", self.numerics) if "start" in job.inputs else fresh,
            pixels_of(job, "pixels"),
            Recipe(**self.recipe),
            self.seed,
            self.numerics,
            log,
            checkpoints,
            job.progress,
        )
        save_weights(model, job.folder / "weights.safetensors")
        last = json.loads(log.read_text("utf-8").splitlines()[-1])
        told = {"warnings": checkpoints.warnings} if checkpoints.warnings else {}
        return {"architecture": self.architecture, "classes": classes, "last_epoch": last, **told}

    @property
    def rate_class(self) -> str:
        return f"train {self.architecture} {self.recipe['stored_size']} px"


class EvaluateSpec(StepSpec):
    """A classifier's logits on a data set, kept so that later statistics need no second look."""

    kind: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 2
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.metrics.calibration import calibration
        from prettyuseful.metrics.transfer import transfer
        from prettyuseful.training.loop import predict

        self.numerics.apply()
        pixels = pixels_of(job, "pixels")
        logits = predict(classifier_of(job, "classifier", self.numerics), pixels, self.numerics)
        np.save(job.folder / "logits.npy", logits)
        found = calibration(logits, pixels.labels)
        return {**transfer(logits, pixels.labels, pixels.groups).as_json(), "calibration": found.as_json()}


class EmbedSpec(StepSpec):
    """Penultimate features of a trained classifier on a data set."""

    kind: ClassVar[str] = "embed"
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.training.loop import penultimate

        self.numerics.apply()
        pixels = pixels_of(job, "pixels")
        features = penultimate(classifier_of(job, "classifier", self.numerics), pixels, self.numerics)
        np.save(job.folder / "features.npy", features)
        np.save(job.folder / "labels.npy", pixels.labels)
        np.save(job.folder / "groups.npy", pixels.groups)
        return {"images": len(features), "dimensions": features.shape[1]}
