"""Prompt encoding: embeddings depend only on the prompt, need only text encoders, and truncation is reported."""

from __future__ import annotations

import gc
import io
import logging
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from tests.generators.reference_pipelines import KINDS, NEGATIVE, PROMPT, REFINED, generate_images, settings

from prettyuseful.engine.cache import cached_model, release_model
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Named = Callable[[str], str]

# Maximal number of tokens, including those that the pipeline adds to a prompt.
LIMITS: dict[str, dict[str, int]] = {
    "sd": {"tokenizer": 77},
    "sdxl": {"tokenizer": 77, "tokenizer_2": 77},
    REFINED: {"tokenizer": 77, "tokenizer_2": 77, "refiner.tokenizer_2": 77},
    "sd3": {"tokenizer": 77, "tokenizer_2": 77, "tokenizer_3": 256},
    "flux": {"tokenizer": 77, "tokenizer_2": 512},
    "flux-schnell": {"tokenizer": 77, "tokenizer_2": 512},
    "sana": {"tokenizer": 300},
    "lumina2": {"tokenizer": 256},
    "qwen-image": {"tokenizer": 512},
    "pixart": {"tokenizer": 120},
}


shared_encoder = cache(PromptEncoder)
"""Encoders that no test changes."""


@pytest.fixture
def encoder(name: str) -> PromptEncoder:
    return shared_encoder(name, Numerics())


def modules(holder: PromptEncoder | DiffusersSampler) -> dict[str, Any]:
    """Return the loaded components by name."""
    if isinstance(holder, PromptEncoder):
        pipelines = [stage.pipeline for stage in holder.stages]
    else:
        pipelines = [pipeline for pipeline in (holder.pipeline, holder.refiner) if pipeline is not None]
    return {
        f"{number}.{name}": part
        for number, pipeline in enumerate(pipelines)
        for name, part in pipeline.components.items()
        if part is not None
    }


def test_encoding_and_sampling_load_disjoint_components(name: str, encoder: PromptEncoder) -> None:
    sampler = DiffusersSampler(name, settings(name), Numerics())
    text, image = ({key.split(".")[1] for key in modules(holder)} for holder in (encoder, sampler))
    assert all(part.startswith(("text_encoder", "tokenizer", "scheduler")) for part in text)
    assert image in ({"unet", "vae", "scheduler"}, {"transformer", "vae", "scheduler"})
    networks = [m for m in (*modules(encoder).values(), *modules(sampler).values()) if isinstance(m, torch.nn.Module)]
    assert len(networks) == len({id(network) for network in networks}) >= 3


def test_text_encoders_are_freed_before_the_sampler_is_created(name: str) -> None:
    release_model()
    encoder = cached_model(PromptEncoder, name, Numerics())
    kept = encoder.encode(PROMPT) | encoder.encode_negative(NEGATIVE)
    networks = [part for part in modules(encoder).values() if isinstance(part, torch.nn.Module)]
    references = [weakref.ref(owner) for network in networks for owner in (network, *network.parameters())]
    assert len(references) > 10
    del encoder, networks

    def make(*arguments: Any) -> DiffusersSampler:
        assert [reference() for reference in references if reference() is not None] == []
        return DiffusersSampler(*arguments)

    sampler = cached_model(make, name, settings(name, cfg=4.0), Numerics())
    assert sampler.sample([kept], (1,)).shape[0] == 1
    networks = [part for part in modules(sampler).values() if isinstance(part, torch.nn.Module)]
    references = [weakref.ref(weight) for network in networks for weight in network.parameters()]
    del sampler, networks
    release_model()
    gc.collect()
    assert not any(reference() is not None for reference in references)


@pytest.mark.parametrize("kind", ["sd", "flux", "sana", "lumina2"])
def test_truncation_is_not_logged(tiny_model_name: Named, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    encoder, output = PromptEncoder(tiny_model_name(kind), Numerics()), io.StringIO()
    for handler in (handler for name in ("diffusers", "transformers") for handler in logging.getLogger(name).handlers):
        if type(handler) is logging.StreamHandler:  # not the handlers of pytest
            monkeypatch.setattr(handler, "stream", output)
    encoder.encode("a " * 600)
    assert encoder.too_long("a " * 600)
    assert output.getvalue() == ""


def test_embedding_depends_only_on_its_prompt(encoder: PromptEncoder) -> None:
    first = encoder.encode(PROMPT)
    other = encoder.encode("a photo of a blue dog on the grass")
    again = encoder.encode(PROMPT)
    assert all(tensor.shape[0] == 1 for tensor in first.values())
    assert first.keys() == again.keys() == other.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["prompt_embeds"], other["prompt_embeds"])


