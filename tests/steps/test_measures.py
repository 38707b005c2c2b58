from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from prettyuseful.aesthetics.rows import SCORES, offline_scores
from prettyuseful.analysis.distribution import jackknife_interval
from prettyuseful.analysis.statistics import Interval
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import read_shard
from prettyuseful.data.images import decode
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError
from prettyuseful.metrics.frechet import frechet_distance
from prettyuseful.metrics.kernel import cmmd, kid
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.prdc import manifold
from prettyuseful.metrics.rows import METRICS, pinned_family
from prettyuseful.metrics.scores import auc, share_above_median, spreads
from prettyuseful.metrics.vendi import vendi_score
from prettyuseful.numerics import Numerics
from prettyuseful.records import DatasetRecord, WholeNumber, read_records
from prettyuseful.steps.balance import draw_balanced, split_halves
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.scores import read_scores
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.transforms.colour import Colour, ColourShift

Make = Callable[..., Artifact]
PER_CLASS = 12


class PlantedSpec(StepSpec):
    """Store features, labels and groups of two images like an embedding; `fill` replaces the features."""

    kind: ClassVar[str] = "planted"
    count: int
    classes: int = 2
    shift: float = 0.0
    fill: str | None = None
    group: int = 2

    def make(self, job: Job) -> dict[str, Any]:
        rng = np.random.default_rng(int(1000 * self.shift) + self.count)
        features = rng.normal(size=(self.count * self.classes, 5)) + self.shift
        if self.fill:
            features[:] = float(self.fill)
        labels = np.repeat(np.arange(self.classes), self.count)
        np.save(job.folder / "features.npy", features)
        np.save(job.folder / "labels.npy", labels)
        np.save(job.folder / "groups.npy", np.array([f"{self.shift}-{i // self.group}" for i in range(len(labels))]))
        return {}


def arrays(artifact: Artifact) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, labels, groups = (np.load(artifact.path(f"{name}.npy")) for name in ("features", "labels", "groups"))
    return features, labels, groups


def chosen(reference: Artifact, candidate: Artifact) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the features of each class that `MeasureSpec` selects."""
    (real, labels, groups), (other, other_labels, other_groups) = arrays(reference), arrays(candidate)
    result = []
    for label in np.unique(labels):
        first, _ = split_halves(groups, np.flatnonzero(labels == label))
        result.append(
            (
                real[draw_balanced(groups, first, PER_CLASS)],
                other[draw_balanced(other_groups, np.flatnonzero(other_labels == label), PER_CLASS)],
            )
        )
    return result


def value_of(parts: list[dict[str, Any]]) -> float:
    return float(np.mean([sum(part["sums"]) / sum(part["sizes"]) for part in parts]))


@pytest.fixture
def sides(make: Make) -> tuple[Artifact, Artifact]:
    return make(PlantedSpec(count=30)), make(PlantedSpec(count=20, shift=0.4))


def measured(make: Make, family: Any, sides: tuple[Artifact, Artifact], **inputs: Any) -> dict[str, Any]:
    spec = MeasureSpec(family=Pinned[str](source=family, content=family), control=False, per_class=PER_CLASS)
    return make(spec, reference=sides[0], candidate=sides[1], **inputs).manifest.facts


@pytest.mark.parametrize(("family", "metric"), [("frechet", frechet_distance), ("kid", kid), ("cmmd", cmmd)])
def test_a_metric_of_whole_sets_equals_the_pure_function(make: Make, sides: Any, family: str, metric: Any) -> None:
    result = measured(make, family, sides)
    real, other = (np.concatenate(side) for side in zip(*chosen(*sides), strict=True))
    number = result["numbers"][family]
    assert number["value"] == pytest.approx(metric(real, other))
    assert result["images_per_class"] == [PER_CLASS, PER_CLASS]
    assert len(number["without"]) > 5
    assert np.mean(number["without"]) == pytest.approx(number["value"], rel=0.3)


def test_every_class_is_compared_with_equally_many_real_images(make: Make, sides: Any) -> None:
    """Class 0 has 4 images on either side, class 1 is left out."""
    spec = MeasureSpec(family=Pinned[str](source="kid", content="kid"), control=False, per_class=ClassCounts([4, 0]))
    result = make(spec, reference=sides[0], candidate=sides[1]).manifest.facts
    assert result["images_per_class"] == [4, 0]
    (real, labels, groups), (other, other_labels, other_groups) = map(arrays, sides)
    first, second = split_halves(groups, np.flatnonzero(labels == 0))
    candidate = other[draw_balanced(other_groups, np.flatnonzero(other_labels == 0), 4)]
    reference = real[draw_balanced(groups, first, 4)]
    assert result["numbers"]["kid"]["value"] == pytest.approx(kid(reference, candidate))
    control = make(spec.model_copy(update={"control": True}), reference=sides[0]).manifest.facts
    assert control["images_per_class"] == [4, 0]
    assert control["numbers"]["kid"]["value"] == pytest.approx(kid(reference, real[draw_balanced(groups, second, 4)]))


def test_vendi_is_measured_for_all_images_and_per_class(make: Make, sides: Any) -> None:
    result = measured(make, "vendi", sides)
    others = [other for _, other in chosen(*sides)]
    assert result["numbers"]["vendi"]["value"] == pytest.approx(vendi_score(np.concatenate(others)))
    each = [vendi_score(other) for other in others]
    assert [number["value"] for number in result["by_class"]["vendi-per-class"]] == pytest.approx(each)
    assert result["numbers"]["vendi-per-class"]["value"] == pytest.approx(np.mean(each))


def test_metrics_per_image_equal_the_pure_functions_by_class(make: Make, sides: Any) -> None:
    pairs = chosen(*sides)
    near = measured(make, "nearest", sides)["parts"]["nearest"]
    assert value_of(near) == pytest.approx(
        np.mean([nearest_distance(*pair).distance.mean() for pair in pairs]), rel=1e-5
    )
    parts = measured(make, "manifold", sides)["parts"]
    for name in ("precision", "recall", "density", "coverage"):
        wanted = np.mean([getattr(manifold(*pair), name) for pair in pairs])
        assert value_of(parts[name]) == pytest.approx(wanted, abs=1e-5)


OWN = """
import numpy as np
from prettyuseful.metrics import Metric

