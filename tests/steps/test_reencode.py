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
    """Noise images of one size in two classes with four groups each, all PNGs."""

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


def read_rows(artifact: Artifact) -> list[Row]:
    return list(read_shard(artifact.path(shard_name(0, 1))))


def opened(row: Row) -> Image.Image:
    return Image.open(io.BytesIO(row.data))


@pytest.fixture
def sets(make: Make) -> tuple[Artifact, Artifact]:
    return make(NoisySpec(height=40, width=60)), make(NoisySpec(height=32, width=24))


def test_both_sides_become_squares_of_one_size_and_quality(make: Make, sets: Any) -> None:
    first, second = sets
    for dataset, other in ((first, second), (second, first)):
        result = make(ReencodeSpec(), dataset=dataset, other=other)
        assert result.manifest.facts == {"classes": ["a", "b"], "images": 12, "side": 24, "quality": 90}
        rows = read_rows(result)
        assert {(opened(row).format, opened(row).size) for row in rows} == {("JPEG", (24, 24))}
        tables = {str(opened(row).quantization) for row in rows}  # type: ignore[attr-defined]
        assert len(tables) == 1
        assert [(row.label, row.group, row.path) for row in rows] == [
            (row.label, row.group, row.path) for row in read_rows(dataset)
        ]


def test_the_centred_square_is_kept_with_little_loss(make: Make) -> None:
    plain = make(NoisySpec(height=24, width=32))
    result = make(ReencodeSpec(quality=100), dataset=plain, other=plain)
    for row, before in zip(read_rows(result), read_rows(plain), strict=True):
        square = np.asarray(opened(before).convert("L"))[:, 4:28]
        light = np.asarray(opened(row).convert("L"))
        assert np.corrcoef(light.ravel(), square.ravel())[0, 1] > 0.9


def test_equal_numbers_of_each_class_are_drawn(make: Make, sets: Any) -> None:
    result = make(ReencodeSpec(per_class=4), dataset=sets[0], other=sets[1])
    rows = read_rows(result)
    assert sorted(row.label for row in rows) == [0] * 4 + [1] * 4
    assert {row.group for row in rows} == {"g0", "g1", "g2", "g3"}
    assert result.manifest.facts["images"] == 8
