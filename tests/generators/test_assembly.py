"""Pipelines whose components lie in several places: images equal those of diffusers with the same components."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.generators.reference_pipelines import load_pipeline
from tests.generators.tiny_others import OTHERS, build_other
from tests.generators.two_places import split_prior, without
from tests.hub_server import Hub, commit, use_local_hub

from prettyuseful.errors import DataError
from prettyuseful.generators.assembly import open_pipeline
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.components import Component
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.recorded_call import call_arguments
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.generators.stubs import is_stub
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

PROMPT, SEED, STEPS = "a small red cat", 5, 2
KANDINSKY = "KandinskyV22CombinedPipeline"
COMBINED = ("KandinskyCombinedPipeline", "StableCascadeCombinedPipeline", "WuerstchenCombinedPipeline")
LLAMA = ("text_encoder_4", "tokenizer_4")

Folders = Callable[[str], Path]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Returns the folder of the tiny pipeline of a class."""
    root = tmp_path_factory.mktemp("whole")
    return cache(lambda name: build_other(name, root / name))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        yield hub


@pytest.mark.parametrize("name", [KANDINSKY, *(pytest.param(name, marks=pytest.mark.slow) for name in COMBINED)])
def test_images_of_a_decoder_and_its_prior_equal_those_of_the_combined_pipeline(
    name: str, folder_of: Folders, tmp_path: Path
) -> None:
    decoder, prior = split_prior(folder_of(name), tmp_path)
    choice = GeneratorChoice(model=str(decoder), components={"prior": Component(path=str(prior))})
    arguments = {"prior_num_inference_steps": 3, "prior_guidance_scale": 2.0}
    other = OTHERS[name]
    image = image_of(choice, size=other.size, arguments=arguments, **other.sampling)
    assert np.array_equal(image, own_image(folder_of(name), size=other.size, **arguments, **other.guided))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["StableCascadeCombinedPipeline", "WuerstchenCombinedPipeline"])
def test_a_prior_is_guided_away_from_a_negative_prompt(name: str, folder_of: Folders) -> None:
    choice, size = GeneratorChoice(model=str(folder_of(name))), OTHERS[name].size
    away = image_of(choice, size=size, negative="a dog")
    assert np.array_equal(away, own_image(folder_of(name), size=size, negative_prompt="a dog"))
    sampling = settings(choice, negative="a dog")
    assert call_arguments(choice.find(), sampling, PROMPT, (SEED,))["negative_prompt"] == "a dog"


@pytest.mark.slow
@pytest.mark.parametrize("listed", [False, True])
def test_a_text_encoder_of_another_place_is_loaded(folder_of: Folders, tmp_path: Path, listed: bool) -> None:
    """As HiDream-I1 is published: its index names the fourth text encoder or does not, and its files are elsewhere."""
    whole = folder_of("HiDreamImagePipeline")
    model = without(whole, LLAMA, tmp_path / "model", listed)
    llama = tmp_path / "llama"  # one folder has the weights and the tokenizer, as in a repository of a language model
    for name in LLAMA:
        shutil.copytree(whole / name, llama, dirs_exist_ok=True)
    (llama / "LICENSE").write_text("its name has no dot")
    there = Component(path=str(llama))
    choice = GeneratorChoice(model=str(model), components=dict.fromkeys(LLAMA, there))
    image = image_of(choice, cfg=4.0)
    assert np.array_equal(image, own_image(whole, guidance_scale=4.0))
    assert np.array_equal(image_of(pin_generator(choice).whole.source, cfg=4.0), image)
    encoder = PromptEncoder(choice, Numerics(), sampling=Sampling(steps=STEPS, size=32, cfg=1.0))
    sampler = DiffusersSampler(choice, settings(choice), Numerics())
    assert is_stub(sampler.pipeline.text_encoder_4)
    assert encoder.stages[0].pipeline.text_encoder_4.device.type == "cpu"


def test_a_component_of_another_place_replaces_that_of_the_model(tiny: Folders, tmp_path: Path) -> None:
    vae = shutil.copytree(tiny("sd") / "vae", tmp_path / "vae")
    scale_weights(vae, 0.9)
    merged = shutil.copytree(tiny("sd"), tmp_path / "merged")
    scale_weights(merged / "vae", 0.9)
    own, of_pipeline = (
        GeneratorChoice(model=str(tiny("sd")), components={"vae": Component(path=str(place))})
        for place in (vae, merged)
    )
    assert np.array_equal(image_of(own, cfg=1.0), image_of(GeneratorChoice(model=str(merged)), cfg=1.0))
    loaded, plain = (
        DiffusersSampler(choice, settings(own), Numerics()).pipeline.vae for choice in (of_pipeline, str(tiny("sd")))
    )
    expected, weights, others = (network.state_dict() for network in (load_pipeline(merged).vae, loaded, plain))
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())
    assert not all(torch.equal(others[name], tensor) for name, tensor in expected.items())


