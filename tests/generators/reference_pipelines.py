"""Images of tiny pipelines by our code, with embeddings on disk, and by the documented call of diffusers."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.models import find_model
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import Numerics

REFINED = "sdxl+refiner"
KINDS = ("sd", "sdxl", REFINED, "sd3", "flux", "flux-schnell", "sana", "lumina2", "qwen-image", "pixart")
TRUE_CFG = ("flux", "flux-schnell", "qwen-image")
PROMPT, NEGATIVE = "a small red cat", "a green bird on the grass"
SEEDS = (5, 2**62 + 1, 7)
SIZE, STEPS = 32, 3


def settings(name: str, **sampling_fields: Any) -> Sampling:
    return resolve_sampling(Sampling(**{"steps": STEPS, "size": SIZE, **sampling_fields}), find_model(name))


def load_embeddings(
    name: str, sampling: Sampling, numerics: Numerics, prompt: str = PROMPT
) -> Mapping[str, torch.Tensor]:
    """Return the embeddings of a prompt after writing them to disk and reading them again."""
    encoder = _encoder(name, numerics, bool(sampling.instruction))
    negative = encoder.encode_negative(sampling.negative) if (sampling.cfg or 1) > 1 else {}
    with tempfile.TemporaryDirectory() as folder:
        save_embeddings({6: encoder.encode("a dog"), 7: encoder.encode(prompt)}, negative, Path(folder))
        return StoredEmbeddings([Path(folder) / FILE]).load(7)


def generate_images(
    name: str,
    prompt: str = PROMPT,
    seeds: tuple[int, ...] = SEEDS,
    numerics: Numerics | None = None,
    sampler: DiffusersSampler | None = None,
    **sampling_fields: Any,
) -> np.ndarray:
    sampling, numerics = settings(name, **sampling_fields), numerics or Numerics()
    numerics.apply()
    embeddings = load_embeddings(name, sampling, numerics, prompt)
    sampler = sampler or DiffusersSampler(name, sampling, numerics)
    sampler.sampling = sampling
    return np.asarray(sampler.sample([embeddings] * len(seeds), seeds))


def more_images(name: str, *arguments: Any, numerics: Numerics | None = None, **sampling_fields: Any) -> np.ndarray:
    """Like `generate_images`, with a model that stays loaded for other settings."""
    loaded = {field: sampling_fields.get(field) for field in ("quantise", "step_cache")}
    sampler = _sampler(name, settings(name, **loaded), numerics or Numerics())
    return generate_images(name, *arguments, numerics=numerics, sampler=sampler, **sampling_fields)


known_images = lru_cache(maxsize=None)(more_images)
"""Like `more_images`, but equal calls return the same images, where a test needs them only for a comparison."""


def reference_images(
    kind: str,
    folders: Sequence[Path],
    sampling_fields: Mapping[str, Any],
    dtype: str = "float32",
    as_list: bool = False,
) -> np.ndarray:
    """Return the images of the pipeline's own call with text: one image per seed of one prompt.

    Args:
        kind: one of `KINDS`.
        folders: the pipeline, and its refiner if it has one.
        sampling_fields: fields of `Sampling`.
        as_list: repeat the prompt in a list instead of using `num_images_per_prompt`.
    """
    count = len(SEEDS)
    texts: dict[str, Any] = {"prompt": PROMPT}
    if "negative" in sampling_fields:
        texts["negative_prompt"] = sampling_fields["negative"]
    if as_list:
        texts = {name: [text] * count for name, text in texts.items()}
    else:
        texts["num_images_per_prompt"] = count
    options = {"true_cfg_scale" if kind in TRUE_CFG else "guidance_scale": sampling_fields["cfg"]}
    if kind == "flux":
        options["guidance_scale"] = sampling_fields["distilled_guidance"]
    if kind == "sana" and sampling_fields.get("instruction") is False:
        options["complex_human_instruction"] = None
    if "cfg_trunc_ratio" in sampling_fields:
        options["cfg_trunc_ratio"] = sampling_fields["cfg_trunc_ratio"]
    if kind in ("sana", "pixart"):
        options |= {"use_resolution_binning": False, "clean_caption": False}
    arguments = {**texts, **options, "num_inference_steps": STEPS, "output_type": "pt"}
    size = {"height": SIZE, "width": SIZE}
    if kind != REFINED:
        return to_uint8(load_pipeline(folders[0], dtype)(**arguments, **size, generator=_generators()).images)
    base, refiner = (load_pipeline(folder, dtype) for folder in folders)
    first = {**arguments, **size, "denoising_end": 0.8, "output_type": "latent"}
    latents = base(**first, generator=_generators()).images
    return to_uint8(refiner(**arguments, denoising_start=0.8, image=latents, generator=_generators()).images)


def load_pipeline(folder: Path, dtype: str = "float32") -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=getattr(torch, dtype))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def to_uint8(images: torch.Tensor) -> np.ndarray:
    return np.asarray((images.float() * 255).round().byte().permute(0, 2, 3, 1))


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean absolute difference in grey levels."""
    return float(np.abs(first.astype(int) - second).mean())


def _generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


_encoder = lru_cache(maxsize=2 * len(KINDS))(PromptEncoder)
_sampler = lru_cache(maxsize=2 * len(KINDS))(DiffusersSampler)
