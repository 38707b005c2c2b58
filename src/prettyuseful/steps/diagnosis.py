"""Steps of a diagnosis: halves of the real images, what changes do to them, and what holds a set back."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from prettyuseful.data.images import thumbnail
from prettyuseful.data.pixels import Pixels, write_pixels
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import classes_of, classifier_of, pixels_of, write_json
from prettyuseful.training.recipes import View

if TYPE_CHECKING:
    from prettyuseful.diagnosis.examples import Example
    from prettyuseful.diagnosis.half import Look, Looked
    from prettyuseful.diagnosis.images import Labelled
    from prettyuseful.diagnosis.reference import Reference
    from prettyuseful.training.classifier import Classifier

MOST_IMAGES = 1024
"""of a half that a diagnosis looks at, each in some seventy changes; twice as many of a synthetic set."""
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
    """What classifier `classifier`, which has not seen `half`, says of its images after every change that is known.

    `changes` is a digest of these. `features`, `logits` and what describes images are arrays (changes + 1, N, d).
    """

    kind: ClassVar[str] = "try"
    pace: ClassVar[float] = 0.06
    view: View
    changes: str
    numerics: Numerics

    @classmethod
    def of(cls, view: View, numerics: Numerics) -> TrySpec:
        from prettyuseful.diagnosis.reference import known_changes

        said = [change.transform.model_dump(mode="json") for change in known_changes(view.size)]
        return cls(view=view, changes=digest(said), numerics=numerics)

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.reference import known_changes, tried

        self.numerics.apply()
        images, look = _half(job, "half", self), _look(job, "classifier", self)
        count, every = 1 + len(known_changes(self.view.size)), []
        for one in tried(images, look):
            every.append(one)
            job.progress(len(every) / count)
        arrays = {"features": [one.features for one in every], "logits": [one.logits for one in every]}
        arrays |= {kind: [one.described[kind] for one in every] for kind in every[0].described}
        for name, values in arrays.items():
            np.save(job.folder / f"{name}.npy", np.stack(values).astype(np.float32))
        return {"images": len(images)}


class DiagnoseSpec(StepSpec):
    """What holds the images of `pixels` back, against real images in two halves (inputs `half 0`, `half 1`).

    Input `classifier 0` has not seen `half 0`, nor `classifier 1` `half 1`; `tries 0` and `tries 1` are what they say
    of changed images. `examples.json` holds, by cause and direction, rows of small pictures (base64 PNG); `rows.json`
    which images have suspect labels or are near-copies.
    """

    kind: ClassVar[str] = "diagnose"
    pace: ClassVar[float] = 0.005
    version: ClassVar[int] = 2
    view: View
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.diagnose import Examination
        from prettyuseful.diagnosis.examples import examples

        self.numerics.apply()
        content = " ".join(job.inputs[name].manifest.key for name in _OF_REFERENCE)
        reference = cached_model(_reference, _Inputs(self, job), content=content)
        job.progress(0.3)
        pixels = pixels_of(job, "pixels")
        rows = _some_of_each_class(pixels, 2 * MOST_IMAGES)
        examination = Examination(reference, _squares(pixels.take(rows), self.view, self.numerics))
        found = examination.diagnosis()
        shown = examples(examination, found, classes_of(job, "half 0"))
        pictures = {cause: [_pictures(example) for example in of_cause] for cause, of_cause in shown.items()}
        write_json(job.folder / "examples.json", pictures)
        write_json(
            job.folder / "rows.json",
            {"labels": rows[examination.suspected].tolist(), "copies": rows[examination.copied].tolist()},
        )
        return asdict(found)


_OF_REFERENCE = ("half 0", "half 1", "classifier 0", "classifier 1", "tries 0", "tries 1")


class _Inputs:
    """A job, as an argument by which nothing is told apart: its content is told by keys."""

    def __init__(self, spec: DiagnoseSpec, job: Job) -> None:
        self.spec, self.job = spec, job

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inputs) and other.spec == self.spec

    def __hash__(self) -> int:
        return hash(self.spec)


def _reference(inputs: _Inputs) -> Reference:
    from prettyuseful.diagnosis.reference import Reference

    spec, job = inputs.spec, inputs.job
    one, two = (_half(job, f"half {i}", spec) for i in (0, 1))
    first, second = (_look(job, f"classifier {i}", spec) for i in (0, 1))
    looked = _tries(job, "tries 0"), _tries(job, "tries 1")
    return Reference((one, two), (first, second), looked, len(classes_of(job, "half 0")))


def _half(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> Labelled:
    pixels = pixels_of(job, name)
    return _squares(pixels.take(_some_of_each_class(pixels, MOST_IMAGES)), spec.view, spec.numerics)


def _look(job: Job, name: str, spec: TrySpec | DiagnoseSpec) -> Look:
    return partial(_looked, classifier_of(job, name, spec.numerics), spec.view, spec.numerics)


def _tries(job: Job, name: str) -> list[Looked]:
    from prettyuseful.diagnosis.half import Looked

    artifact = job.inputs[name]
    arrays = {entry.name.removesuffix(".npy"): np.load(artifact.path(entry.name)) for entry in artifact.manifest.files}
    features, logits = arrays.pop("features"), arrays.pop("logits")
    return [
        Looked(features[i], logits[i], {kind: values[i].astype(np.float64) for kind, values in arrays.items()})
        for i in range(len(features))
    ]


def _looked(
    classifier: Classifier, view: View, numerics: Numerics, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from prettyuseful.training.inference import features_and_logits

    nowhere = np.zeros(len(squares), np.int64)
    return features_and_logits(classifier, Pixels.of(squares, nowhere, nowhere.astype(str)), _as_cut(view), numerics)


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


def _squares(pixels: Pixels, view: View, numerics: Numerics) -> Labelled:
    """Images as a classifier is shown them."""
    from prettyuseful.diagnosis.images import Labelled
    from prettyuseful.training.views import squares_of

    return Labelled(squares_of(pixels, replace(view, crops=1), numerics.device), pixels.labels, pixels.groups)


def _pictures(example: Example) -> dict[str, Any]:
    return {
        "words": example.words,
        "images": [thumbnail(Image.fromarray(image)) for image in example.images],
        "titles": list(example.titles),
    }


def _as_cut(view: View) -> View:
    """Of squares that the view has cut already."""
    return View(view.size, view.size)
