"""LoRA weights are trained, resume to the same bytes, and are loaded like any others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.generators.conftest import tiny  # noqa: F401
from tests.generators.reference_pipelines import settings

from prettyuseful.generators.choice import GeneratorChoice, Lora, choice_of
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.tuning.families import TUNED, Batch
from prettyuseful.tuning.loop import TrainingImages, Tuned, Tuning, crop_to
from prettyuseful.tuning.plan import TuneSettings

SETTINGS = TuneSettings(steps=6, batch_size=2, rank=2, learning_rate=1e-2)
PROMPTS = ("a photo of a cat", "a photo of a dog", "a photo of a cat")


def images(size: int = 32) -> TrainingImages:
    pixels = np.random.default_rng(0).integers(0, 256, (len(PROMPTS), size, size, 3), dtype=np.uint8)
    return TrainingImages(tuple(map(Image.fromarray, pixels)), PROMPTS)


class StoppedError(Exception):
    pass


def train(
    folder: Path, stop_at: float = 2, choice: str = "pocket-base", seed: int = 0, settings: TuneSettings = SETTINGS
) -> tuple[Tuned, Path]:
    """Train in a folder; stop after this fraction of the steps, as if the process were killed."""

    def progress(done: float) -> None:
        if done >= stop_at:
            raise StoppedError

    tuning = Tuning(choice_of(choice), settings, images(), seed, Numerics())
    tuned = tuning.run(Checkpoints(folder / "checkpoints", every=0), progress)
    tuning.save(folder / "lora.safetensors")
    return tuned, folder / "lora.safetensors"


def test_the_weights_are_learned_and_loaded_like_any_others(tmp_path: Path) -> None:
    tuned, file = train(tmp_path)
    assert len(tuned.losses) == 6
    assert tuned.after < tuned.before
    sampling = settings("pocket-base", cfg=1.0)
    plain = DiffusersSampler("pocket-base", sampling, Numerics()).pipeline.unet.state_dict()
    choice = GeneratorChoice(model="pocket-base", lora=Lora(path=str(file)))
    changed = DiffusersSampler(choice, sampling, Numerics()).pipeline.unet.state_dict()
    differing = {name for name in plain if not plain[name].equal(changed[name])}
    assert differing
    assert all(name.endswith(("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight")) for name in differing)


@pytest.mark.slow
@pytest.mark.parametrize("fits", [1, 2])
def test_gradients_are_accumulated_where_a_batch_does_not_fit(
    fits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arithmetic is the same but for rounding. On a CPU, a step fails, because rounding would change the bytes."""
    settings = SETTINGS.model_copy(update={"batch_size": 4, "steps": 2})
    whole, _ = train(tmp_path / "whole", settings=settings)
    family, sizes = TUNED["sd"], []

    def loss(pipeline: Any, batch: Batch) -> torch.Tensor:
        if len(batch) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(batch))
        return family.loss(pipeline, batch)

    monkeypatch.setitem(TUNED, "sd", replace(family, loss=loss))
    with pytest.raises(torch.OutOfMemoryError):
        train(tmp_path / "cpu", settings=settings)
    tuning = Tuning(choice_of("pocket-base"), settings, images(), 0, Numerics())
    tuning.numerics = Numerics.model_construct(**{**dict(Numerics()), "device": "cpu:0"})
    divided = tuning.run(Checkpoints(tmp_path / "checkpoints", every=0), lambda _: None)
    assert set(sizes) == {fits}
    assert tuning.at_once == fits
    assert (divided.before, divided.after, *divided.losses) == pytest.approx(
        (whole.before, whole.after, *whole.losses), rel=1e-4
    )


def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path: Path) -> None:
    tuned, whole = train(tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(tmp_path / "again", stop_at=0.5)
    assert [path.name.split("-")[1] for path in sorted((tmp_path / "again" / "checkpoints").iterdir())] == [
        "000002",
        "000003",
    ]
    resumed, file = train(tmp_path / "again")
    assert file.read_bytes() == whole.read_bytes()
    assert resumed == tuned
    for path in (tmp_path / "again" / "checkpoints").iterdir():
        path.unlink()
    other, another = train(tmp_path / "again", seed=1)
    assert another.read_bytes() != whole.read_bytes()
    assert other.losses != tuned.losses


@pytest.mark.slow
def test_a_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train(tmp_path, stop_at=0.5, settings=SETTINGS.model_copy(update={"rank": 3}))
    tuned, file = train(tmp_path)
    alone, expected = train(tmp_path / "alone")
    assert file.read_bytes() == expected.read_bytes()
    assert tuned == alone


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sdxl", "sd3"])
def test_other_families_are_trained(tiny: Callable[[str], Path], tmp_path: Path, kind: str) -> None:  # noqa: F811
    name = str(tiny(kind))
    _, file = train(tmp_path, choice=name)
    sampling = settings(name, cfg=1.0)
    choice = GeneratorChoice(model=name, lora=Lora(path=str(file)))
    parts = [DiffusersSampler(made, sampling, Numerics()) for made in (name, choice)]
    states = [getattr(part.pipeline, part.model.kind.denoiser).state_dict() for part in parts]
    assert any(not states[0][key].equal(states[1][key]) for key in states[0])


def test_images_are_cropped_at_their_centre() -> None:
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (10, 0, 30, 20))
    assert (crop_to(image, 20) == (0, 0, 255)).all()
    assert crop_to(Image.new("L", (7, 500)), 16).shape == (16, 16, 3)
    assert crop_to(Image.new("RGB", (17, 16)), 16).shape == (16, 16, 3)
