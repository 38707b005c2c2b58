"""Steps of a diagnosis: split the real images, extract features after candidate changes, and diagnose a data set."""

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
from prettyuseful.steps.inputs import read_classes, read_classifier, read_pixels, write_json
from prettyuseful.training.recipes import View

if TYPE_CHECKING:
    from prettyuseful.diagnosis.features import Extractor, RawFeatures
    from prettyuseful.diagnosis.images import LabelledImages
    from prettyuseful.diagnosis.reference import ExtractedHalf, Reference
    from prettyuseful.training.classifier import Classifier

MAX_IMAGES = 1024
"""Largest number of images of each half, as every one is processed after some 70 changes. A data set has twice this."""
_MIN_PER_CLASS = 12


class KeepClassesSpec(StepSpec):
    """Keep the images of some classes of `pixels`; their labels are counted from 0 again, in the order of `labels`."""

    kind: ClassVar[str] = "keep-classes"
    pace: ClassVar[float] = 0.0005
    labels: tuple[int, ...]

    def make(self, job: Job) -> dict[str, Any]:
        pixels, classes = read_pixels(job, "pixels"), read_classes(job, "pixels")
        new_label = {label: number for number, label in enumerate(self.labels)}
        rows = np.flatnonzero(np.isin(pixels.labels, self.labels)).tolist()
        images = ((pixels[i], new_label[int(pixels.labels[i])], str(pixels.groups[i])) for i in rows)
        write_pixels(job.folder, job.track_progress(images, len(rows)))
        return {"classes": [classes[label] for label in self.labels], "images": len(rows)}


class HalfSpec(StepSpec):
    """Select one of two halves of decoded images, class by class. The halves share no group."""

    kind: ClassVar[str] = "half"
    pace: ClassVar[float] = 0.0005
    part: int

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.images import half_rows

        pixels = read_pixels(job, "pixels")
        rows = half_rows(pixels.labels, pixels.groups, self.part)
        write_pixels(job.folder, ((pixels[i], int(pixels.labels[i]), str(pixels.groups[i])) for i in rows))
        return {**job.inputs["pixels"].manifest.facts, "images": len(rows)}


class TrySpec(StepSpec):
    """Extract features of the images of `half`, unchanged and after every candidate change.

    The input `classifier` was not trained on these images. `changes` is a digest of the candidates. The step stores
    `features`, `logits` and each kind of descriptors as arrays (changes + 1, N, d).
    """

    kind: ClassVar[str] = "try"
    pace: ClassVar[float] = 0.06
    view: View
    changes: str
    numerics: Numerics

    @classmethod
    def for_view(cls, view: View, numerics: Numerics) -> TrySpec:
        from prettyuseful.diagnosis.candidates import candidate_changes

        transforms = [change.specification for change in candidate_changes(view.size)]
        return cls(view=view, changes=digest(transforms), numerics=numerics)

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.candidates import candidate_changes
        from prettyuseful.diagnosis.reference import extract_after_changes

        self.numerics.apply()
        images, extractor = _half(job, "half", self), _extractor(job, "classifier", self)
        count, extracted = 1 + len(candidate_changes(self.view.size)), []
        for raw in extract_after_changes(images, extractor):
            extracted.append(raw)
            job.progress(len(extracted) / count)
        arrays = {"features": [raw.features for raw in extracted], "logits": [raw.logits for raw in extracted]}
        arrays |= {kind: [raw.descriptors[kind] for raw in extracted] for kind in extracted[0].descriptors}
        for name, values in arrays.items():
            np.save(job.folder / f"{name}.npy", np.stack(values).astype(np.float32))
        return {"images": len(images)}


