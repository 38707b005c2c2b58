"""Steps of a diagnosis: halves of the real images, their features after changes, and the causes of a difference."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prettyuseful.data.pixels import Pixels, write_pixels
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import classes_of, classifier_of, pixels_of, write_json
from prettyuseful.training.recipes import View

if TYPE_CHECKING:
    from prettyuseful.diagnosis.features import Extractor, RawFeatures
    from prettyuseful.diagnosis.images import Labelled
    from prettyuseful.diagnosis.reference import ExtractedHalf, Reference
    from prettyuseful.training.classifier import Classifier

MOST_IMAGES = 1024
"""of a half that a diagnosis takes, each in some seventy changes; twice as many of a synthetic set."""
_FEWEST_PER_CLASS = 12


class HalfSpec(StepSpec):
    """One of two halves of decoded images: whole groups, class by class."""

    kind: ClassVar[str] = "half"
    pace: ClassVar[float] = 0.0005
    part: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.images import shared_out

        pixels = pixels_of(job, "pixels")
        rows = np.concatenate(
            [
                of_class[shared_out(pixels.groups[of_class], 2, "halves") == self.part]
                for label in np.unique(pixels.labels)
                for of_class in [np.flatnonzero(pixels.labels == label)]
            ]
        )
        write_pixels(job.folder, ((pixels[i], int(pixels.labels[i]), str(pixels.groups[i])) for i in rows))
        return {**job.inputs["pixels"].manifest.facts, "images": len(rows)}


class TrySpec(StepSpec):
    """Features of the images of `half`, as they are and after every known change.

    Input `classifier` was not trained on them. `changes` is a digest of the changes. `features`, `logits` and each kind
    of descriptors are arrays (changes + 1, N, d).
    """

    kind: ClassVar[str] = "try"
    pace: ClassVar[float] = 0.06
    view: View
    changes: str
    numerics: Numerics

    @classmethod
    def of(cls, view: View, numerics: Numerics) -> TrySpec:
        from prettyuseful.diagnosis.candidates import known_changes

        transforms = [change.transform.model_dump(mode="json") for change in known_changes(view.size)]
        return cls(view=view, changes=digest(transforms), numerics=numerics)

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.candidates import known_changes
        from prettyuseful.diagnosis.reference import extract_after_changes

        self.numerics.apply()
        images, extractor = _half(job, "half", self), _extractor(job, "classifier", self)
        count, every = 1 + len(known_changes(self.view.size)), []
        for one in extract_after_changes(images, extractor):
            every.append(one)
            job.progress(len(every) / count)
        arrays = {"features": [one.features for one in every], "logits": [one.logits for one in every]}
        arrays |= {kind: [one.descriptors[kind] for one in every] for kind in every[0].descriptors}
        for name, values in arrays.items():
            np.save(job.folder / f"{name}.npy", np.stack(values).astype(np.float32))
        return {"images": len(images)}


class DiagnoseSpec(StepSpec):
    """Why the images of `pixels` differ from real images, which come in two halves (inputs `half 0`, `half 1`).

    Input `classifier 0` was not trained on `half 0`, nor `classifier 1` on `half 1`; `tries 0` and `tries 1` are what
    `TrySpec` made of them. `diagnosis.json` holds a `findings.Diagnosis`; `rows.json`, by the id of each cause whose
    images can be dropped, which images show it.
    """

    kind: ClassVar[str] = "diagnose"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.005
    view: View
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.diagnose import Examination
        from prettyuseful.diagnosis.examples import with_examples

        self.numerics.apply()
        content = " ".join(job.inputs[name].manifest.key for name in _OF_REFERENCE)
        reference = cached_model(_reference, _Inputs(self, job), content=content)
        job.progress(0.3)
        pixels = pixels_of(job, "pixels")
        rows = _some_of_each_class(pixels, 2 * MOST_IMAGES)
        examination = Examination(reference, _squares(pixels.take(rows), self))
        found = with_examples(examination, classes_of(job, "half 0"))
        write_json(job.folder / "diagnosis.json", found.model_dump(mode="json"))
        examples_by_cause = {cause: rows[images].tolist() for cause, images in examination.droppable_images.items()}
        write_json(job.folder / "rows.json", examples_by_cause)
        return {"images": len(rows), "differs": found.differs, "named": [cause.row.name for cause in found.named]}


_OF_REFERENCE = ("half 0", "half 1", "classifier 0", "classifier 1", "tries 0", "tries 1")


class _Inputs:
    """A job, as an argument that a cached model does not depend on: the keys of its inputs are the content."""

    def __init__(self, spec: DiagnoseSpec, job: Job) -> None:
        self.spec, self.job = spec, job

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inputs) and other.spec == self.spec

    def __hash__(self) -> int:
        return hash(self.spec)


def _reference(inputs: _Inputs) -> Reference:
    from prettyuseful.diagnosis.reference import Reference

    one, two = (_extracted_half(inputs.job, part, inputs.spec) for part in (0, 1))
    return Reference(one, two, len(classes_of(inputs.job, "half 0")))


def _extracted_half(job: Job, part: int, spec: DiagnoseSpec) -> ExtractedHalf:
    from prettyuseful.diagnosis.reference import ExtractedHalf

    images, extractor = _half(job, f"half {part}", spec), _extractor(job, f"classifier {part}", spec)
    return ExtractedHalf(images, extractor, _raw_features(job, f"tries {part}"))


def _half(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> Labelled:
    pixels = pixels_of(job, name)
    return _squares(pixels.take(_some_of_each_class(pixels, MOST_IMAGES)), spec)


def _extractor(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> Extractor:
    return partial(_extract, classifier_of(job, name, spec.numerics), spec.view)


def _raw_features(job: Job, name: str) -> list[RawFeatures]:
    """What `TrySpec` has stored."""
    from prettyuseful.diagnosis.features import RawFeatures

    artifact = job.inputs[name]
    arrays = {entry.name.removesuffix(".npy"): np.load(artifact.path(entry.name)) for entry in artifact.manifest.files}
    features, logits = arrays.pop("features"), arrays.pop("logits")
    return [
        RawFeatures(features[i], logits[i], {kind: values[i].astype(np.float64) for kind, values in arrays.items()})
        for i in range(len(features))
    ]


def _extract(classifier: Classifier, view: View, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from prettyuseful.training.inference import features_and_logits

    unlabelled = np.zeros(len(squares), np.int64)
    pixels = Pixels.of(squares, unlabelled, unlabelled.astype(str))
    return features_and_logits(classifier, pixels, View(view.size, view.size))  # the squares are cut already


def _some_of_each_class(pixels: Pixels, most: int) -> np.ndarray:
    """Rows of at most so many images: of every class as many, whole groups."""
    from prettyuseful.diagnosis.images import some_groups

    classes = np.unique(pixels.labels)
    per_class = max(_FEWEST_PER_CLASS, most // len(classes))
    rng = np.random.default_rng(0)
    chosen = []
    for label in classes:
        rows = np.flatnonzero(pixels.labels == label)
        chosen.append(np.sort(rows[some_groups(pixels.groups[rows], per_class, rng)]))
    return np.concatenate(chosen)


def _squares(pixels: Pixels, spec: TrySpec | DiagnoseSpec) -> Labelled:
    """Images as a classifier gets them."""
    from prettyuseful.diagnosis.images import Labelled
    from prettyuseful.training.crops import squares_of

    view = replace(spec.view, crops=1)
    return Labelled(squares_of(pixels, view, spec.numerics.device), pixels.labels, pixels.groups)