def test_negative_prompt_has_every_embedding_of_a_prompt(encoder: PromptEncoder) -> None:
    def negative_name(name: str) -> str:
        stage, _, argument = name.rpartition(".")
        return f"{stage}.negative_{argument}" if stage else f"negative_{argument}"

    assert {negative_name(name) for name in encoder.encode(PROMPT)} == set(encoder.encode_negative(NEGATIVE))


@pytest.mark.parametrize("kind", ["sdxl", REFINED])
def test_sdxl_uses_zeros_without_a_negative(tiny_model_name: Named, kind: str) -> None:
    encoder = shared_encoder(tiny_model_name(kind), Numerics())
    none, empty = encoder.encode_negative(None), encoder.encode_negative("")
    for name in ("negative_prompt_embeds", "negative_pooled_prompt_embeds"):
        assert not none[name].any()
        assert empty[name].any()
    # The refiner does not do that.
    assert all(torch.equal(none[name], empty[name]) for name in none if name.startswith("refiner."))


@pytest.mark.parametrize(("kind", "tokenizer"), [(kind, tokenizer) for kind in KINDS for tokenizer in LIMITS[kind]])
def test_too_long_returns_the_tokenizers_that_truncate(tiny_model_name: Named, kind: str, tokenizer: str) -> None:
    encoder, limits = shared_encoder(tiny_model_name(kind), Numerics()), LIMITS[kind]
    fitting = text_of(limits[tokenizer], encoder, tokenizer)
    assert tokenizer not in encoder.too_long(fitting)
    assert set(encoder.too_long(f"a {fitting}")) == {
        other for other, limit in limits.items() if limit <= limits[tokenizer]
    }
    assert encoder.too_long("a") == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (REFINED, "qwen-image")])
def test_only_tokens_beyond_the_limit_are_truncated(tiny_model_name: Named, kind: str) -> None:
    encoder = PromptEncoder(tiny_model_name(kind), Numerics())
    tokenizer, limit = max(LIMITS[kind].items(), key=lambda item: item[1])

    def differ(*texts: str) -> bool:
        return not torch.equal(*(encoder.encode(text)["prompt_embeds"] for text in texts))

    fitting = text_of(limit, encoder, tokenizer)
    assert differ(fitting, f"{fitting[:-1]}c")
    assert not differ(f"a a a {fitting}", f"a a a {fitting[:-1]}c")


def test_qwen_image_truncates_at_its_limit(tiny_model_name: Named) -> None:
    """Tokens at the end of the template count too, and they are truncated first."""
    encoder = PromptEncoder(tiny_model_name("qwen-image"), Numerics())
    texts = [text_of(limit, encoder, "tokenizer") for limit in (511, 512, 513)]
    assert [encoder.encode(text)["prompt_embeds"].shape[1] for text in texts] == [511, 512, 512]


def test_sequence_of_a_model_overrides_the_family(tiny_model_name: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(MODELS["flux.1-schnell"], id="short", path_or_id=tiny_model_name("flux-schnell"), size=None)
    monkeypatch.setitem(MODELS, "short", row)
    encoder = PromptEncoder("short", Numerics())
    assert encoder.encode("cat")["prompt_embeds"].shape[1] == 256
    fitting = text_of(256, encoder, "tokenizer_2")
    assert encoder.too_long(fitting) == ["tokenizer"]
    assert encoder.too_long(f"a {fitting}") == ["tokenizer", "tokenizer_2"]
    assert generate_images("short", cfg=1.0).shape[0] == 3


def text_of(limit: int, encoder: PromptEncoder, tokenizer: str) -> str:
    """Return a prompt "a a ... b" with `limit` tokens, including those that the pipeline adds."""
    pipeline = encoder.stages[-1 if tokenizer.startswith("refiner.") else 0].pipeline
    tokens = getattr(pipeline, tokenizer.removeprefix("refiner."))
    template, dropped = "{}", 0
    if encoder.model.family == "lumina2":
        template = f"{pipeline.system_prompt} <Prompt Start> {{}}"
    elif encoder.model.family == "qwen-image":
        template, dropped = pipeline.prompt_template_encode, pipeline.prompt_template_encode_start_idx
    short = len(tokens(template.format("a a b")).input_ids) - dropped
    text = "a " * (limit - short + 2) + "b"
    assert len(tokens(template.format(text), verbose=False).input_ids) - dropped == limit
    return text