def shift(real, synthetic):
    return np.linalg.norm(real.mean(axis=0) - synthetic.mean(axis=0))

def nothing(real, synthetic):
    return np.zeros(3)

SHIFT = Metric(name="shift", summary="x", function=shift, per="class")
WHOLE = Metric(name="whole", summary="x", function=shift, per="set")
SHORT = Metric(name="short", summary="x", function=nothing, per="real image")
"""


def test_a_user_defined_metric_has_a_number_per_class_with_its_blocks(make: Make, sides: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    own = f"{tmp_path / 'mine.py'}:"
    result, pairs = measured(make, f"{own}SHIFT", sides), chosen(*sides)
    each = [float(np.linalg.norm(real.mean(axis=0) - other.mean(axis=0))) for real, other in pairs]
    assert [number["value"] for number in result["by_class"]["shift"]] == pytest.approx(each)
    mean = result["numbers"]["shift"]
    assert mean["value"] == pytest.approx(np.mean(each))
    assert np.mean(mean["without"]) == pytest.approx(mean["value"], rel=0.1)
    # Leaving out a block of one class does not change other classes.
    assert len(result["by_class"]["shift"][0]["without"]) <= len(mean["without"])
    assert list(measured(make, f"{own}WHOLE", sides)["numbers"]) == ["whole"]
    with pytest.raises(DataError, match=r"'short' returned an array of shape \(3,\) for 12 images"):
        measured(make, f"{own}SHORT", sides)


def test_the_control_is_measured_against_the_other_half(make: Make, sides: Any) -> None:
    spec = MeasureSpec(family=pinned_family("frechet"), control=True, per_class=PER_CLASS)
    result = make(spec, reference=sides[0]).manifest.facts
    features, labels, groups = arrays(sides[0])
    both: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for label in (0, 1):
        for side, rows in zip(both, split_halves(groups, np.flatnonzero(labels == label)), strict=True):
            side.append(features[draw_balanced(groups, rows, PER_CLASS)])
    wanted = frechet_distance(*(np.concatenate(side) for side in both))
    assert result["numbers"]["frechet"]["value"] == pytest.approx(wanted)


@pytest.mark.parametrize("fill", ["nan", "inf"])
@pytest.mark.parametrize("family", ["manifold", "frechet", "kid", "cmmd", "vendi", "nearest"])
def test_non_finite_features_raise_an_error(make: Make, family: str, fill: str) -> None:
    sides = make(PlantedSpec(count=30)), make(PlantedSpec(count=20, fill=fill))
    with pytest.raises(DataError, match="not finite"):
        measured(make, family, sides)


@pytest.mark.parametrize(
    ("family", "values"),
    [("frechet", {0.0}), ("kid", {0.0}), ("cmmd", {0.0}), ("vendi", {1.0}), ("nearest", {0.0}), ("manifold", {0.0})],
)
def test_constant_features_give_defined_values(make: Make, family: str, values: set[float]) -> None:
    sides = make(PlantedSpec(count=30, fill="2")), make(PlantedSpec(count=20, fill="2"))
    result = measured(make, family, sides)
    raised = [number["value"] for number in result["numbers"].values()]
    raised += [value_of(parts) for parts in result["parts"].values()]
    assert {round(value, 9) for value in raised} == values


def test_classes_of_too_few_groups_are_left_out_or_the_reason_is_given(make: Make) -> None:
    candidate, few = make(PlantedSpec(count=24, shift=0.3)), make(PlantedSpec(count=24, group=24))
    facts = measured(make, "manifold", (few, candidate))
    assert list(facts) == ["not_measured"]
    assert facts["not_measured"].startswith("most classes have fewer than 6 real test images in one of two halves")
    mixed = make(PlantedSpec(count=24, classes=3, group=20))  # the first class has groups of 20 and 4 images
    facts = measured(make, "manifold", (mixed, make(PlantedSpec(count=24, classes=3, shift=0.3))))
    assert [count > 0 for count in facts["images_per_class"]] == [False, True, True]
    assert all(len(parts) == 2 for parts in facts["parts"].values())


def test_a_missing_class_raises_an_error(make: Make) -> None:
    sides = make(PlantedSpec(count=30, classes=3)), make(PlantedSpec(count=20, classes=2))
    with pytest.raises(DataError, match=r"class 2 \(from 0\) has 0 images"):
        measured(make, "frechet", sides)


def test_clip_scores_agree_with_transformers(make: Make, load: Callable[[int], Artifact], clip_folder: Path) -> None:
    from transformers import AutoProcessor, CLIPModel

    source, texts, dataset = EncoderSource(name="clip-vit-b-32", weights=str(clip_folder)), ("red", "a cat"), load(6)
    common: dict[str, Any] = {"encoder": source.pin(), "numerics": Numerics()}
    embedded, of_texts = make(EmbedSpec(**common), dataset=dataset), make(EmbedTextSpec(**common, texts=texts))
    spec = MeasureSpec(family=pinned_family("clip-score"), control=False, per_class=3)
    result = make(spec, reference=embedded, candidate=embedded, texts=of_texts).manifest.facts

    model, processor = CLIPModel.from_pretrained(clip_folder), AutoProcessor.from_pretrained(clip_folder)
    rows = list(read_shard(dataset.path(dataset.manifest.files[0].name)))
    images = [decode(row.data, row.path) for row in rows]
    output = model(**processor(text=list(texts), images=images, return_tensors="pt", padding=True))
    cosines = (output.logits_per_image / model.logit_scale.exp()).detach().numpy()
    for label, part in enumerate(result["parts"]["clip-score"]):
        wanted = {row.group: 2.5 * max(cosine[label], 0) for row, cosine in zip(rows, cosines, strict=True)}
        assert part["sums"] == pytest.approx([wanted[group] for group in part["groups"]], abs=1e-5)
        assert len(part["groups"]) == 3


def test_a_finished_study_has_the_values_of_the_metric_functions(finished: Path) -> None:
    """The numbers in the record equal the pure function on the stored features."""
    records = read_records(finished / "out" / "records")
    record = next(r for r in records if isinstance(r, DatasetRecord) and not r.control)
    store = LocalStore(finished / "store")
    step = store.read(record.keys["measure manifold real-trained"])
    assert step is not None
    inputs = {name: store.read(key) for name, key in step.manifest.inputs.items()}
    real, synthetic = inputs["reference"], inputs["candidate"]
    assert real is not None
    assert synthetic is not None
    features, labels, groups = arrays(real)
    other, other_labels, _ = arrays(synthetic)
    plain = next(result for result in record.measured if result.reencoded is None)
    for label in (0, 1):
        first, _ = split_halves(groups, np.flatnonzero(labels == label))
        assert len(first) == plain.images_per_class[label] == 7
        wanted = manifold(features[first], other[other_labels == label])
        part = plain.parts["coverage"][label]
        assert sum(part.sums) / sum(part.sizes) == wanted.coverage


class PlantedScoresSpec(StepSpec):
    """Store scores, labels and groups of images like the step `score`; those of the candidate are higher and closer."""

    kind: ClassVar[str] = "planted-scores"
    candidate: bool

    def make(self, job: Job) -> dict[str, Any]:
        names = offline_scores()
        scores = np.random.default_rng(int(self.candidate)).normal(size=(60, len(names)))
        labels, groups = np.repeat([0, 1], 30), np.array([f"{self.candidate}-{i // 2}" for i in range(60)])
        scores = 0.8 + 0.5 * scores if self.candidate else scores
        for name, values in (("scores", scores), ("labels", labels), ("groups", groups)):
            np.save(job.folder / f"{name}.npy", values)
        return {"scores": list(names)}


@pytest.fixture
def scored(make: Make) -> tuple[Artifact, Artifact]:
    return make(PlantedScoresSpec(candidate=False)), make(PlantedScoresSpec(candidate=True))


def chosen_scores(sides: tuple[Artifact, Artifact], score: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the scores of each class that `MeasureSpec` selects."""
    real, other = (read_scores(side) for side in sides)
    first, second = [], []
    for label in (0, 1):
        half, _ = split_halves(real.groups, np.flatnonzero(real.labels == label))
        first.append(draw_balanced(real.groups, half, PER_CLASS))
        second.append(draw_balanced(other.groups, np.flatnonzero(other.labels == label), PER_CLASS))
    real, other = real.take(np.concatenate(first)), other.take(np.concatenate(second))
    columns = real.column(score, real), other.column(score, real)
    return list(zip(*(np.split(column, 2) for column in columns), strict=True))


