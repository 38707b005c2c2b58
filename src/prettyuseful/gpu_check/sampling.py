"""Text-to-image models of full size with random weights: speed, share of the card's rate, memory, mixed prompts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.embeddings import Embedding
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.footprint import Footprint
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.published import PipelineConfig, published_config
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device, Mark, Peak
from prettyuseful.gpu_check.lines import Line, failed, not_measured
from prettyuseful.numerics import DType, Numerics

_MODELS = ("sd-1.5", "sdxl", "sd3.5-medium", "flux.1-dev")
_SIZES, _BATCHES = (512, 1024), (1, 4, 16)
_STEPS = 3  # that are timed
_SHARE, _SHARE_FROM = 45.0, 8  # per cent of the measured rate, for batches of at least so many images
_SPEEDUP, _SPEEDUP_MODELS, _SPEEDUP_SIZE = 2.5, ("sd-1.5", "sdxl"), 512
_MIXED_IMAGES, _MIXED_STEPS = 4, 2
_MIXED: tuple[DType, ...] = ("bfloat16", "float16")
SHARE = "share of the measured rate"
"""How the lines with it end, in per cent."""
_USABLE = 0.95  # share of the memory of a card that a prediction may take


@dataclass(frozen=True)
class Case:
    """A model, its configuration, and what is measured: `sizes` in pixels, and `batches` of images."""

    model: Model
    config: PipelineConfig
    sizes: tuple[int, ...]
    batches: tuple[int, ...]

    def sampling(self, size: int, steps: int) -> Sampling:
        return resolve_sampling("vendor", self.model).model_copy(update={"size": size, "steps": steps})


def check_sampling(context: Context) -> Iterator[Line]:
    """Sample images of all models, sizes and batch sizes."""
    for case in (tiny_case(),) if context.tiny else (_published_case(name) for name in _MODELS):
        try:
            yield from _check_model(case, context)
        except Exception as error:  # the other models are measured all the same
            yield failed(case.model.id, error)
        context.device.release()


def _published_case(name: str) -> Case:
    return Case(MODELS[name], published_config(MODELS[name]), _SIZES, _BATCHES)


def tiny_case() -> Case:
    """Return a tiny model like `sd-1.5`, whose footprint was counted in the same way."""
    blocks = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 4}
    unet = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "attention_head_dim": 8, "sample_size": 8}
    unet |= {"up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 32} | blocks
    vae = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2} | blocks
    config = PipelineConfig(
        FAMILIES["sd"], ("UNet2DConditionModel", unet), ("AutoencoderKL", vae), {"prompt_embeds": (7, 32)}
    )
    model = replace(MODELS["sd-1.5"], id="tiny", size=32, dtype="float32", footprint=_TINY_FOOTPRINT)
    return Case(model, config, (32,), (1, 4, 16))


def _check_model(case: Case, context: Context) -> Iterator[Line]:
    model, device = case.model, context.device
    footprint = model.footprint
    assert footprint is not None
    free = _USABLE * device.free_memory
    least = footprint.sampling(case.sampling(case.sizes[0], 1), case.sizes[0], 1, model.dtype)
    if least > free:
        yield not_measured(model.id, f"it needs {least / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free")
        return
    if not context.has_time():
        yield not_measured(model.id, "out of time")
        return
    sampler, embeddings = _make_sampler(case, device)
    for size in case.sizes:
        speeds: dict[int, float] = {}
        seconds = 0.0  # of the next measurement
        for before, batch in pairwise((case.batches[0], *case.batches)):
            name, sampling = f"{model.id}, {size} px, batch {batch}", case.sampling(size, _STEPS)
            predicted = footprint.sampling(sampling, size, batch, model.dtype)
            if predicted > free:
                yield not_measured(name, f"it needs {predicted / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free")
            elif not context.has_time(seconds * batch / before):
                yield not_measured(name, "out of time")
            else:
                started = time.monotonic()
                sampler.sampling = sampling
                run = _sample(sampler, embeddings[:1] * batch, device)
                speeds[batch] = batch / (run.step * (model.vendor.steps or 1) + run.rest)
                seconds = time.monotonic() - started
                yield from _lines(name, batch, run, speeds[batch], context)
                if batch == case.batches[-1]:
                    yield from _memory_lines(name, run, footprint, sampling, size, batch, model.dtype)
            device.release()
        yield from _speedup_lines(case, size, speeds, context)
    if hasattr(sampler.pipeline, "unet") and speeds:
        yield _layout_line(case, sampler, embeddings, speeds, context)
    for dtype in _MIXED:
        if context.has_time():
            yield _mixed_line(case, sampler, embeddings, dtype)
        else:
            yield not_measured(f"{model.id}, mixed prompts in {dtype}", "out of time")


def _make_sampler(case: Case, device: Device) -> tuple[DiffusersSampler, list[Embedding]]:
    """Return the sampler, and the embeddings of different prompts."""
    model, dtype = case.model, getattr(torch, case.model.dtype)
    numerics = Numerics(device=device.kind, dtype=model.dtype)
    numerics.apply()
    sampling = case.sampling(case.sizes[0], 1)
    sampler = DiffusersSampler.of_pipeline(model, sampling, numerics, case.config.build(dtype, device.kind))
    guided = (sampling.cfg or 1) > 1
    return sampler, [case.config.random_embedding(guided, dtype, device.kind, seed) for seed in range(_MIXED_IMAGES)]


@dataclass
class _Run:
    """What a run of the sampler showed.

    `flops`: of one step. `step`: seconds of a step. `rest`: seconds of all that is not a step, such as decoding.
    `denoising`, `decoding`: peak bytes besides the weights. `weights`: their bytes.
    """

    flops: int = 0
    step: float = 0.0
    rest: float = 0.0
    denoising: int = 0
    decoding: int = 0
    weights: int = 0


@dataclass
class _Watch:
    """Notes when the calls of a denoiser begin and end, counts the operations of the first one of all, and the memory.

    `calls`: expected in a run; the memory after the last one is that of decoding.
    """

    device: Device
    calls: int
    begins: list[Mark] = field(default_factory=list)
    end: Mark | None = None
    peak: Peak | None = None
    denoising: int = 0

    def before(self, *_: Any) -> None:
        self.begins.append(self.device.mark())

    def after(self, *_: Any) -> None:
        self.end = self.device.mark()
        if self.peak is not None and len(self.begins) == self.calls:
            self.denoising = self.peak.bytes_since_last()


@contextmanager
def _watched(denoiser: Any, watch: _Watch) -> Iterator[None]:
    hooks = [denoiser.register_forward_pre_hook(watch.before), denoiser.register_forward_hook(watch.after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _sample(sampler: DiffusersSampler, embeddings: list[Embedding], device: Device) -> _Run:
    """Sample twice: to count operations and warm up, and to measure time and memory."""
    denoiser = getattr(sampler.pipeline, sampler.model.kind.denoiser)
    seeds = tuple(range(len(embeddings)))
    run = _Run(flops=_count_flops(sampler, denoiser, embeddings, seeds))
    run.weights = sum(
        tensor.nbytes
        for network in (denoiser, sampler.pipeline.vae)
        for tensor in (*network.parameters(), *network.buffers())
    )
    watch = _Watch(device, sampler.sampling.steps or 1)
    with device.peak() as watch.peak, _watched(denoiser, watch):
        total = device.seconds(lambda: sampler.sample(embeddings, seeds))
        run.decoding = watch.peak.bytes_since_last()
    assert watch.end is not None
    run.denoising = watch.denoising
    run.step = watch.begins[0].seconds_to(watch.end) / len(watch.begins)
    run.rest = max(0.0, total - run.step * len(watch.begins))
    return run


def _count_flops(sampler: DiffusersSampler, denoiser: Any, embeddings: list[Embedding], seeds: tuple[int, ...]) -> int:
    """Return the operations of one call of the denoiser; all kernels are then loaded, too."""
    counters: list[FlopCounterMode] = []

    def start(*_: Any) -> None:
        counters.append(FlopCounterMode(display=False))
        counters[-1].__enter__()  # type: ignore[no-untyped-call]

    def stop(*_: Any) -> None:
        counters[-1].__exit__(None, None, None)  # type: ignore[no-untyped-call]

    sampling = sampler.sampling
    sampler.sampling = sampling.model_copy(update={"steps": 1})
    hooks = [denoiser.register_forward_pre_hook(start), denoiser.register_forward_hook(stop)]
    try:
        sampler.sample(embeddings, seeds)
    finally:
        sampler.sampling = sampling
        for hook in hooks:
            hook.remove()
    return int(counters[-1].get_total_flops())


def _lines(name: str, batch: int, run: _Run, speed: float, context: Context) -> Iterator[Line]:
    fastest = 1000 * run.flops / context.rate if context.rate else 0.0
    yield Line(f"{name}: time of a step", 1000 * run.step, "ms", "at least", context.aim(fastest), "less is impossible")
    if context.rate:
        aims = batch >= _SHARE_FROM
        yield Line(
            f"{name}: {SHARE}",
            100 * run.flops / run.step / context.rate,
            "%",
            "at least" if aims else "",
            context.aim(_SHARE) if aims else None,
        )
    yield Line(f"{name}: with the vendor's steps", speed, "images/s")


def _memory_lines(
    name: str, run: _Run, footprint: Footprint, sampling: Sampling, size: int, batch: int, dtype: DType
) -> Iterator[Line]:
    for phase, seen, predicted in (
        ("denoising", run.denoising, footprint.denoising(sampling, size, batch, dtype)),
        ("decoding", run.decoding, footprint.decoding(size, batch, dtype)),
    ):
        expected = (footprint.weights(sampling, dtype) + predicted) / 1e9
        yield Line(f"{name}: peak memory of {phase}", (run.weights + seen) / 1e9, "GB", "about", expected)


def _speedup_lines(case: Case, size: int, speeds: dict[int, float], context: Context) -> Iterator[Line]:
    """Captions have one prompt for each image, and used to be sampled one by one."""
    first, last = case.batches[0], case.batches[-1]
    if (context.tiny or (case.model.id in _SPEEDUP_MODELS and size == _SPEEDUP_SIZE)) and {first, last} <= {*speeds}:
        seen, aim = speeds[last] / speeds[first], context.aim(_SPEEDUP)
        yield Line(f"{case.model.id}, {size} px: speed of batch {last} against {first}", seen, "times", "at least", aim)


def _layout_line(
    case: Case, sampler: DiffusersSampler, embeddings: list[Embedding], speeds: dict[int, float], context: Context
) -> Line:
    """Compare the memory formats of a network of convolutions, of which nobody has measured which is faster."""
    batch = max(speeds)
    name = f"{case.model.id}, {case.sizes[-1]} px, batch {batch}: speed in channels_last against contiguous"
    if not context.has_time():
        return not_measured(name, "out of time")
    for network in (sampler.pipeline.unet, sampler.pipeline.vae):
        network.to(memory_format=torch.channels_last)
    sampler.sampling = case.sampling(case.sizes[-1], _STEPS)
    run = _sample(sampler, embeddings[:1] * batch, context.device)
    return Line(name, batch / (run.step * (case.model.vendor.steps or 1) + run.rest) / speeds[batch], "times")


def _mixed_line(case: Case, sampler: DiffusersSampler, embeddings: list[Embedding], dtype: DType) -> Line:
    """Compare images beside images of other prompts with those beside images of their own."""
    target = getattr(torch, dtype)
    sampler.pipeline.to(dtype=target)
    sampler.numerics = sampler.numerics.model_copy(update={"dtype": dtype})
    sampler.sampling = case.sampling(case.sizes[0], _MIXED_STEPS)
    own = [{name: _to(tensor, target) for name, tensor in embedding.items()} for embedding in embeddings]
    seeds = tuple(range(len(own)))
    mixed = sampler.sample(own, seeds)
    alone = [sampler.sample([embedding] * len(own), seeds)[i] for i, embedding in enumerate(own)]
    equal = sum(torch.equal(image, other) for image, other in zip(mixed, alone, strict=True))
    return Line(f"{case.model.id}: images of mixed prompts equal in {dtype}", equal, "images", "exactly", len(own))


def _to(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


# Counted by `footprint_of` of benchmarks/peak_memory.py.
_TINY_FOOTPRINT = Footprint(506_728, 335_918, 0, 4, 1280, 116, 203)