class DiagnoseSpec(StepSpec):
    """Diagnose why the images of `pixels` differ from the real images of `half 0` and `half 1`.

    The input `classifier 0` was not trained on `half 0`, and `classifier 1` was not trained on `half 1`. `tries 0` and
    `tries 1` are the results of `TrySpec` for the halves. The step stores a `findings.Diagnosis` in `diagnosis.json`
    and, in `rows.json`, the rows of `pixels` that show a cause, by the id of each cause whose images can be dropped.
    With the inputs `dataset` and `real`, from which `pixels` and both halves were decoded, it also stores lists of
    images by path in `culprits.csv`.
    """

    kind: ClassVar[str] = "diagnose"
    version: ClassVar[int] = 5
    pace: ClassVar[float] = 0.005
    view: View
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.diagnose import DiagnosisRun
        from prettyuseful.diagnosis.examples import add_examples
        from prettyuseful.steps.culprits import write_culprits

        self.numerics.apply()
        content = " ".join(job.inputs[name].manifest.key for name in _REFERENCE_INPUTS)
        reference = cached_model(_build_reference, _Inputs(self, job), content=content)
        job.progress(0.3)
        pixels = read_pixels(job, "pixels")
        rows = _sample_rows(pixels, 2 * MAX_IMAGES)
        run = DiagnosisRun(reference, _to_squares(pixels.take(rows), self))
        classes = read_classes(job, "half 0")
        diagnosis = add_examples(run, classes).model_copy(update={"classes": classes})
        if "dataset" in job.inputs:
            real_rows = [_sample_rows(read_pixels(job, f"half {part}"), MAX_IMAGES) for part in (0, 1)]
            lists = write_culprits(job, run, rows, real_rows)
            diagnosis = diagnosis.model_copy(update={"lists": lists, "images": len(rows)})
        write_json(job.folder / "diagnosis.json", diagnosis.model_dump(mode="json"))
        rows_by_cause = {cause: rows[mask].tolist() for cause, mask in run.droppable_images.items()}
        write_json(job.folder / "rows.json", rows_by_cause)
        named = [cause.row.name for cause in diagnosis.named]
        return {"images": len(rows), "classes": list(classes), "differs": diagnosis.differs, "named": named}


_REFERENCE_INPUTS = ("half 0", "half 1", "classifier 0", "classifier 1", "tries 0", "tries 1")


class _Inputs:
    """A job as an argument of `cached_model`. It compares equal for every job, as the content identifies the inputs."""

    def __init__(self, spec: DiagnoseSpec, job: Job) -> None:
        self.spec, self.job = spec, job

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inputs) and other.spec == self.spec

    def __hash__(self) -> int:
        return hash(self.spec)


def _build_reference(inputs: _Inputs) -> Reference:
    from prettyuseful.diagnosis.reference import Reference

    first, second = (_extracted_half(inputs.job, part, inputs.spec) for part in (0, 1))
    return Reference(first, second, len(read_classes(inputs.job, "half 0")))


def _extracted_half(job: Job, part: int, spec: DiagnoseSpec) -> ExtractedHalf:
    from prettyuseful.diagnosis.reference import ExtractedHalf

    images, extractor = _half(job, f"half {part}", spec), _extractor(job, f"classifier {part}", spec)
    return ExtractedHalf(images, extractor, _read_raw_features(job, f"tries {part}"))


def _half(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> LabelledImages:
    pixels = read_pixels(job, name)
    return _to_squares(pixels.take(_sample_rows(pixels, MAX_IMAGES)), spec)


def _extractor(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> Extractor:
    return partial(_extract, read_classifier(job, name, spec.numerics), spec.view)


def _read_raw_features(job: Job, name: str) -> list[RawFeatures]:
    """Read the features that `TrySpec` stored."""
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
    pixels = Pixels.from_array(squares, unlabelled, unlabelled.astype(str))
    return features_and_logits(classifier, pixels, View(view.size, view.size))  # already square


def _sample_rows(pixels: Pixels, most: int) -> np.ndarray:
    """Return the rows of about `most` images, the same number of every class, as whole groups."""
    from prettyuseful.diagnosis.images import sample_groups

    classes = np.unique(pixels.labels)
    per_class = max(_MIN_PER_CLASS, most // len(classes))
    rng = np.random.default_rng(0)
    chosen = []
    for label in classes:
        rows = np.flatnonzero(pixels.labels == label)
        chosen.append(np.sort(rows[sample_groups(pixels.groups[rows], per_class, rng)]))
    return np.concatenate(chosen)


def _to_squares(pixels: Pixels, spec: TrySpec | DiagnoseSpec) -> LabelledImages:
    """Crop the images to the squares that the classifier sees."""
    from prettyuseful.diagnosis.images import LabelledImages
    from prettyuseful.training.crops import centre_crops

    view = replace(spec.view, crops=1)
    return LabelledImages(centre_crops(pixels, view, spec.numerics.device), pixels.labels, pixels.groups)
