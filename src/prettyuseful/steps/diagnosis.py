"""Steps of a diagnosis: split the real images, extract features after candidate changes, and diagnose a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prettyuseful.data.pixels import Pixels, write_pixels
from prettyuseful.encoders.source import at_size, open_encoder
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.numerics import Numerics
from prettyuseful.steps.checks import file_facts
from prettyuseful.steps.diagnosed_images import Setup, Squares
from prettyuseful.steps.inputs import read_classes, read_classifier, read_pixels, write_json
from prettyuseful.training.recipes import FrozenFeatures, View

if TYPE_CHECKING:
    from prettyuseful.diagnosis.diagnose import DiagnosisRun
    from prettyuseful.diagnosis.features import Extractor, RawFeatures
    from prettyuseful.diagnosis.findings import Detectable
    from prettyuseful.diagnosis.formats import FormatFinding
    from prettyuseful.diagnosis.images import LabelledImages
    from prettyuseful.diagnosis.reference import ExtractedHalf, Reference
    from prettyuseful.training.classifier import Classifier
    from prettyuseful.training.linear_probe import LinearProbe


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
    """Extract features of images of `half`, unchanged and after every candidate change.

    The input `classifier` was not trained on these images; it is absent if the setup has an encoder. `changes` is a
    digest of the candidates. The step stores `features`, `logits` (of the classifier) and each kind of descriptors as
    arrays (changes + 1, N, d).
    """

    kind: ClassVar[str] = "try"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.06
    setup: Setup
    changes: str
    numerics: Numerics

    @classmethod
    def of_setup(cls, setup: Setup, numerics: Numerics) -> TrySpec:
        from prettyuseful.diagnosis.candidates import candidate_changes

        changes = [change.specification for change in candidate_changes(setup.view.size, setup.coarse)]
        return cls(setup=setup, changes=digest(changes), numerics=numerics)

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.candidates import candidate_changes
        from prettyuseful.diagnosis.reference import extract_after_changes

        self.numerics.apply()
        images = self.setup.changed_images(Squares(self.setup, self.numerics.device).read_half(job, "half"))
        if self.setup.encoder is None:
            extractor = _network(job, "classifier", self.setup, self.numerics)
        else:
            extractor = FrozenExtractor(FrozenEncoder(self.setup, self.numerics))
        count, extracted = 1 + len(candidate_changes(self.setup.view.size, self.setup.coarse)), []
        for raw in extract_after_changes(images, extractor, self.setup.coarse):
            extracted.append(raw)
            job.progress(len(extracted) / count)
        arrays = {"features": [raw.features for raw in extracted], "logits": [raw.logits for raw in extracted]}
        arrays |= {kind: [raw.descriptors[kind] for raw in extracted] for kind in extracted[0].descriptors}
        for name, values in arrays.items():
            np.save(job.folder / f"{name}.npy", np.stack(values).astype(np.float32))
        return {"images": len(images)}


class DiagnoseSpec(StepSpec):
    """Diagnose why the images of `pixels` differ from the real images of `half 0` and `half 1`.

    The input `classifier 0` was not trained on `half 0`, and `classifier 1` was not trained on `half 1`; they are
    absent if the setup has an encoder. `tries 0` and `tries 1` are the results of `TrySpec` for the halves. `dataset`
    and `real` are the encoded images from which `pixels` and both halves were decoded; `inspected` and `inspected real`
    are the facts on their files. If the formats of the files differ, both sides are given the same format first.

    The step stores a `findings.Diagnosis` in `diagnosis.json`; in `rows.json`, the rows of `pixels` that show a cause,
    by the id of each cause whose images can be dropped; and in `culprits.csv`, lists of images by path. Groups are
    known only now: if there are too few, the fact `not_diagnosed` is the reason, and `rows.json` is empty.
    """

    kind: ClassVar[str] = "diagnose"
    version: ClassVar[int] = 6
    pace: ClassVar[float] = 0.005
    setup: Setup
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.images import NotDiagnosableError

        try:
            return self._diagnose(job)
        except NotDiagnosableError as error:
            write_json(job.folder / ROWS, {})
            classes = read_classes(job, "half 0")
            return {"not_diagnosed": error.of_class("" if error.label is None else repr(classes[error.label]))}

    def _diagnose(self, job: Job) -> dict[str, Any]:
        from prettyuseful.diagnosis.examples import add_examples
        from prettyuseful.steps.culprits import write_culprits

        self.numerics.apply()
        content = " ".join(job.inputs[name].manifest.key for name in _REFERENCE_INPUTS if name in job.inputs)
        real = cached_model(_read_real, _Inputs(self, job), content=content)
        job.progress(0.3)
        pixels = read_pixels(job, "pixels")
        rows = self.squares.set_rows(pixels)
        run, formats = self._with_one_format(job, real, self.squares.crop(pixels.take(rows)), rows)
        classes = read_classes(job, "half 0")
        diagnosis = add_examples(run, classes)
        lists = write_culprits(job, run, rows, real.rows)
        more = {"classes": classes, "format": formats, "detectable": real.detectable}
        diagnosis = diagnosis.model_copy(update={**more, "lists": lists, "images": len(rows)})
        write_json(job.folder / "diagnosis.json", diagnosis.model_dump(mode="json"))
        rows_by_cause = {cause: rows[mask].tolist() for cause, mask in run.droppable_images.items()}
        write_json(job.folder / ROWS, rows_by_cause)
        named = [cause.row.name for cause in diagnosis.named]
        return {"images": len(rows), "classes": list(classes), "differs": diagnosis.differs, "named": named}

    @property
    def squares(self) -> Squares:
        return Squares(self.setup, self.numerics.device)

    def _with_one_format(
        self, job: Job, real: _Real, synthetic: LabelledImages, rows: np.ndarray
    ) -> tuple[DiagnosisRun, FormatFinding | None]:
        """Return the diagnosis of images in one format, and the difference of formats, or None.

        `synthetic`: the images as they are. `rows`: the diagnosed rows of `dataset`.
        """
        from prettyuseful.diagnosis.formats import compare_formats
        from prettyuseful.diagnosis.same_format import format_finding, same_format

        difference = compare_formats(file_facts(job.inputs["inspected real"]), file_facts(job.inputs["inspected"]))
        finding = format_finding(difference)
        if finding is None:
            return real.compare(synthetic), None
        recipe, as_they_are = same_format(difference), real.compare_sample(synthetic).diagnosis
        of_real, of_synthetic = finding.changes
        if of_real.share > 0:
            first, second = (self.squares.decode(job, "real", half, recipe.real).pixels for half in real.rows)
            real = real.with_pixels(first, second)
        if of_synthetic.share > 0:
            synthetic = self.squares.decode(job, "dataset", rows, recipe.synthetic)
        after = real.compare(synthetic)
        remaining = {cause.row.name for cause in after.diagnosis.named}
        vanished = [cause.row.name for cause in as_they_are.named if cause.row.name not in remaining]
        return after, finding.model_copy(update={"vanished": tuple(vanished)})


ROWS = "rows.json"
"""File of a diagnosis with the images that show a cause."""
_REFERENCE_INPUTS = ("half 0", "half 1", "classifier 0", "classifier 1", "tries 0", "tries 1")


@dataclass(frozen=True)
class _Real:
    """The real images of diagnoses.

    Attributes:
        halves: the images that are judged one by one.
        rows: their rows in `real`, see `DiagnosedIndex`.
        sample: those with which candidate changes are compared, or None for all.
        detectable: the smallest changes that they can show.
    """

    setup: Setup
    classes: int
    halves: tuple[ExtractedHalf, ExtractedHalf]
    rows: tuple[np.ndarray, np.ndarray]
    sample: tuple[ExtractedHalf, ExtractedHalf] | None

    @cached_property
    def reference(self) -> Reference:
        from prettyuseful.diagnosis.reference import Reference

        return Reference(*self.halves, self.classes)

    @cached_property
    def sample_reference(self) -> Reference:
        from prettyuseful.diagnosis.reference import Reference

        return self.reference if self.sample is None else Reference(*self.sample, self.classes)

    @cached_property
    def detectable(self) -> tuple[Detectable, ...]:
        from prettyuseful.diagnosis.detectable import smallest_detectable

        return smallest_detectable(self.sample_reference)

    def with_pixels(self, first: np.ndarray, second: np.ndarray) -> _Real:
        """Return the images of both halves in another version, such as after another compression."""
        halves = self.halves[0].with_pixels(first), self.halves[1].with_pixels(second)
        if self.sample is None:
            return replace(self, halves=halves)
        rows = [self.setup.changed_rows(half.images) for half in halves]
        sample = self.sample[0].with_pixels(first[rows[0]]), self.sample[1].with_pixels(second[rows[1]])
        return replace(self, halves=halves, sample=sample)

    def compare(self, synthetic: LabelledImages) -> DiagnosisRun:
        """Diagnose synthetic images."""
        from prettyuseful.diagnosis.comparison import Comparison
        from prettyuseful.diagnosis.diagnose import DiagnosisRun

        if self.sample is None:
            return DiagnosisRun(self.reference, synthetic)
        sample = synthetic.take(self.setup.changed_rows(synthetic, halves=2))
        return DiagnosisRun(self.reference, synthetic, Comparison(self.sample_reference, sample))

    def compare_sample(self, synthetic: LabelledImages) -> DiagnosisRun:
        """Diagnose only those of the images with which candidate changes are compared, which is faster."""
        from prettyuseful.diagnosis.diagnose import DiagnosisRun

        return DiagnosisRun(self.sample_reference, synthetic.take(self.setup.changed_rows(synthetic, halves=2)))


class _Inputs:
    """A job as an argument of `cached_model`. It compares equal for every job, as the content identifies the inputs."""

    def __init__(self, spec: DiagnoseSpec, job: Job) -> None:
        self.spec, self.job = spec, job

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inputs) and other.spec == self.spec

    def __hash__(self) -> int:
        return hash(self.spec.kind)


def _read_real(inputs: _Inputs) -> _Real:
    spec, job, classes = inputs.spec, inputs.job, len(read_classes(inputs.job, "half 0"))
    images = [spec.squares.read_half(job, f"half {part}") for part in (0, 1)]
    tries = [_read_raw_features(job, f"tries {part}") for part in (0, 1)]
    sample = None
    if spec.setup.encoder is None:
        first, second = (_half_of_network(spec, job, part, images[part], tries[part]) for part in (0, 1))
    else:
        encoder = FrozenEncoder(spec.setup, spec.numerics)
        first, second = _halves_of_encoder(encoder, images, classes)
        sample = _sample_of_encoder(encoder, images, tries)
    return _Real(spec.setup, classes, (first, second), spec.squares.real_rows(job), sample)


def _half_of_network(
    spec: DiagnoseSpec, job: Job, part: int, images: LabelledImages, tries: Sequence[RawFeatures]
) -> ExtractedHalf:
    from prettyuseful.diagnosis.reference import ExtractedHalf

    network = _network(job, f"classifier {part}", spec.setup, spec.numerics)
    return ExtractedHalf(images, network, tries, coarse=spec.setup.coarse)


def _halves_of_encoder(
    encoder: FrozenEncoder, images: Sequence[LabelledImages], classes: int
) -> tuple[ExtractedHalf, ExtractedHalf]:
    """Return both halves, each with logits of a linear probe that is fitted on the other."""
    from prettyuseful.diagnosis.descriptors import describe
    from prettyuseful.diagnosis.features import RawFeatures
    from prettyuseful.diagnosis.reference import ExtractedHalf
    from prettyuseful.training.linear_probe import fit_linear_probe

    features = [encoder.features(half.pixels) for half in images]

    def extracted(part: int) -> ExtractedHalf:
        half, other = images[part], images[1 - part]
        probe = fit_linear_probe(features[1 - part], other.labels, other.groups, classes, FrozenFeatures())
        unchanged = RawFeatures(features[part], probe.logits(features[part]), describe(half.pixels))
        extractor = FrozenExtractor(encoder, probe)
        return ExtractedHalf(half, extractor, [unchanged], frozen=True, coarse=encoder.setup.coarse)

    return extracted(0), extracted(1)


def _sample_of_encoder(
    encoder: FrozenEncoder, images: Sequence[LabelledImages], tries: Sequence[Sequence[RawFeatures]]
) -> tuple[ExtractedHalf, ExtractedHalf]:
    """Return both halves of the images with which candidate changes are compared."""
    from prettyuseful.diagnosis.reference import ExtractedHalf

    first, second = (
        ExtractedHalf(
            encoder.setup.changed_images(half),
            FrozenExtractor(encoder),
            features,
            frozen=True,
            coarse=encoder.setup.coarse,
        )
        for half, features in zip(images, tries, strict=True)
    )
    return first, second


def _network(job: Job, name: str, setup: Setup, numerics: Numerics) -> Extractor:
    return partial(_extract, read_classifier(job, name, numerics), setup.view)


class FrozenEncoder:
    """The encoder of a setup. Both halves need the features of the same images, which are extracted once."""

    def __init__(self, setup: Setup, numerics: Numerics) -> None:
        assert setup.encoder is not None
        self.setup, self.encoder, self.numerics = setup, setup.encoder, numerics
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def features(self, squares: np.ndarray) -> np.ndarray:
        """Return features (N, d) of (N, H, W, 3) uint8 images."""
        if self._last is None or self._last[0] is not squares:
            encoder = at_size(open_encoder(self.encoder, self.numerics), self.setup.view.size)
            self._last = squares, encoder.features(_unlabelled(squares))
        return self._last[1]


@dataclass(frozen=True)
class FrozenExtractor:
    """Features of a frozen encoder, and logits of a linear probe on them, or zeros without one."""

    encoder: FrozenEncoder
    probe: LinearProbe | None = None

    def __call__(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return features (N, d) and logits (N, classes) of (N, H, W, 3) uint8 images."""
        features = self.encoder.features(squares)
        logits = np.zeros((len(squares), 1), np.float32) if self.probe is None else self.probe.logits(features)
        return features, logits


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

    return features_and_logits(classifier, _unlabelled(squares), View(view.size, view.size))  # already square


def _unlabelled(squares: np.ndarray) -> Pixels:
    labels = np.zeros(len(squares), np.int64)
    return Pixels.from_array(squares, labels, labels.astype(str))
