"""Steps that fit a linear probe on features of an encoder, and evaluate it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import group_in_mix
from prettyuseful.data.portions import Portion
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.training.recipes import FrozenFeatures


class FitProbeSpec(StepSpec):
    """Fit a linear probe on the features of a data set, all of them or a draw of `per_class` images of each class.

    The inputs `features` and, if given, `further features` hold the images that draws are taken from.
    """

    kind: ClassVar[str] = "fit-probe"
    pace: ClassVar[float] = 0.002
    keeps_model: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    recipe: FrozenFeatures
    per_class: ClassCounts | None = None
    draw: int = 0

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.training.linear_probe import select_draw

        features, labels, groups = _read_features(job, "features")
        if "further features" in job.inputs:
            further = _read_features(job, "further features")
            parts = zip((features, labels, groups), further, strict=True)
            features, labels, groups = (np.concatenate(pair) for pair in parts)
        classes = job.inputs["features"].manifest.facts["classes"]
        if self.per_class is not None:
            rows = select_draw(labels, [self.per_class[label] for label in range(classes)], self.draw)
            features, labels, groups = features[rows], labels[rows], groups[rows]
        return _fit(job, features, labels, groups, classes, self.recipe)


class FitMixSpec(StepSpec):
    """Fit a linear probe on portions of the features of several data sets together.

    `portions`: of the features of each input, by its name.
    """

    kind: ClassVar[str] = "fit-mix"
    pace: ClassVar[float] = 0.002
    keeps_model: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    recipe: FrozenFeatures
    portions: dict[str, Portion]

    def make(self, job: Job) -> dict[str, Any]:
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        classes = 0
        for name, portion in self.portions.items():
            features, labels, groups = _read_features(job, name)
            classes = job.inputs[name].manifest.facts["classes"]
            rows = portion.rows(labels, classes)
            apart = np.array([group_in_mix(name, group) for group in groups[rows]], str)
            parts.append((features[rows], labels[rows], apart))
        features, labels, groups = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return _fit(job, features, labels, groups, classes, self.recipe)


class EvaluateProbeSpec(StepSpec):
    """Evaluate a linear probe on the features of a data set. The result is as that of `EvaluateSpec`."""

    kind: ClassVar[str] = "evaluate-probe"
    pace: ClassVar[float] = 0.00002

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.metrics.calibration import calibration
        from prettyuseful.metrics.transfer import transfer

        features, labels, groups = _read_features(job, "features")
        coefficients = np.load(job.inputs["classifier"].path("coefficients.npy"))
        logits = (features.astype(np.float64) @ coefficients[:-1] + coefficients[-1]).astype(np.float32)
        np.save(job.folder / "logits.npy", logits)
        return {**transfer(logits, labels, groups).as_json(), "calibration": calibration(logits, labels).as_json()}


def _fit(
    job: Job, features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int, recipe: FrozenFeatures
) -> dict[str, Any]:
    """Fit a linear probe, write its coefficients and its log, and return the facts."""
    from prettyuseful.training.linear_probe import fit_linear_probe

    probe = fit_linear_probe(features, labels, groups, classes, recipe)
    np.save(job.folder / "coefficients.npy", np.vstack([probe.weights, probe.bias]))
    last = {"epoch": 1, "loss": probe.loss, "accuracy": probe.accuracy, "inverse_strength": probe.inverse_strength}
    (job.folder / "epochs.jsonl").write_text(json.dumps(last) + "\n", encoding="utf-8")
    return {"last_epoch": last}


def _read_features(job: Job, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (N, d), labels (N,) and groups (N,) of an embedded data set."""
    artifact = job.inputs[name]
    features, labels, groups = (np.load(artifact.path(f"{part}.npy")) for part in ("features", "labels", "groups"))
    return features, labels, groups
