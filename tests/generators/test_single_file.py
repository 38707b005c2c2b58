"""A checkpoint in one file gives the images of the folder that it was made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.generators.original_checkpoint import original_checkpoint
from tests.generators.reference_pipelines import PROMPT, SEEDS, load_pipeline, settings

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice, WeightFile
from prettyuseful.generators.components import Component
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.single_file import CheckpointParts, checkpoint_parts
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]
SaveFile = Callable[..., Path]


@pytest.fixture
def save_checkpoint(tiny: Tiny, tmp_path: Path) -> SaveFile:
    """Returns the tiny pipeline in one file."""

    def save(text: bool = True, vae: bool = True) -> Path:
        file = tmp_path / "model.safetensors"
        save_file(original_checkpoint(load_pipeline(tiny("sd")), text, vae), file)
        return file

    return save


def images(choice: GeneratorChoice) -> np.ndarray:
    model = TextToImage(choice, settings(choice.model, cfg=2.0), Numerics())
    return np.asarray(model.sampler.sample([model.encode([PROMPT])[PROMPT]] * len(SEEDS), SEEDS))


@pytest.fixture
def other_weights(tiny: Tiny, tmp_path: Path) -> Path:
    """A folder with the configurations of the tiny pipeline and other weights."""
    pipeline = load_pipeline(tiny("sd"))
    with torch.no_grad():
        for weight in (*pipeline.unet.parameters(), *pipeline.vae.parameters(), *pipeline.text_encoder.parameters()):
            weight.mul_(0.9)
    pipeline.save_pretrained(tmp_path / "other")
    return tmp_path / "other"


def test_a_single_file_gives_the_images_of_its_folder(
    tiny: Tiny, save_checkpoint: SaveFile, other_weights: Path
) -> None:
    expected = images(GeneratorChoice(model=str(tiny("sd"))))
    choice = GeneratorChoice(model=str(other_weights), single_file=WeightFile(path=str(save_checkpoint())))
    assert np.array_equal(images(choice), expected)
    assert not np.array_equal(images(GeneratorChoice(model=choice.model)), expected)
    pinned, plain = pin_generator(choice), pin_generator(GeneratorChoice(model=choice.model))
    assert pinned.text.content == pinned.image.content != plain.whole.content


def test_networks_that_a_file_lacks_are_those_of_the_model(tiny: Tiny, save_checkpoint: SaveFile) -> None:
    model = str(tiny("sd"))
    choice = GeneratorChoice(model=model, single_file=WeightFile(path=str(save_checkpoint(text=False, vae=False))))
    plain = GeneratorChoice(model=model)
    assert np.array_equal(images(choice), images(plain))
    pinned = pin_generator(choice)
    assert pinned.text.content == pin_generator(plain).text.content
    assert pinned.text.source.single_file is None
    assert pinned.image.content != pin_generator(plain).image.content


def test_components_of_another_place_replace_those_of_the_file(
    tiny: Tiny, save_checkpoint: SaveFile, other_weights: Path
) -> None:
    model = str(other_weights)
    file, vae = WeightFile(path=str(save_checkpoint())), {"vae": Component(path=model)}
    choice = GeneratorChoice(model=model, single_file=file, components=vae)
    loaded = DiffusersSampler(choice, settings(model, cfg=1.0), Numerics()).pipeline
    for network, folder in ((loaded.vae, other_weights), (loaded.unet, tiny("sd"))):
        expected = load_pipeline(folder).components["vae" if network is loaded.vae else "unet"].state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_parts_are_known_from_the_names_of_the_tensors() -> None:
    denoiser = {"model.diffusion_model.input_blocks.0.0.weight": (1,)}
    assert checkpoint_parts(denoiser, "x") == CheckpointParts(text=False, vae=False)
    assert checkpoint_parts({**denoiser, "conditioner.embedders.0.x": (1,)}, "x") == CheckpointParts(True, False)
    assert checkpoint_parts({"double_blocks.0.x": (1,), "first_stage_model.x": (1,)}, "x").vae
    assert checkpoint_parts(None, "x") == CheckpointParts(text=True, vae=True)
    with pytest.raises(DataError, match="x holds LoRA weights, which go into lora"):
        checkpoint_parts({"lora_unet_a.lora_down.weight": (1,)}, "x")
    with pytest.raises(DataError, match="x is not a checkpoint of a text-to-image model"):
        checkpoint_parts({"classifier.weight": (1,)}, "x")


def test_a_file_of_another_model_is_a_one_line_error(tiny: Tiny, save_checkpoint: SaveFile) -> None:
    file = save_checkpoint()
    state = load_file(file)
    wide = {name: torch.cat([tensor] * 2) if "input_blocks.0.0" in name else tensor for name, tensor in state.items()}
    save_file(wide, file)
    choice = GeneratorChoice(model=str(tiny("sd")), single_file=WeightFile(path=str(file)))
    with pytest.raises(DataError, match=re.escape("model.safetensors cannot be loaded as the weights of sd")) as error:
        images(choice)
    assert "\n" not in str(error.value)
    save_file({name: tensor for name, tensor in state.items() if "middle_block" not in name}, file)
    with pytest.raises(DataError, match=r"model\.safetensors") as error:
        images(choice)
    assert "\n" not in str(error.value)
