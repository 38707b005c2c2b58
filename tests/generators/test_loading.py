"""Loading is complete and without output, or an error."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.generators.reference_pipelines import KINDS, PROMPT, REFINED, SEEDS, generate_images, settings

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.generators.variants import DEFAULT, ChosenVariant
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


def load(folder: Path | str, part: str) -> object:
    if part.startswith("text"):
        return PromptEncoder(str(folder), Numerics())
    return DiffusersSampler(str(folder), settings(str(folder), cfg=1.0), Numerics())


def weights(folder: Path, part: str) -> Path:
    return next((folder / part).glob("*.safetensors"))


def remove_one_weight(path: Path) -> None:
    state = load_file(path)
    state.pop(sorted(state)[len(state) // 2])
    save_file(state, path, metadata={"format": "pt"})


def reshape(path: Path) -> None:
    state = load_file(path)
    name = sorted(state)[len(state) // 2]
    state[name] = torch.zeros([size + 1 for size in state[name].shape])
    save_file(state, path, metadata={"format": "pt"})


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_by_lfs_pointer(path: Path) -> None:
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n")


def delete_configuration(path: Path) -> None:
    (path.parent / "config.json").unlink()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != REFINED])
def test_incomplete_weights_are_rejected(tiny: Tiny, tmp_path: Path, kind: str) -> None:
    """The libraries would initialise missing weights at random."""
    parts = [path.parent.name for path in tiny(kind).glob("*/*.safetensors")]
    assert len(parts) >= 3
    for part in parts:
        folder = tmp_path / part
        shutil.copytree(tiny(kind), folder)
        remove_one_weight(weights(folder, part))
        with pytest.raises(DataError, match=f"generator '{part}' are incomplete.*initialised at random") as error:
            load(folder, part)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
@pytest.mark.parametrize("damage", [reshape, truncate, replace_by_lfs_pointer, Path.unlink, delete_configuration])
def test_damaged_weights_are_a_one_line_error(
    tiny: Tiny, tmp_path: Path, part: str, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny("sd"), folder)
    damage(weights(folder, part))
    with pytest.raises(DataError, match=r"'model': its folder .* is incomplete .*; download the model again") as error:
        load(folder, part)
    assert str(error.value).isprintable()


def test_loading_prints_nothing_and_restores_logging(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    folder, libraries = tiny("sd"), (diffusers.utils.logging, transformers.utils.logging)
    verbosities = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity(logging.ERROR)
    capfd.readouterr()
    for part in ("text", "image"):
        load(folder, part)
    assert capfd.readouterr() == ("", "")
    assert [library.get_verbosity() for library in libraries] == [logging.ERROR] * 2
    for library, verbosity in zip(libraries, verbosities, strict=True):
        library.set_verbosity(verbosity)


def test_sampling_prints_nothing(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    for kind in ("sdxl", "flux", "qwen-image"):
        name = str(tiny(kind))
        capfd.readouterr()
        generate_images(name, cfg=4.0)
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["pocket-base", "pocket-curated", "pocket-random", "pocket-turbo"])
def test_every_pocket_model_generates_images(name: str) -> None:
    images = generate_images(name, cfg=1.0, steps=4)
    assert images.shape == (3, 32, 32, 3)
    assert images.std() > 10


def rename_weights(folder: Path, variant: str, keep: bool = False) -> None:
    """Name all weight files as those of a variant, with numbers of 16 bits; `keep` keeps the others, too."""
    for path in [*folder.rglob("*.safetensors")]:
        state = {
            name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()
        }
        save_file(state, path.with_name(f"{path.stem}.{variant}.safetensors"), metadata={"format": "pt"})
        if not keep:
            path.unlink()


@pytest.mark.parametrize("part", ["text encoder", "image"])
def test_a_folder_with_only_half_precision_files_is_loaded(tiny: Tiny, tmp_path: Path, part: str) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny("sd"), folder)
    rename_weights(folder, "fp16")
    load(folder, part)
    if part == "image":
        difference = generate_images(str(folder), cfg=1.0).astype(int) - generate_images(str(tiny("sd")), cfg=1.0)
        assert abs(difference).mean() < 3  # of the rounded weights
    shutil.rmtree(folder / ("text_encoder" if part.startswith("text") else "unet"))
    with pytest.raises(DataError, match="is incomplete"):
        load(folder, part)


def test_a_variant_that_the_files_do_not_have_is_replaced(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(MODELS["sd-1.5"], id="single", path_or_id=str(tiny("sd")), size=None)
    monkeypatch.setitem(MODELS, row.id, row)
    assert row.variant == ChosenVariant("fp16")
    images = generate_images("single", cfg=1.0)
    assert (images == generate_images(str(tiny("sd")), cfg=1.0)).all()


def test_the_variant_that_a_study_asks_for_is_loaded_and_no_other(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny("sd"), folder)
    rename_weights(folder, "fp16", keep=True)
    choices = [GeneratorChoice(model=str(folder), variant=variant) for variant in (None, "fp16", DEFAULT)]
    plain, half, same = map(pin_generator, choices)
    assert same.whole.content == plain.whole.content  # the same weights: the same key
    assert half.text.content == half.image.content == [plain.whole.content, {"variant": "fp16"}]
    assert half.image.source.find().variant == ChosenVariant("fp16", exact=True)
    images = []
    for choice in choices:
        model = TextToImage(choice, settings(str(folder), cfg=1.0), Numerics())
        images.append(np.asarray(model.sampler.sample([model.encode([PROMPT])[PROMPT]] * 3, SEEDS)))
    assert (images[0] == images[2]).all()
    assert (images[0] != images[1]).any()
    with pytest.raises(DataError, match=r"has no weights of the variant 'bf16'; available: default, fp16$"):
        pin_generator(GeneratorChoice(model=str(folder), variant="bf16"))
    for path in folder.rglob("*.fp16.safetensors"):
        path.unlink()
    with pytest.raises(DataError):  # not replaced by the default variant
        TextToImage(choices[1], settings(str(folder), cfg=1.0), Numerics())


def test_a_denoiser_is_quantised_before_it_moves_to_the_device(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device may have no room for it in 16 bits."""
    move, moved = diffusers.DiffusionPipeline.to, []

    def watched(pipeline: Any, *arguments: Any, **options: Any) -> Any:
        moved.append({weight.dtype for weight in pipeline.unet.parameters()})
        return move(pipeline, *arguments, **options)

    monkeypatch.setattr(diffusers.DiffusionPipeline, "to", watched)
    name = str(tiny("sd"))
    DiffusersSampler(name, settings(name, cfg=1.0, quantise="float8"), Numerics())
    assert [torch.float8_e4m3fn in dtypes for dtypes in moved] == [True]
