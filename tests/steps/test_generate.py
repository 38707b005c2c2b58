"""An image's bytes depend on what it is, not on how, when or beside what it is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.open import open_generator
from prettyuseful.keys import derive_seed
from prettyuseful.numerics import Numerics
from prettyuseful.steps.base import Step, run_step
from prettyuseful.steps.datasets import GenerateSpec, PromptSpec
from prettyuseful.store.local import LocalStore


class Maker:
    """Makes shards in a store of its own."""

    def __init__(self, root: Path, pipeline: Path, classes: Sequence[str] = ("cat", "dog")) -> None:
        self.store, self.pipeline = LocalStore(root), pipeline
        self.prompts = Step(PromptSpec(strategy="class-name", classes=tuple(classes)), {}, "prompts", 1)
        run_step(self.prompts, self.store, lambda _: None)

    def shard(self, start: int, stop: int, **changes: Any) -> list[Row]:
        fields: dict[str, Any] = {
            "generator": "tiny",
            "fingerprint": "x",
            "source": str(self.pipeline),
            "sampling": Sampling(steps=2, cfg=1.0),
            "label": 0,
            "seed": 0,
            "micro_batch": 4,
            "numerics": Numerics(),
        }
        spec = GenerateSpec(start=start, stop=stop, **{**fields, **changes})
        step = Step(spec, {"prompts": self.prompts.key}, "shard", stop - start)
        run_step(step, self.store, lambda _: None)
        artifact = self.store.read(step.key)
        assert artifact is not None
        assert artifact.manifest.facts["images"] == stop - start
        return list(read_shard(artifact.path("shard.parquet")))


@pytest.fixture
def maker(tmp_path: Path, pipeline_folder: Path) -> Maker:
    return Maker(tmp_path / "store", pipeline_folder)


def test_the_cut_into_shards_does_not_matter(maker: Maker) -> None:
    whole = maker.shard(0, 10)
    assert [row.path for row in whole] == [f"cat/{i:06d}.jpg" for i in range(10)]
    assert maker.shard(8, 10) + maker.shard(0, 4) + maker.shard(4, 8) == whole[8:] + whole[:8]


def test_fewer_images_are_a_prefix_of_more(maker: Maker) -> None:
    assert maker.shard(0, 5) == maker.shard(0, 10)[:5]  # the padded tail of one is the middle of the other


def test_another_store_gets_the_same_bytes(maker: Maker, tmp_path: Path, pipeline_folder: Path) -> None:
    assert Maker(tmp_path / "other", pipeline_folder).shard(0, 4) == maker.shard(0, 4)


def test_every_image_has_its_own_seed_and_says_what_made_it(maker: Maker) -> None:
    rows = maker.shard(0, 6) + maker.shard(0, 6, label=1)
    assert len({row.seed for row in rows}) == 12
    assert {row.prompt for row in rows} == {"cat", "dog"}
    assert {row.generator for row in rows} == {"tiny"}
    assert all(row.seed is not None and 0 <= row.seed < 2**63 for row in rows)
    assert all(row.group == row.path for row in rows)


@pytest.mark.parametrize("change", [{"seed": 1}, {"label": 1}, {"sampling": Sampling(steps=3, cfg=1.0)}])
def test_what_should_change_an_image_does(maker: Maker, change: dict[str, Any]) -> None:
    before, after = maker.shard(0, 2), maker.shard(0, 2, **change)
    assert all(a.data != b.data for a, b in zip(before, after, strict=True))


def test_the_manifest_says_what_was_applied(maker: Maker) -> None:
    maker.shard(0, 2)
    manifest = next(m for m in maker.store.list() if m.step == "generate")
    assert manifest.facts["applied"]["steps"] == 2
    assert manifest.facts["applied"]["safety_checker"] == "off"
    assert manifest.environment["packages"]["torch"]
    assert "source" not in manifest.spec
    assert json.dumps(manifest.spec).count(str(maker.pipeline)) == 0


def test_every_batch_has_the_same_shape(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of another size changes the last bits of a UNet's output, though seldom enough to pass unseen."""
    generator, sizes = open_generator(str(maker.pipeline), Sampling(steps=2, cfg=1.0), Numerics()), []

    class Watched:
        applied = generator.applied

        def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
            sizes.append((len(prompts), len(seeds)))
            return generator.generate(prompts, seeds)

    monkeypatch.setattr("prettyuseful.generators.open.open_generator", lambda *_: Watched())
    assert len(maker.shard(0, 10)) == 10
    assert sizes == [(4, 4)] * 3


def test_the_seed_of_an_image_is_pinned(maker: Maker) -> None:
    """Of the data set's seed, class, prompt and index: another rule would be another data set under the same key."""
    rows = maker.shard(4, 6, label=1, seed=7)
    assert [row.seed for row in rows] == [derive_seed(7, "dog", "dog", index) for index in (4, 5)]
