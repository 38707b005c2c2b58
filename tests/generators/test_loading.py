"""A model is loaded wholly, quietly, or not at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.generators.own_call import KINDS, REFINED, ours, settings

from prettyuseful.errors import DataError
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


def load(folder: Path, part: str) -> object:
    if part.startswith("text"):
        return PromptEncoder(str(folder), Numerics())
    return DiffusersSampler(str(folder), settings(str(folder), cfg=1.0), Numerics())


def weights(folder: Path, part: str) -> Path:
    return next((folder / part).glob("*.safetensors"))


def lose(path: Path) -> None:
    state = load_file(path)
    state.pop(sorted(state)[len(state) // 2])
    save_file(state, path, metadata={"format": "pt"})


def reshape(path: Path) -> None:
    state = load_file(path)
    name = sorted(state)[len(state) // 2]
    state[name] = torch.zeros([size + 1 for size in state[name].shape])
    save_file(state, path, metadata={"format": "pt"})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def point(path: Path) -> None:
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123\n")


def forget_configuration(path: Path) -> None:
    (path.parent / "config.json").unlink()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != REFINED])
def test_weights_that_are_there_in_part_are_refused(tiny: Tiny, tmp_path: Path, kind: str) -> None:
    """The libraries would fill the gap with random numbers and go on."""
    parts = [path.parent.name for path in tiny(kind).glob("*/*.safetensors")]
    assert len(parts) >= 3
    for part in parts:
        folder = tmp_path / part
        shutil.copytree(tiny(kind), folder)
        lose(weights(folder, part))
        with pytest.raises(DataError, match=f"generator '{part}' are incomplete.*random numbers") as error:
            load(folder, part)
        assert str(error.value).isprintable()


@pytest.mark.parametrize("part", ["text_encoder", "unet", "vae"])
@pytest.mark.parametrize("harm", [reshape, cut, point, Path.unlink, forget_configuration])
def test_weights_that_are_broken_are_one_clear_line(
    tiny: Tiny, tmp_path: Path, part: str, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny("sd"), folder)
    harm(weights(folder, part))
    with pytest.raises(DataError, match=r"'model': its folder .* is not whole .*; get the model again") as error:
        load(folder, part)
    assert str(error.value).isprintable()


def test_loading_says_nothing_and_leaves_the_libraries_as_they_were(
    tiny: Tiny, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, libraries = tiny("sd"), (diffusers.utils.logging, transformers.utils.logging)
    before = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity(logging.ERROR)
    capfd.readouterr()
    for part in ("text", "image"):
        load(folder, part)
    assert capfd.readouterr() == ("", "")
    assert [library.get_verbosity() for library in libraries] == [logging.ERROR] * 2
    for library, verbosity in zip(libraries, before, strict=True):
        library.set_verbosity(verbosity)


def test_sampling_says_nothing_either(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    for kind in ("sdxl", "flux", "qwen-image"):
        name = str(tiny(kind))
        capfd.readouterr()
        ours(name, cfg=4.0)
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["pocket-base", "pocket-curated", "pocket-random", "pocket-turbo"])
def test_every_pocket_model_is_loaded_by_the_same_code(name: str) -> None:
    images = ours(name, cfg=1.0, steps=4)
    assert images.shape == (3, 32, 32, 3)
    assert images.std() > 10