@pytest.mark.parametrize("score", ["prettiness", "contrast"])
def test_scores_are_compared_within_the_class(make: Make, scored: tuple[Artifact, Artifact], score: str) -> None:
    result, pairs = measured(make, score, scored), chosen_scores(scored, score)
    numbers = {name: number["value"] for name, number in result["numbers"].items()}
    assert numbers[f"{score}-auc"] == pytest.approx(np.mean([auc(*pair) for pair in pairs]))
    assert numbers[f"{score}-above-median"] == pytest.approx(np.mean([share_above_median(*pair) for pair in pairs]))
    narrow, wide = np.transpose([spreads(*pair) for pair in pairs])
    assert numbers[f"{score}-spread"] == pytest.approx(narrow.mean() / wide.mean())
    assert [number["value"] for number in result["by_class"][f"{score}-spread"]] == pytest.approx(narrow / wide)
    means = np.mean([other.mean() for _, other in pairs])
    mean = numbers[score] if score == "prettiness" else value_of(result["parts"][score])
    assert mean == pytest.approx(means, abs=1e-6)
    assert numbers[f"{score}-auc"] > 0.6
    assert numbers[f"{score}-spread"] < 0.8


def test_real_scores_are_their_own_control(make: Make, scored: tuple[Artifact, Artifact]) -> None:
    spec = MeasureSpec(family=Pinned[str](source="contrast", content="x"), control=True, per_class=PER_CLASS)
    result = make(spec, reference=scored[0]).manifest.facts
    for name, wanted in (("contrast-auc", 0.5), ("contrast-spread", 1.0), ("contrast-above-median", 0.5)):
        interval = jackknife_interval(WholeNumber.model_validate(result["numbers"][name]), "")
        assert interval.low < wanted < interval.high


