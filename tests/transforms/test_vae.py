from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from tests.transforms.measures import content_of, correlations, difference, energy, faint

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.band import Band
from prettyuseful.transforms.base import Transform
from prettyuseful.transforms.chain import Chain
from prettyuseful.transforms.check import check_transform
from prettyuseful.transforms.degradation import Grating
from prettyuseful.transforms.structure import Edges
from prettyuseful.transforms.vae import Vae


@pytest.fixture(scope="module")
def pocket() -> Transform:
    torch.set_num_threads(1)
    return Vae(generator="pocket-base").open(Numerics())


@pytest.mark.parametrize("kind", ["sd", "sana", "qwen-image", "lumina2"])
def test_depth_passes_the_interface_check(kind: str, tiny: Callable[[str], Path]) -> None:
    source = Vae(generator=str(tiny(kind)))
    assert [finding.problem for finding in check_transform(lambda: source.open(Numerics()))] == [None] * 9


def test_pocket_vae_reconstructs_photos(pocket: Transform, crops: np.ndarray, squares: np.ndarray) -> None:
    for images, similar, noise in ((crops, 0.85, 29), (squares[:, :91, :90], 0.75, 23)):
        coded = pocket.apply(images)
        assert coded.shape == images.shape
        pairs = list(zip(images, coded, strict=True))
        assert np.mean([structural_similarity(*pair, channel_axis=2) for pair in pairs]) > similar
        assert np.median([peak_signal_noise_ratio(*pair) for pair in pairs]) > noise


def test_vae_removes_high_frequencies_and_keeps_low_ones(pocket: Transform, crops: np.ndarray) -> None:
    coded = pocket.apply(crops)
    assert energy(coded, 0.01, 0.25) > 0.95 * energy(crops, 0.01, 0.25)
    assert energy(coded, 0.5, 2) < 0.5 * energy(crops, 0.5, 2)
    low, high = Band(keep=(0, 0.25)), Band(keep=(0.5, "all"))
    assert np.median(correlations(low.apply(coded), low.apply(crops))) > 0.98
    assert np.median(correlations(high.apply(coded), high.apply(crops))) < 0.8
    assert np.median(correlations(Edges().apply(coded), Edges().apply(crops))) > 0.9


def test_vae_removes_noise_except_low_frequencies(pocket: Transform, crops: np.ndarray) -> None:
    plain = faint(crops)
    noise = np.random.default_rng(0).normal(0, 20, crops.shape)
    grainy = np.asarray(np.clip(plain + noise, 0, 255), np.uint8)
    given, left = difference(grainy, plain), difference(pocket.apply(grainy), pocket.apply(plain))
    assert energy(left, 0.5, 2) < 0.05 * energy(given, 0.5, 2)
    assert energy(left, 0.01, 0.25) > 0.25 * energy(given, 0.01, 0.25)


@pytest.mark.parametrize(("frequency", "passes"), [(0.125, True), (0.25, True), (0.75, False), (0.875, False)])
def test_a_planted_grating(pocket: Transform, frequency: float, passes: bool) -> None:
    flat = np.full((1, 64, 64, 3), 128, np.uint8)
    planted = Grating(frequency=frequency, amplitude=0.2).apply(flat)
    near = frequency - 0.01, frequency + 0.01
    kept = energy(pocket.apply(planted), *near) / energy(planted, *near)
    assert 0.8 < kept < 1.4 if passes else kept < 0.02


def test_before_another_probe(pocket: Transform, crops: np.ndarray) -> None:
    band = Band(keep=(0, 0.5))
    chain = Chain(transforms=(Vae(generator="pocket-base"), band))
    assert (chain.open(Numerics()).apply(crops[:5]) == band.apply(pocket.apply(crops[:5]))).all()
    assert content_of(chain)["transforms"] == [content_of(Vae(generator="pocket-base")), content_of(band)]


def test_generators_with_equal_vaes_have_equal_content(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    base = content_of(Vae(generator="pocket-base"))
    assert base == content_of(Vae(generator="pocket-turbo"))
    assert set(base) == {"kind", "vae", "version"}
    folder = Path(shutil.copytree(tiny("sd"), tmp_path / "copy"))
    moved = Vae(generator=str(folder))
    before = Vae(generator=str(tiny("sd"))).pin().content
    assert content_of(moved) == before != base
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    state["encoder.conv_in.bias"] += 0.1
    save_file(state, weights, metadata={"format": "pt"})
    assert content_of(moved) != before
    assert content_of(Vae(generator="sdxl"))["vae"]["hub"] == "stabilityai/stable-diffusion-xl-base-1.0"


def test_incomplete_vae_is_a_one_line_error(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("sd"), tmp_path / "model"))
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    state.pop("decoder.conv_in.weight")
    save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(DataError, match="'model'") as lacking:
        Vae(generator=str(folder)).open(Numerics())
    shutil.rmtree(folder / "vae")
    with pytest.raises(DataError, match="download the model again") as gone:
        Vae(generator=str(folder)).open(Numerics())
    with pytest.raises(DataError, match="the generator 'model' has no folder vae; download the model again"):
        content_of(Vae(generator=str(folder)))
    assert "\n" not in str(lacking.value) + str(gone.value)


def test_generators_without_a_vae_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (str(tmp_path), "mine:Generator"):
        with pytest.raises(UnknownNameError, match=r"has no known VAE; give a diffusers pipeline"):
            Vae(generator=name).open(Numerics())
    with pytest.raises(UnknownNameError, match="did you mean 'pocket-base'"):
        content_of(Vae(generator="pocket-bass"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"not on this machine and the hub cannot be reached") as offline:
        Vae(generator="sdxl").open(Numerics())
    assert "\n" not in str(offline.value)
