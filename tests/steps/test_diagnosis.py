"""Halves of the real images and the diagnosis step, on crops of four photographs."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from tests.frozen import write_encoder

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.image_lists import read_image_list
from prettyuseful.data.images import encode_png
from prettyuseful.data.pixels import Pixels, load_pixels, write_pixels
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.cache import release_model
from prettyuseful.engine.step import Job, Step, StepSpec, run_step
from prettyuseful.engine.store.base import Artifact
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.steps.checks import InspectSpec
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.culprits import CULPRITS
from prettyuseful.steps.diagnosed_images import SampleSize, Setup
from prettyuseful.steps.diagnosis import ROWS, DiagnoseSpec, HalfSpec, KeepClassesSpec, TrySpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training.recipes import SMALL, Recipe, View
from prettyuseful.transforms.base import resize_image
from prettyuseful.transforms.degradation import Blur, Jpeg

from .conftest import Make, make_in

SIDE = 16
VIEW = View(SIDE, SIDE)
# 26 images per class of each half, and 52 of a data set; few candidate changes.
SETUP = Setup(VIEW, SIDE, images=SampleSize(104, 12), coarse=True)
SPEC = DiagnoseSpec(setup=SETUP, numerics=Numerics())
RECIPE: Recipe = replace(
    SMALL, stored_size=SIDE, resize=SIDE, epochs=4, augmentation=replace(SMALL.augmentation, size=SIDE)
)


def test_some_classes_are_kept_with_labels_from_0(make: Make) -> None:
    before = make(PlantedSpec())
    artifact = make(KeepClassesSpec(labels=(0, 2)), pixels=before)
    pixels, all_pixels = opened(artifact), opened(before)
    rows = np.flatnonzero(all_pixels.labels != 1)
    assert pixels.labels.tolist() == (all_pixels.labels[rows] // 2).tolist()
    assert pixels.groups.tolist() == all_pixels.groups[rows].tolist()
    assert all(np.array_equal(pixels[i], all_pixels[int(row)]) for i, row in enumerate(rows))
    names = before.manifest.facts["classes"]
    assert artifact.manifest.facts == {"classes": [names[0], names[2]], "images": len(rows)}


def opened(artifact: Artifact) -> Pixels:
    return load_pixels({entry.name: artifact.path(entry.name) for entry in artifact.manifest.files})


def diagnosis_of(artifact: Artifact) -> Diagnosis:
    return Diagnosis.model_validate_json(artifact.path("diagnosis.json").read_bytes())


def bytes_of(artifact: Artifact) -> dict[str, str]:
    return {entry.name: entry.sha256 for entry in artifact.manifest.files}


def images_of(pixels: Pixels) -> Counter[tuple[int, str, bytes]]:
    return Counter((int(pixels.labels[i]), str(pixels.groups[i]), pixels[i].tobytes()) for i in range(len(pixels)))


class PlantedSpec(StepSpec):
    """Decoded images of three classes in groups of three, with different heights and widths."""

    kind: ClassVar[str] = "planted"
    per_class: int = 20
    reverse: bool = False

    def make(self, job: Job) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        images = [
            (rng.integers(0, 256, (4 + i % 3, 5, 3), np.uint8), label, f"{label}/{i // 3}")
            for i in range(self.per_class)
            for label in range(3)
        ]
        write_pixels(job.folder, images[::-1] if self.reverse else images)
        return {"classes": ["a", "b", "c"], "images": len(images)}


@pytest.fixture
def halves(make: Make) -> tuple[Artifact, list[Artifact]]:
    whole = make(PlantedSpec())
    return whole, [make(HalfSpec(part=part), pixels=whole) for part in (0, 1)]


def test_halves_contain_every_image_once(halves: tuple[Artifact, list[Artifact]]) -> None:
    whole, parts = halves
    first, second = (images_of(opened(part)) for part in parts)
    assert first + second == images_of(opened(whole))
    for part in parts:
        assert part.manifest.facts["classes"] == ["a", "b", "c"]
        assert part.manifest.facts["images"] == len(opened(part))


def test_halves_share_no_group_and_are_nearly_equal_in_every_class(halves: tuple[Artifact, list[Artifact]]) -> None:
    first, second = (opened(part) for part in halves[1])
    assert not set(first.groups) & set(second.groups)
    for label in range(3):
        assert abs(int((first.labels == label).sum()) - int((second.labels == label).sum())) <= 3  # one group


def test_halves_are_ordered_and_reproducible(
    halves: tuple[Artifact, list[Artifact]], make: Make, tmp_path: Path
) -> None:
    whole, parts = halves
    order = {(str(group), pixels): i for i, (_, group, pixels) in enumerate(_in_order(opened(whole)))}
    for part, artifact in enumerate(parts):
        result = opened(artifact)
        assert (np.diff(result.labels) >= 0).all()
        for label in range(3):
            places = [order[group, pixels] for of, group, pixels in _in_order(result) if of == label]
            assert places == sorted(places)
        elsewhere = LocalStore(tmp_path / "elsewhere")
        again = make_in(elsewhere, HalfSpec(part=part), pixels=make_in(elsewhere, PlantedSpec()))
        assert bytes_of(again) == bytes_of(artifact)
        turned = make(HalfSpec(part=part), pixels=make(PlantedSpec(reverse=True)))
        assert images_of(opened(turned)) == images_of(result)  # the names of the groups decide, not their order


def _in_order(pixels: Pixels) -> list[tuple[int, str, bytes]]:
    return [(int(pixels.labels[i]), str(pixels.groups[i]), pixels[i].tobytes()) for i in range(len(pixels))]


NAMES = ("astronaut", "brick", "moon", "rocket")
BLOCK = 48
"""Side of a block of a photograph in pixels. Each block becomes one image."""


class CropsSpec(StepSpec):
    """Blocks of four photographs, `unseen` and then `real` blocks of each. Each block is a group."""

    kind: ClassVar[str] = "crops"
    unseen: int
    real: int

    def make(self, job: Job) -> dict[str, Any]:
        def crops() -> Iterator[tuple[np.ndarray, int, str]]:
            for label, name in enumerate(NAMES):
                [photograph] = [load_photograph(row) for row in PHOTOGRAPHS if row.name == name]
                rows, columns = (side // BLOCK for side in photograph.shape[:2])
                places = np.random.default_rng(0).permutation([(r, c) for r in range(rows) for c in range(columns)])
                for odd, count in ((1, self.unseen), (0, self.real)):
                    for r, c in places[places.sum(axis=1) % 2 == odd][:count]:
                        block = photograph[r * BLOCK : (r + 1) * BLOCK, c * BLOCK : (c + 1) * BLOCK]
                        yield resize_image(block, SIDE, SIDE), label, f"{name}/{r}-{c}"

        write_pixels(job.folder, crops())
        return {"classes": list(NAMES), "images": len(NAMES) * (self.unseen + self.real)}


class ImagesSpec(StepSpec):
    """The data set from which decoded images could come: the path of each is its group, with an ending.

    `jpeg`: quality of the files, or None for PNG.
    """

    kind: ClassVar[str] = "images"
    jpeg: int | None = None

    def make(self, job: Job) -> dict[str, Any]:
        pixels, facts = opened(job.inputs["pixels"]), job.inputs["pixels"].manifest.facts
        rows = (
            Row(self._encode(pixels[i]), f"{pixels.groups[i]}.png", int(pixels.labels[i]), str(pixels.groups[i]))
            for i in range(len(pixels))
        )
        write_shard(job.folder / shard_name(0, 1), rows, facts["classes"])
        return dict(facts)

    def _encode(self, pixels: np.ndarray) -> bytes:
        if self.jpeg is None:
            return encode_png(pixels)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=self.jpeg)
        return buffer.getvalue()


class World:
    """A store with all inputs of a diagnosis (real crops in two halves, classifiers), and data sets to diagnose."""

    def __init__(self, store: LocalStore) -> None:
        self.store = store
        halves = [self.make(HalfSpec(part=part), pixels=self.mixed(0, 48)) for part in (0, 1)]
        training = TrainSpec(architecture="small", recipe=RECIPE, seed=0, numerics=TrainingNumerics())
        trained = [self.make(training, pixels=half) for half in halves]
        self.reference: dict[str, Artifact] = {}
        for part, half in enumerate(halves):
            inputs = {"half": half, "classifier": trained[1 - part]}
            tries = self.make(TrySpec.of_setup(SETUP, Numerics()), **inputs)
            self.reference |= {f"half {part}": half, f"classifier {part}": inputs["classifier"], f"tries {part}": tries}

    def make(self, spec: StepSpec, **inputs: Artifact) -> Artifact:
        return make_in(self.store, spec, **inputs)

    def mixed(self, unseen: int, real: int) -> Artifact:
        """Return `unseen` images per class that are not in the real set, followed by `real` images that are."""
        return self.make(CropsSpec(unseen=unseen, real=real))

    def blurred(self, pixels: Artifact) -> Artifact:
        blur = Blur(width=1.5 / SIDE)
        return self.make(ProbeSpec(transform=blur.pin(), numerics=Numerics()), pixels=pixels)

    def inputs(self, pixels: Artifact, jpeg: int | None = None) -> dict[str, Artifact]:
        """Return the inputs of a diagnosis of `pixels`, whose files are PNGs or JPEGs; real images are PNGs."""
        dataset, real = self.images(pixels, jpeg), self.images(self.mixed(0, 48))
        inspected = {"inspected": self.inspected(dataset), "inspected real": self.inspected(real)}
        return {**self.reference, "pixels": pixels, "dataset": dataset, "real": real, **inspected}

    def diagnosed(self, pixels: Artifact, jpeg: int | None = None) -> Artifact:
        return self.make(SPEC, **self.inputs(pixels, jpeg))

    def diagnosed_frozen(self, folder: Path, images: SampleSize, changed: SampleSize, pixels: Artifact) -> Artifact:
        """Diagnose with a frozen encoder, which is written to `folder`."""
        encoder = EncoderSource(name=write_encoder(folder)).pin()
        setup = Setup(VIEW, SIDE, encoder, images, changed, coarse=True)
        inputs = {name: artifact for name, artifact in self.inputs(pixels).items() if "classifier" not in name}
        for part in (0, 1):
            inputs[f"tries {part}"] = self.make(TrySpec.of_setup(setup, Numerics()), half=inputs[f"half {part}"])
        return self.make(DiagnoseSpec(setup=setup, numerics=Numerics()), **inputs)

    def images(self, pixels: Artifact, jpeg: int | None = None) -> Artifact:
        return self.make(ImagesSpec(jpeg=jpeg), pixels=pixels)

    def inspected(self, dataset: Artifact) -> Artifact:
        return self.make(InspectSpec(), dataset=dataset)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(LocalStore(tmp_path_factory.mktemp("world") / "store"))


@pytest.fixture(scope="module")
def blurred(world: World) -> Artifact:
    return world.diagnosed(world.blurred(world.mixed(26, 0)))


def test_a_diagnosis_reports_the_cause_with_examples(blurred: Artifact) -> None:
    result = diagnosis_of(blurred)
    assert all(len(cause.per_class) == len(NAMES) for cause in result.causes)
    assert result.differs
    assert [cause.row.name for cause in result.named] == ["high-frequencies lost"]
    assert [len(example.images) for example in result.named[0].examples] == [6, 6, 6]
    facts = blurred.manifest.facts
    named = ["high-frequencies lost"]
    assert facts == {"images": 26 * len(NAMES), "classes": list(result.classes), "differs": True, "named": named}


def test_images_like_real_ones_have_no_reported_cause(world: World) -> None:
    assert diagnosis_of(world.diagnosed(world.mixed(26, 0))).named == ()


@pytest.mark.slow
def test_a_diagnosis_does_not_depend_on_earlier_ones_in_the_process(world: World, tmp_path: Path) -> None:
    sets = [world.mixed(20, 6), world.mixed(16, 10)]
    inputs = {name: artifact.manifest.key for name, artifact in world.inputs(sets[1]).items()}
    step = Step(SPEC, inputs, "diagnose", 1)
    shutil.copytree(world.store.root, tmp_path / "store")
    elsewhere = LocalStore(tmp_path / "store")
    release_model()
    run_step(step, elsewhere, lambda _: None)
    release_model()
    before, after = world.diagnosed(sets[0]), world.diagnosed(sets[1])
    alone = elsewhere.read(step.key)
    assert alone is not None
    assert after.manifest.key == step.key
    assert after.manifest.facts == alone.manifest.facts
    assert bytes_of(after) == bytes_of(alone)
    assert diagnosis_of(before) != diagnosis_of(after)


@pytest.mark.integration
def test_a_cached_reference_is_not_reused_for_other_real_images(world: World, blurred: Artifact) -> None:
    pixels = world.blurred(world.mixed(26, 0))
    assert world.diagnosed(pixels).manifest.key == blurred.manifest.key
    world.diagnosed(world.mixed(25, 1))
    # The first reference is cached now. The second one exchanges the halves and the classifiers.
    turned = {f"{name[:-1]}{1 - int(name[-1])}": artifact for name, artifact in world.reference.items()}
    result = make_in(world.store, SPEC, **{**world.inputs(pixels), **turned})
    assert result.manifest.key != blurred.manifest.key
    assert diagnosis_of(result) != diagnosis_of(blurred)
    assert diagnosis_of(result).difference == pytest.approx(diagnosis_of(blurred).difference, rel=0.01)


@pytest.mark.integration
def test_both_sides_are_given_one_format_if_the_files_differ(world: World) -> None:
    """The files are compressed JPEGs, of the same quality on neither side; pixels are what a decoder made of them."""
    lossy = world.mixed(26, 0)
    decoded = world.make(ProbeSpec(transform=Jpeg(quality=10).pin(), numerics=Numerics()), pixels=lossy)
    plain = diagnosis_of(world.diagnosed(decoded))  # PNG files of compressed pixels: no difference of formats
    assert plain.format is None
    assert "texture added" in [cause.row.name for cause in plain.named]
    inputs = world.inputs(decoded) | {
        "dataset": world.images(lossy, jpeg=10),
        "inspected": world.inspected(world.images(lossy, jpeg=10)),
    }
    result = diagnosis_of(world.make(SPEC, **inputs))
    assert result.format is not None
    assert result.format.sentence.startswith("the real images are PNG; the synthetic images are JPEG of quality 10")
    assert "texture added" in result.format.vanished
    assert "texture added" not in [cause.row.name for cause in result.named]
    assert result.difference < plain.difference / 3


def test_rows_list_the_near_duplicates_of_the_data_set(world: World, tmp_path: Path) -> None:
    pixels = world.mixed(40, 24)
    result = world.diagnosed(pixels)
    rows = json.loads(result.path(ROWS).read_text("utf-8"))
    assert sorted(rows) == ["blank", "copies", "repeats"]
    [labels] = diagnosis_of(result).not_judged  # a few epochs on few images
    assert labels.row.name == "labels lost"
    assert re.match(r"classifiers recognise 1?\d% of real images with confidence and this needs 20%", labels.reason)
    real = np.array(rows["copies"]) % 64 >= 40  # the last 24 of 64 images per class are real
    assert real.sum() > 60
    assert (~real).sum() < 20
    assert "copies" in {cause.id for cause in diagnosis_of(result).named}
    shutil.copytree(world.store.root, tmp_path / "store", ignore=shutil.ignore_patterns(f"{result.manifest.key}.json"))
    elsewhere = LocalStore(tmp_path / "store")
    assert elsewhere.read(result.manifest.key) is None
    again = make_in(elsewhere, SPEC, **world.inputs(pixels))
    assert (again.manifest.facts, bytes_of(again)) == (
        result.manifest.facts,
        bytes_of(result),
    )  # the same 52 images per class


def test_lists_hold_the_paths_of_the_images_and_of_those_that_they_resemble(world: World) -> None:
    pixels = world.mixed(40, 24)
    result = world.diagnosed(pixels)
    lines = read_image_list(result.path(CULPRITS))
    in_set = {f"{group}.png" for group in opened(pixels).groups}
    assert {line.path for line in lines} <= in_set
    assert all(line.path.startswith(f"{line.class_name}/") for line in lines)
    copies = [line for line in lines if line.finding == "copies"]
    same = [line.path == line.other for line in copies]  # a block of a photograph has one path on both sides
    assert sum(same) > 60
    assert len(same) - sum(same) < 20
    assert all(line.score == pytest.approx(1, abs=0.01) for line in copies if line.path == line.other)
    counts = Counter(line.finding for line in lines)
    lists = {entry.finding: entry for entry in diagnosis_of(result).lists}
    assert {finding: entry.images for finding, entry in lists.items()} == {name: counts[name] for name in lists}
    assert counts["most-typical"] == counts["least-typical"] == 10 * len(NAMES)
    assert diagnosis_of(result).images == 52 * len(NAMES)


def test_too_few_images_are_a_reason_not_to_diagnose(world: World) -> None:
    result = world.diagnosed(world.mixed(20, 0))
    assert result.manifest.facts["not_diagnosed"] == (
        f"class {NAMES[0]!r} of the synthetic images has 20 images in 20 groups, and a diagnosis needs 4 parts of 6 "
        "images that share no group; use more images, or check the groups"
    )
    assert json.loads(result.path(ROWS).read_text("utf-8")) == {}


def test_too_few_real_images_are_a_reason_not_to_diagnose(world: World) -> None:
    half = world.make(HalfSpec(part=0), pixels=world.mixed(0, 40))
    tries = world.make(TrySpec.of_setup(SETUP, Numerics()), half=half, classifier=world.reference["classifier 0"])
    inputs = {**world.inputs(world.mixed(26, 0)), "half 0": half, "tries 0": tries}
    reason = world.make(SPEC, **inputs).manifest.facts["not_diagnosed"]
    assert f"class {NAMES[0]!r} of half of the real images has 20 images in 20 groups" in reason


@pytest.mark.integration
def test_a_frozen_encoder_needs_no_classifier_and_few_images(world: World, tmp_path: Path) -> None:
    size = SampleSize(48, 12)
    blurred = world.diagnosed_frozen(tmp_path, size, size, world.blurred(world.mixed(26, 0)))
    assert diagnosis_of(blurred).named[0].row.name == "high-frequencies lost"
    reasons = {entry.row.name: entry.reason for entry in diagnosis_of(blurred).not_judged}
    assert reasons["coverage lost"].startswith("this needs about")
    undamaged = diagnosis_of(world.diagnosed_frozen(tmp_path, size, size, world.mixed(26, 0)))
    assert undamaged.named == ()
    assert not undamaged.differs


@pytest.mark.slow
def test_more_images_are_judged_one_by_one_than_candidate_changes_are_compared_with(
    world: World, tmp_path: Path
) -> None:
    images, changed = SampleSize(104, 12), SampleSize(48, 12)
    few = diagnosis_of(world.diagnosed_frozen(tmp_path, changed, changed, world.mixed(13, 13)))
    assert "copies added" in {entry.row.name for entry in few.not_judged}
    more = world.diagnosed_frozen(tmp_path, images, changed, world.blurred(world.mixed(13, 13)))
    diagnosis = diagnosis_of(more)
    assert diagnosis.images == 26 * len(NAMES)
    assert {"high-frequencies lost", "copies added"} <= {cause.row.name for cause in diagnosis.named}
    lines = read_image_list(more.path(CULPRITS))
    assert len({line.path for line in lines if line.finding == "copies"}) > 12 * len(NAMES)
