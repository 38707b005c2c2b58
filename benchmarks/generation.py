"""Compare the speed of generation with a plain diffusers call, in one run: `python benchmarks/generation.py`.

Both generate the same images with the same pipeline, noise and micro-batches, on one thread, and write JPEG files of
quality 95. `plain` is the documented way: call the pipeline with a list of prompts and save the result. `ours` runs the
steps of this package, from prompts to stored shards: encode each prompt once, sample, and encode images in other
threads. The time to load models counts for `ours`, which loads text encoders and denoiser separately, but not for
`plain`.

The pipeline of the main case is created here: a text encoder of the size of CLIP-L (123 M random weights), a tiny UNet
and a tiny VAE. It shows the cost of text encoding with a small denoiser. The difference is smaller with a large
denoiser, and with the pocket models, which have a tiny text encoder.

`--captions` measures data sets in which every image has a prompt of its own, as with captions: `plain` and `ours` with
micro-batches of several prompts, and `one by one`, which is `ours` with a micro-batch of one image. The captions
themselves are templates, so that no time of a captioner is counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusers.utils import logging

from prettyuseful.generators.base import Sampling

CLASSES = ("tench", "goldfish", "bullfrog", "tailed frog")


@dataclass(frozen=True)
class Case:
    """What is generated: `images` per class, in micro-batches of `micro_batch`, with one or `images` prompts."""

    title: str
    model: str
    sampling: Sampling
    images: int
    micro_batch: int
    captions: bool = False

    def templates(self) -> list[str]:
        """Return one text with `{}` per prompt of a class."""
        return [f"{{}}, a photo number {number}" for number in range(self.images)] if self.captions else ["{}"]

    def prompt(self, name: str, index: int) -> str:
        templates = self.templates()
        return templates[index % len(templates)].replace("{}", name)


def clip_l_with_tiny_unet(folder: Path) -> Path:
    """Save a StableDiffusionPipeline with a text encoder of full size and a tiny UNet; return its folder."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(c) for c in range(97, 123)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokens += [f"filler{i}" for i in range(49408 - len(tokens))]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(16, 16, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=4,
            latent_channels=4,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                bos_token_id=52,
                eos_token_id=53,
                pad_token_id=53,
            )
        ),
        tokenizer=CLIPTokenizer(
            vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=77
        ),
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            norm_num_groups=8,
            attention_head_dim=8,
            cross_attention_dim=768,
        ),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target = folder / "clip-l-tiny-unet"
    pipeline.save_pretrained(target)
    return target


def plain(case: Case, folder: Path) -> Callable[[], None]:
    """Return a function that calls the pipeline with lists of prompts and saves the images one by one."""
    from diffusers import StableDiffusionPipeline

    from prettyuseful.engine.keys import derive_seed
    from prettyuseful.generators.models import find_model, pipeline_path

    model = find_model(case.model)
    with pipeline_path(model.source) as model_folder:
        pipeline = StableDiffusionPipeline.from_pretrained(
            model_folder, safety_checker=None, variant=model.variant, torch_dtype=torch.float32
        )
    pipeline.set_progress_bar_config(disable=True)

    def run() -> None:
        target = Path(tempfile.mkdtemp(dir=folder))
        for name in CLASSES:
            for first in range(0, case.images, case.micro_batch):
                indices = range(first, min(first + case.micro_batch, case.images))
                prompts = [case.prompt(name, index) for index in indices]
                seeds = [derive_seed(0, name, prompt, i) for i, prompt in zip(indices, prompts, strict=True)]
                generated = pipeline(
                    prompts,
                    generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
                    num_inference_steps=case.sampling.steps,
                    guidance_scale=case.sampling.cfg,
                ).images
                for index, image in zip(indices, generated, strict=True):
                    image.save(target / f"{name}-{index:06d}.jpg", quality=95)

    return run


def ours(case: Case, folder: Path) -> Callable[[], None]:
    """Return a function that generates a data set like `prettyuseful generate`, in this process."""
    from prettyuseful.engine.step import run_step
    from prettyuseful.engine.store.local import LocalStore
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import dataset_study

    task = folder / "task"
    if not task.exists():
        from PIL import Image

        for split in ("train", "test"):
            for label in CLASSES:
                (task / split / label).mkdir(parents=True)
                Image.new("RGB", (8, 8)).save(task / split / label / "0.png")
    dataset = {
        "generator": case.model,
        "images_per_class": case.images,
        "sampling": case.sampling.model_dump(exclude_none=True),
        "prompts": {"strategy": "template", "templates": case.templates()} if case.captions else "class-name",
    }
    plan = make_plan(dataset_study(dataset, {"folder": str(task)}, {"micro_batch": case.micro_batch}))
    kinds = ("prompt", "encode", "generate", "collect")
    steps = [step for step in plan.steps.values() if step.spec.kind in kinds]

    def run() -> None:
        store = LocalStore(Path(tempfile.mkdtemp(dir=folder)))
        for step in steps:
            run_step(step, store, lambda _: None)

    return run


def compare(case: Case, repeats: int, folder: Path) -> dict[str, Any]:
    """Time all ways in turn, so that other load on the machine affects all of them."""
    ways = {"plain": plain(case, folder), "ours": ours(case, folder)}
    if case.captions:
        ways["one by one"] = ours(replace(case, micro_batch=1), folder)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for repeat in range(repeats + 1):
        for way, run in ways.items():
            started = time.perf_counter()
            run()
            if repeat:  # the first round loads and warms up
                seconds[way].append(round(time.perf_counter() - started, 3))
    count = case.images * len(CLASSES)
    ratios = {
        way: [round(other / own, 2) for other, own in zip(values, seconds["ours"], strict=True)]
        for way, values in seconds.items()
        if way != "ours"
    }
    return {
        "case": f"{case.title}, {case.sampling.steps} steps, cfg {case.sampling.cfg:g}",
        "images": count,
        "micro_batch": case.micro_batch,
        "seconds": seconds,
        "images_per_second": {way: round(count / median(values), 2) for way, values in seconds.items()},
        "speed_of_ours_by_round": ratios,
        "speed_of_ours": {way: median(values) for way, values in ratios.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--micro-batch", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--captions", action="store_true", help="a prompt of its own for every image")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    base, turbo = Sampling(steps=25, cfg=1.0), Sampling(steps=4, cfg=1.0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.captions:
            cases = [
                Case("pocket-base, captions", "pocket-base", base, 25, options.micro_batch, captions=True),
                Case("pocket-turbo, captions", "pocket-turbo", turbo, 25, options.micro_batch, captions=True),
            ]
        else:
            title, guided = "text encoder of CLIP-L size, tiny UNet", Sampling(steps=20, cfg=7.5)
            cases = [
                Case(title, str(clip_l_with_tiny_unet(folder)), guided, 10, options.micro_batch),
                Case("pocket-base", "pocket-base", base, 100, options.micro_batch),
                Case("pocket-turbo", "pocket-turbo", turbo, 100, options.micro_batch),
            ]
        results = [compare(case, options.repeats, folder) for case in cases]
    print(json.dumps({"machine": platform.processor() or platform.machine(), "threads": 1, "cases": results}, indent=1))


if __name__ == "__main__":
    main()
