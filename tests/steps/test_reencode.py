from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from prettyuseful.data.dataset import Row, read_shard, shard_name, write_shard
from prettyuseful.data.images import encode_png
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.steps.reencode import ReencodeSpec

Make = Callable[..., Artifact]


class NoisySpec(StepSpec):
    """Images of noise of one size, two classes, four groups each; all of them as PNGs."""

    kind: ClassVar[str] = "noisy"
    height: int
    width: int
    count: int = 12

    def make(self, job: Job) -> dict[str, Any]:
        def rows() -> Iterator[Row]:
            rng = np.random.default_rng(0)
            for i in range(self.count):
                pixels = rng.integers(0, 256, (self.height, self.width, 3), dtype=np.uint8)
                yield Row(encode_png(pixels), f"{i}", label=i % 2, group=f"g{i % 4}")

        write_shard(job.folder / shard_name(0, 1), rows(), ("a", "b"))
        return {"classes": ["a", "b"], "images": self.count}


def rows_of(artifact: Artifact) -> list[Row]:
    return list(read_shard(artifact.path(shard_name(0, 1))))


def opened(row: Row) -> Image.Image:
    return Image.open(io.BytesIO(row.data))


@pytest.fixture
def sets(make: Make) -> tuple[Artifact, Artifact]:
    return make(NoisySpec(height=40, width=60)), make(NoisySpec(height=32, width=24))


def test_both_sides_come_out_as_squares_of_one_size_and_one_quality(make: Make, sets: Any) -> None:
    one, other = sets
    for dataset, against in ((one, other), (other, one)):
        found = make(ReencodeSpec(), dataset=dataset, other=against)
        assert found.manifest.facts == {"classes": ["a", "b"], "images": 12, "side": 24, "quality": 90}
        rows = rows_of(found)
        assert {(opened(row).format, opened(row).size) for row in rows} == {("JPEG", (24, 24))}
        tables = {str(opened(row).quantization) for row in rows}  # type: ignore[attr-defined]
        assert len(tables) == 1
        assert [(row.label, row.group, row.path) for row in rows] == [
            (row.label, row.group, row.path) for row in rows_of(dataset)
        ]


def test_it_is_the_centred_square_with_little_lost(make: Make) -> None:
    plain = make(NoisySpec(height=24, width=32))
    found = make(ReencodeSpec(quality=100), dataset=plain, other=plain)
    for row, before in zip(rows_of(found), rows_of(plain), strict=True):
        square = np.asarray(opened(before).convert("L"))[:, 4:28]
        light = np.asarray(opened(row).convert("L"))
        assert np.corrcoef(light.ravel(), square.ravel())[0, 1] > 0.9


def test_a_draw_takes_equal_numbers_of_each_class(make: Make, sets: Any) -> None:
    found = make(ReencodeSpec(per_class=4), dataset=sets[0], other=sets[1])
    rows = rows_of(found)
    assert sorted(row.label for row in rows) == [0] * 4 + [1] * 4
    assert {row.group for row in rows} == {"g0", "g1", "g2", "g3"}
    assert found.manifest.facts["images"] == 8
