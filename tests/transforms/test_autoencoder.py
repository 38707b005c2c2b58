from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, DiffusionPipeline, VQModel

from prettyuseful.generators.models import find_model
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.autoencoder import Autoencoder
from prettyuseful.transforms.vae import Vae

KINDS = ("sd", "sdxl", "sd3", "flux", "sana", "lumina2", "qwen-image", "pixart")


@pytest.mark.parametrize("kind", KINDS)
def test_vae_alone_equals_the_vae_in_its_pipeline(
    kind: str, tiny: Callable[[str], Path], tmp_path: Path, crops: np.ndarray
) -> None:
    folder = Path(shutil.copytree(tiny(kind), tmp_path / "model"))
    vae = DiffusionPipeline.from_pretrained(folder).vae
    pixels = torch.from_numpy(crops[:8]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        if kind == "sana":
            wanted = vae.decode(vae.encode(pixels).latent).sample
        elif kind == "qwen-image":
            wanted = vae.decode(vae.encode(pixels[:, :, None]).latent_dist.mean).sample[:, :, 0]
        else:
            wanted = vae(pixels, sample_posterior=False).sample
    for weights in folder.rglob("*.safetensors"):
        if weights.parent.name != "vae":
            weights.unlink()  # nothing else is read
    result = Vae(generator=str(folder)).open(Numerics(dtype="bfloat16")).apply(crops[:8])
    assert result.std() > 1
    assert np.abs(result - (wanted.permute(0, 2, 3, 1) + 1).mul(127.5).clamp(0, 255).numpy()).max() < 0.51


@pytest.mark.parametrize(
    "vae",
    [
        AutoencoderTiny(
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1),
            num_decoder_blocks=(1, 1),
        ),
        VQModel(block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4, num_vq_embeddings=32),
    ],
    ids=lambda vae: type(vae).__name__,
)
def test_other_autoencoders_of_a_pipeline_reconstruct_too(
    vae: AutoencoderTiny | VQModel, tiny: Callable[[str], Path], tmp_path: Path, crops: np.ndarray
) -> None:
    """Small decoders such as TAESD replace the VAE of a pipeline."""
    pipeline = DiffusionPipeline.from_pretrained(tiny("sd"))
    pipeline.register_modules(vae=vae.eval())
    pipeline.save_pretrained(tmp_path)
    pixels = torch.from_numpy(crops[:8]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = vae.decode(vae.encode(pixels).latents).sample
    result = Vae(generator=str(tmp_path)).open(Numerics()).apply(crops[:8])
    assert np.abs(result - (wanted.permute(0, 2, 3, 1) + 1).mul(127.5).clamp(0, 255).numpy()).max() < 0.51


@pytest.mark.parametrize("kind", ["sd", "sana", "qwen-image", "lumina2"])
def test_sides_that_do_not_fit_are_reflected_and_cut_back(kind: str, tiny: Callable[[str], Path]) -> None:
    vae = Vae(generator=str(tiny(kind))).open(Numerics())
    assert isinstance(vae, Autoencoder)
    side, missing = 5 * vae.factor, vae.factor - 1
    image = np.random.default_rng(0).integers(0, 256, (1, side - 1, side - missing, 3), np.uint8)
    taller = np.concatenate([image, image[:, -2:-3:-1]], axis=1)
    whole = np.concatenate([taller, taller[:, :, -2 : -2 - missing : -1]], axis=2)
    assert whole.shape == (1, side, side, 3)
    assert (vae.apply(image) == vae.apply(whole)[:, : side - 1, : side - missing]).all()


@pytest.fixture(scope="module")
def vae(tiny: Callable[[str], Path]) -> Autoencoder:
    return Autoencoder(find_model(str(tiny("sd"))), Numerics())


@pytest.mark.parametrize("count", [1, 7, 9])
def test_reconstruction_does_not_depend_on_batch_and_order(vae: Autoencoder, crops: np.ndarray, count: int) -> None:
    """The batch size for this image size is eight, and the last batch is padded."""
    whole = vae.apply(crops[:16])
    assert (vae.apply(crops[:count]) == whole[:count]).all()
    assert (vae.apply(crops[15::-1]) == whole[::-1]).all()


def test_computation_is_always_in_float32(tiny: Callable[[str], Path], crops: np.ndarray) -> None:
    model = find_model(str(tiny("sd")))
    half, full = (Autoencoder(model, Numerics(dtype=dtype)) for dtype in ("float16", "float32"))
    assert {weight.dtype for weight in half.vae.parameters()} == {torch.float32}
    assert (half.apply(crops[:2]) == full.apply(crops[:2])).all()


def test_input_may_be_read_only_and_is_not_modified(vae: Autoencoder, crops: np.ndarray) -> None:
    images = crops[:2].copy()
    images.flags.writeable = False
    assert vae.apply(images).dtype == np.uint8
    assert (images == crops[:2]).all()