class ScoredSpec(StepSpec):
    """Score crops of photographs, with their colours weakened to `saturation` and their contrast to `contrast`."""

    kind: ClassVar[str] = "scored"
    split: Literal["train", "test"]
    saturation: float = 1.0
    contrast: float = 1.0

    def make(self, job: Job) -> dict[str, Any]:
        rows = list(PhotosTask().images(self.split, 16 if self.split == "test" else 8))
        change = ColourShift(contrast=self.contrast)
        pixels = [change.transform_image(np.asarray(decode(row.data, row.path))) for row in rows]
        pixels = [Colour(saturation=self.saturation).transform_image(image) for image in pixels]
        names = offline_scores()
        scores = np.array([[SCORES[name].of(image) for name in names] for image in pixels])
        columns = {"labels": np.array([row.label for row in rows]), "groups": np.array([row.group for row in rows])}
        for name, values in ({"scores": scores} | columns).items():
            np.save(job.folder / f"{name}.npy", values)
        return {"scores": list(names)}


def test_planted_changes_are_found_in_their_scores(make: Make) -> None:
    real = make(ScoredSpec(split="test"))

    def value(changed: Artifact, metric: str) -> Interval:
        number = measured(make, METRICS[metric].family, (real, changed))["numbers"][metric]
        return jackknife_interval(WholeNumber.model_validate(number), "")

    pale, flat = make(ScoredSpec(split="train", saturation=0.4)), make(ScoredSpec(split="train", contrast=0.5))
    assert value(pale, "colourfulness-auc").high < 0.5
    assert value(pale, "colourfulness-spread").high < 1
    assert value(pale, "contrast-auc").low < 0.5 < value(pale, "contrast-auc").high
    assert value(flat, "contrast-auc").high < 0.4
    assert value(flat, "contrast-spread").high < 1
    assert value(flat, "prettiness").high < 0
