from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prettyuseful.data.pixels import load_pixels
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Step, run_step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.numerics import Numerics
from prettyuseful.steps.classifiers import DecodeSpec
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.tasks.source import TaskSource
from prettyuseful.transforms.band import Band
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.custom import CustomTransform


class Probed:
    """Decode and probe the real images of a folder task in a separate store."""

    def __init__(self, root: Path, task: Path) -> None:
        self.store = LocalStore(root)
        source = TaskSource(folder=str(task))
        pinned = Pinned(source=source, content=source.open().fingerprint())
        load = LoadSpec(task=pinned, split="train", per_class=5)
        self.load = Step(load, {}, "load", 10)
        self.decode = Step(DecodeSpec(stored_size=24), {"dataset": self.load.key}, "decode", 10)
        for step in (self.load, self.decode):
            run_step(step, self.store, lambda _: None)

    def by(self, transform: TransformSource) -> np.ndarray:
        spec = ProbeSpec(transform=transform.pin(), numerics=Numerics())
        return self.images(Step(spec, {"pixels": self.decode.key}, "probe", 10))

    def images(self, step: Step) -> np.ndarray:
        run_step(step, self.store, lambda _: None)
        artifact = self.store.read(step.key)
        assert artifact is not None
        pixels = load_pixels({entry.name: artifact.path(entry.name) for entry in artifact.manifest.files})
        assert pixels.labels.tolist() == [0] * 5 + [1] * 5
        return np.concatenate([*pixels.chunks(10)])


@pytest.fixture
def probed(tmp_path: Path, shared_task: Path) -> Probed:
    return Probed(tmp_path / "store", shared_task)


def test_every_image_is_stored_as_transformed(probed: Probed) -> None:
    band = Band(keep=(0, 0.25))
    before = probed.images(probed.decode)
    after = probed.by(band)
    assert np.array_equal(after, np.stack([band.apply(image[None])[0] for image in before]))
    assert not np.array_equal(after, before)


def test_a_user_defined_probe_is_loaded_from_its_file(probed: Probed, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Negative:\n    def apply(self, images):\n        return 255 - images\n", "utf-8"
    )
    result = probed.by(CustomTransform(transform=f"{tmp_path / 'mine.py'}:Negative"))
    assert np.array_equal(result, 255 - probed.images(probed.decode))
