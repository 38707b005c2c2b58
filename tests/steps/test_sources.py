"""Generated images name their real images, and images of one real image are one group."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.steps.conftest import Make

from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.images import decode
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Request, Sampling
from prettyuseful.generators.choice import choice_of
from prettyuseful.generators.conditions.image import ImageToImage
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.steps.checks import FINDINGS, CheckSpec, InspectSpec
from prettyuseful.steps.datasets import LoadSpec, MixSpec, SubsetSpec
from prettyuseful.steps.generation import CollectSpec, GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec, PromptSpec
from prettyuseful.tasks.source import TaskSource

CLASSES = ("blue", "red")
SAMPLING = Sampling(steps=4, cfg=1.0, size=16)


class Generate:
    """Generates six images of each of two classes from three real images."""

    def __init__(self, make: Make, load: Callable[[int], Artifact], source: str, sampling: Sampling | None) -> None:
        self.make, self.real, self.source, self.sampling = make, load(3), source, sampling
        self.prompts = make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("class-name"), classes=CLASSES))
        self.inputs: dict[str, Artifact] = {"prompts": self.prompts, "sources": self.real}
        if sampling is not None:
            encode = EncodeSpec(
                generator="tiny",
                model=Pinned(source=choice_of(source), content="x"),
                sequence=None,
                guided=False,
                negative=None,
                first=0,
                stop=2,
                numerics=Numerics(),
            )
            self.inputs["embeddings 00000"] = make(encode, prompts=self.prompts)

    def shard(self, label: int, first: int = 0, stop: int = 3, **changes: Any) -> Artifact:
        fields: dict[str, Any] = {
            "generator": "tiny",
            "model": Pinned(source=choice_of(self.source), content="x"),
            "sampling": self.sampling,
            "images": 6,
            "prompts": 1,
            "seed": 0,
            "micro_batch": 2,
            "numerics": Numerics(),
            "condition": ImageToImage(strength=0.5).pin(),
        }
        return self.make(GenerateSpec(label=label, first=first, stop=stop, **{**fields, **changes}), **self.inputs)

    def rows(self, label: int, first: int = 0, stop: int = 3, **changes: Any) -> list[Row]:
        return list(read_shard(self.shard(label, first, stop, **changes).path("shard.parquet")))

    def whole(self) -> Artifact:
        shards = {f"{label:05d}": self.shard(label) for label in range(2)}
        return self.make(CollectSpec(classes=CLASSES, images_per_class=6), **shards)


@pytest.fixture
def pipeline(make: Make, load: Callable[[int], Artifact], pipeline_folder: Path) -> Generate:
    return Generate(make, load, str(pipeline_folder), SAMPLING)


def rows_of(artifact: Artifact) -> list[Row]:
    return [row for entry in artifact.manifest.files for row in read_shard(artifact.path(entry.name))]


def test_each_image_names_its_real_image_and_its_group(pipeline: Generate) -> None:
    for label in range(2):
        real = [row for row in rows_of(pipeline.real) if row.label == label]
        rows = pipeline.rows(label)
        assert [row.source for row in rows] == [real[i % 3].path for i in range(6)]
        assert [row.group for row in rows] == [f"from real/{real[i % 3].group}" for i in range(6)]


def test_the_bytes_depend_on_prompt_seed_and_real_image_alone(pipeline: Generate) -> None:
    """Not on shards and not on the images of the micro-batch; another real image gives another image."""
    whole = pipeline.rows(0)
    assert pipeline.rows(0, 2, 3) + pipeline.rows(0, 0, 1) == whole[4:] + whole[:2]
    assert pipeline.rows(0, 0, 1, images=1) == whole[:1]
    assert len({row.data for row in whole}) == 6
    pipeline.inputs["sources"] = pipeline.make(SubsetSpec(per_class=ClassCounts(1)), dataset=pipeline.real)
    kept = {row.path for row in rows_of(pipeline.inputs["sources"])}
    for before, after in zip(whole, pipeline.rows(0), strict=True):
        assert after.source in kept
        assert (before.data == after.data) == (before.source == after.source)


def test_keys_without_a_condition_stay_and_another_strength_is_another_key(pipeline: Generate) -> None:
    spec = {"label": 0, "first": 0, "stop": 1}
    assert "condition" not in pipeline.shard(**spec, condition=None).manifest.spec
    assert pipeline.rows(**spec, condition=None)[0].source is None
    keys = {pipeline.shard(**spec, condition=ImageToImage(strength=s).pin()).manifest.key for s in (0.5, 0.6)}
    assert len(keys) == 2
    rate = "generate tiny, 4 steps, size 16, image-to-image at strength 0.5, by 2"
    assert pipeline.shard(**spec).manifest.rate_class == rate


def test_what_is_made_of_them_keeps_the_real_images(pipeline: Generate, make: Make) -> None:
    whole = pipeline.whole()
    kept = rows_of(make(SubsetSpec(per_class=ClassCounts(2)), dataset=whole))
    assert {row.source for row in kept} <= {row.source for row in rows_of(whole)}
    mixed = rows_of(make(MixSpec(parts=(("real", 3), ("near", 6))), real=pipeline.real, near=whole))
    by_path = {row.path: row for row in mixed}
    for row in mixed:
        if row.source is not None:  # in one group with its real image, so that both are on one side of a split
            assert row.group == by_path[f"real/{row.source}"].group
    assert sum(row.source is None for row in mixed) == 6


def test_a_class_of_ones_own_gets_the_real_images(
    make: Make, load: Callable[[int], Artifact], planted: Callable[[str], str], asked: list[Request]
) -> None:
    """In their own size, one for each seed."""
    own = Generate(make, load, planted("Noise"), None)
    rows = own.rows(1, 0, 1)
    real = [row for row in rows_of(own.real) if row.label == 1]
    assert [row.source for row in rows] == [row.path for row in real[:2]]
    (request,) = asked
    assert request.images is not None
    for image, row in zip(request.images, real[:2], strict=True):
        assert np.array_equal(image, np.asarray(decode(row.data, row.path)))


def test_a_class_without_real_images_is_an_error(pipeline: Generate) -> None:
    pipeline.inputs["sources"] = pipeline.make(SubsetSpec(per_class=ClassCounts((1, 0))), dataset=pipeline.real)
    with pytest.raises(DataError, match="the class has no real training image to generate from"):
        pipeline.shard(1)


@pytest.mark.slow
def test_a_strength_near_0_is_flagged_as_copies(make: Make) -> None:
    """By the data checks, with the bundled model: most images copy the real image that they were made from."""
    task = Pinned(source=TaskSource(name="photos"), content="x")
    real, test = (make(LoadSpec(task=task, split=split, per_class=ClassCounts(4))) for split in ("train", "test"))
    classes = tuple(real.manifest.facts["classes"])
    labels = [classes.index(name) for name in ("astronaut", "cat", "coffee", "motorcycle", "rocket", "temple")]
    prompts = make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("class-name"), classes=classes))
    pinned = Pinned(source=choice_of("pocket-base"), content="x")
    fields: dict[str, Any] = {"generator": "pocket-base", "model": pinned, "numerics": Numerics()}
    encode = EncodeSpec(**fields, sequence=None, guided=False, negative=None, first=0, stop=len(classes))
    inputs = {"prompts": prompts, "sources": real, "embeddings 00000": make(encode, prompts=prompts)}

    def found(strength: float) -> dict[str, Finding]:
        shards = {
            f"{label:05d}": make(
                GenerateSpec(
                    **fields,
                    sampling=Sampling(steps=25, cfg=1.0),
                    label=label,
                    images=4,
                    prompts=1,
                    first=0,
                    stop=1,
                    seed=0,
                    micro_batch=4,
                    condition=ImageToImage(strength=strength).pin(),
                ),
                **inputs,
            )
            for label in labels
        }
        whole = make(CollectSpec(classes=classes, images_per_class=4), **shards)
        sets = {
            name: make(InspectSpec(), dataset=of) for name, of in (("images", whole), ("train", real), ("test", test))
        }
        checked = make(CheckSpec(name="near", role="synthetic", conditioned=True), **sets)
        findings = json.loads(checked.path(FINDINGS).read_text("utf-8"))
        return {finding["check"]: Finding.model_validate(finding) for finding in findings}

    near, far = found(0.05), found(0.8)
    assert near["copied"].count >= 8  # of 24
    assert f"and {near['copied'].count} of the copies from the image they copy" in near["copied"].words
    assert "copied" not in far or far["copied"].count < near["copied"].count / 4
    assert "leaked" not in near