def test_the_class_of_a_component_is_that_of_its_own_configuration(tiny: Folders, tmp_path: Path) -> None:
    config = load_pipeline(tiny("sd")).vae.config
    torch.manual_seed(0)
    small = diffusers.AutoencoderTiny(
        latent_channels=config.latent_channels,
        encoder_block_out_channels=(16, 16),
        decoder_block_out_channels=(16, 16),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    small.save_pretrained(tmp_path)
    choice = GeneratorChoice(model=str(tiny("sd")), components={"vae": Component(path=str(tmp_path))})
    sampler = DiffusersSampler(choice, settings(choice), Numerics())
    assert isinstance(sampler.pipeline.vae, diffusers.AutoencoderTiny)
    assert sampler.applied()["components"] == {"vae": tmp_path.name}


def test_a_damaged_component_is_named(tiny: Folders, tmp_path: Path) -> None:
    vae = shutil.copytree(tiny("sd") / "vae", tmp_path / "better-vae")
    next(vae.glob("*.safetensors")).unlink()
    choice = GeneratorChoice(model=str(tiny("sd")), components={"vae": Component(path=str(vae))})
    with pytest.raises(DataError, match=rf"its folder {vae} is incomplete") as error:
        DiffusersSampler(choice, settings(choice), Numerics())
    assert "\n" not in str(error.value)


def test_weights_of_another_place_are_downloaded_at_their_commit_and_no_others(
    hub: Hub, tiny: Folders, tmp_path: Path
) -> None:
    text_encoder = shutil.copytree(tiny("sd") / "text_encoder", tmp_path / "text")
    hub.repositories = {"we/sd": tiny("sd"), "we/text": text_encoder, "we/text@v1": text_encoder}
    choice = GeneratorChoice(model="we/sd", components={"text_encoder": Component(id="we/text@v1")})
    pinned = pin_generator(choice)
    assert pinned.text.source.components["text_encoder"].id == f"we/text@{commit('we/text@v1')}"
    assert pinned.image.source.components == {}
    hub.sent.clear()
    PromptEncoder(pinned.text.source, Numerics())
    assert {file for file in hub.sent if file.endswith(".safetensors")} == {"model.safetensors"}
    hub.sent.clear()
    DiffusersSampler(pinned.image.source, settings(choice), Numerics())
    assert {file.split("/")[0] for file in hub.sent if file.endswith(".safetensors")} == {"unet", "vae"}


@pytest.mark.slow
def test_a_decoder_of_the_hub_is_loaded_with_the_prior_that_its_card_names(
    hub: Hub, folder_of: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder, prior = split_prior(folder_of(KANDINSKY), tmp_path)
    (decoder / "README.md").write_text("---\nlicense: apache-2.0\nprior:\n- we/prior\n---\n# A decoder\n")
    hub.repositories = {"we/decoder": decoder, "we/prior": prior}
    pinned = pin_generator(GeneratorChoice(model="we/decoder"))
    assert pinned.whole.source.components == {"prior": Component(id=f"we/prior@{commit('we/prior')}")}
    newer = shutil.copytree(prior, tmp_path / "newer")
    hub.push("we/prior", newer)  # what is pinned stays the same
    for weights in newer.glob("*/*.safetensors"):
        weights.write_bytes(b"broken")
    expected = own_image(folder_of(KANDINSKY), size=64, guidance_scale=4.0)
    assert np.array_equal(image_of(pinned.whole.source, size=64, cfg=4.0), expected)
    hub.repositories.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert np.array_equal(image_of(pinned.whole.source, size=64, cfg=4.0), expected)


@pytest.mark.parametrize("model", ["we/sd", "local"])
def test_a_gated_repository_is_named(hub: Hub, tiny: Folders, model: str) -> None:
    hub.repositories, hub.gated = {"we/sd": tiny("sd"), "we/vae": tiny("sd") / "vae"}, {"we/vae"}
    choice = GeneratorChoice(
        model=str(tiny("sd")) if model == "local" else model, components={"vae": Component(id="we/vae")}
    )
    with pytest.raises(DataError, match="we/vae is gated; accept its licence on the model's page") as error:
        DiffusersSampler(choice, settings(choice), Numerics())
    assert "\n" not in str(error.value)


def test_a_component_that_is_neither_here_nor_reachable_says_how_to_download_it(
    tiny: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    source = replace(
        GeneratorChoice(model=str(tiny("sd"))).find(),
        components={"vae": Component(id="we/vae", subfolder="")},
        gated_components=("vae",),
    ).source
    with (
        pytest.raises(DataError, match=r"run `hf download we/vae` with network access \(it is gated: accept") as error,
        open_pipeline(source, diffusers.StableDiffusionPipeline),
    ):
        pass
    assert "\n" not in str(error.value)


def test_a_model_card_never_adds_a_prior_that_no_key_holds(folder_of: Folders, tmp_path: Path) -> None:
    """A combined pipeline in a folder is loaded from it alone."""
    folder = shutil.copytree(folder_of(KANDINSKY), tmp_path / "model")
    (folder / "README.md").write_text("---\nprior:\n- nobody/nothing\n---\n")
    choice = GeneratorChoice(model=str(folder))
    assert pin_generator(choice).whole.source.components == {}
    DiffusersSampler(choice, settings(choice), Numerics())


def settings(choice: GeneratorChoice, **fields: Any) -> Sampling:
    return resolve_sampling(Sampling(**{"steps": STEPS, "size": 32, "cfg": 1.0, **fields}), choice.find())


def image_of(choice: GeneratorChoice, **fields: Any) -> np.ndarray:
    sampling = resolve_sampling(Sampling(**{"steps": STEPS, "size": 32, **fields}), choice.find())
    model = TextToImage(choice, sampling, Numerics())
    return np.asarray(model.sampler.sample([model.encode([PROMPT])[PROMPT]], (SEED,))[0])


def own_image(folder: Path, size: int = 32, **arguments: Any) -> np.ndarray:
    """Return the image of the pipeline's own call."""
    image = load_pipeline(folder)(
        prompt=PROMPT,
        num_inference_steps=STEPS,
        height=size,
        width=size,
        generator=torch.Generator().manual_seed(SEED),
        output_type="pil",
        **arguments,
    )[0][0]
    return np.asarray(image)


def scale_weights(folder: Path, factor: float) -> None:
    file = next(folder.glob("*.safetensors"))
    save_file({name: factor * tensor for name, tensor in load_file(file).items()}, file, metadata={"format": "pt"})
