"""A prompt's embedding depends on the prompt alone, is made with text encoders only, and says when it was cut."""

from __future__ import annotations

import gc
import io
import logging
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.generators.own_call import KINDS, NEGATIVE, PROMPT, REFINED, ours, settings

from prettyuseful.engine.cache import cached_model, release_model
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.models import MODELS
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Named = Callable[[str], str]

# How many tokens each takes, those that the pipeline puts around a prompt included.
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


@pytest.fixture
def encoder(name: str) -> PromptEncoder:
    return PromptEncoder(name, Numerics())


def modules(holder: PromptEncoder | DiffusersSampler) -> dict[str, Any]:
    """What is loaded, by component."""
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


def test_encoding_and_sampling_load_disjoint_parts(name: str, encoder: PromptEncoder) -> None:
    sampler = DiffusersSampler(name, settings(name), Numerics())
    text, image = ({key.split(".")[1] for key in modules(holder)} for holder in (encoder, sampler))
    assert all(part.startswith(("text_encoder", "tokenizer", "scheduler")) for part in text)
    assert image in ({"unet", "vae", "scheduler"}, {"transformer", "vae", "scheduler"})
    networks = [m for m in (*modules(encoder).values(), *modules(sampler).values()) if isinstance(m, torch.nn.Module)]
    assert len(networks) == len({id(network) for network in networks}) >= 3


def test_text_encoders_are_gone_when_the_sampler_is_made(name: str) -> None:
    release_model()
    encoder = cached_model(PromptEncoder, name, Numerics())
    kept = encoder.encode(PROMPT) | encoder.encode_negative(NEGATIVE)
    networks = [part for part in modules(encoder).values() if isinstance(part, torch.nn.Module)]
    gone = [weakref.ref(held) for network in networks for held in (network, *network.parameters())]
    assert len(gone) > 10
    del encoder, networks

    def make(*arguments: Any) -> DiffusersSampler:
        assert [held() for held in gone if held() is not None] == []
        return DiffusersSampler(*arguments)

    sampler = cached_model(make, name, settings(name, cfg=4.0), Numerics())
    assert sampler.sample(kept, (1,)).shape[0] == 1
    networks = [part for part in modules(sampler).values() if isinstance(part, torch.nn.Module)]
    gone = [weakref.ref(weight) for network in networks for weight in network.parameters()]
    del sampler, networks
    release_model()
    gc.collect()
    assert not any(held() is not None for held in gone)


@pytest.mark.parametrize("kind", ["sd", "flux", "sana", "lumina2"])
def test_a_prompt_is_cut_in_silence(name_of: Named, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    encoder, said = PromptEncoder(name_of(kind), Numerics()), io.StringIO()
    for handler in (handler for name in ("diffusers", "transformers") for handler in logging.getLogger(name).handlers):
        if type(handler) is logging.StreamHandler:  # theirs; pytest has some too
            monkeypatch.setattr(handler, "stream", said)
    encoder.encode("a " * 600)
    assert encoder.too_long("a " * 600)
    assert said.getvalue() == ""


def test_an_embedding_depends_on_its_prompt_alone(encoder: PromptEncoder) -> None:
    first = encoder.encode(PROMPT)
    other = encoder.encode("a photo of a blue dog on the grass")
    again = encoder.encode(PROMPT)
    assert all(tensor.shape[0] == 1 for tensor in first.values())
    assert first.keys() == again.keys() == other.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["prompt_embeds"], other["prompt_embeds"])


def test_a_negative_has_every_embedding_that_a_prompt_has(encoder: PromptEncoder) -> None:
    def twin(name: str) -> str:
        stage, _, argument = name.rpartition(".")
        return f"{stage}.negative_{argument}" if stage else f"negative_{argument}"

    assert {twin(name) for name in encoder.encode(PROMPT)} == set(encoder.encode_negative(NEGATIVE))


@pytest.mark.parametrize("kind", ["sdxl", REFINED])
def test_sdxl_takes_zeros_for_no_negative(name_of: Named, kind: str) -> None:
    encoder = PromptEncoder(name_of(kind), Numerics())
    none, empty = encoder.encode_negative(None), encoder.encode_negative("")
    for name in ("negative_prompt_embeds", "negative_pooled_prompt_embeds"):
        assert not none[name].any()
        assert empty[name].any()
    # Its refiner is not made that way.
    assert all(torch.equal(none[name], empty[name]) for name in none if name.startswith("refiner."))


@pytest.mark.parametrize(("kind", "tokenizer"), [(kind, tokenizer) for kind in KINDS for tokenizer in LIMITS[kind]])
def test_a_prompt_that_is_too_long_names_the_tokenizers_that_cut_it(name_of: Named, kind: str, tokenizer: str) -> None:
    encoder, limits = PromptEncoder(name_of(kind), Numerics()), LIMITS[kind]
    fitting = text_of(limits[tokenizer], encoder, tokenizer)
    assert tokenizer not in encoder.too_long(fitting)
    assert set(encoder.too_long(f"a {fitting}")) == {
        other for other, limit in limits.items() if limit <= limits[tokenizer]
    }
    assert encoder.too_long("a") == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (REFINED, "qwen-image")])
def test_what_stands_behind_the_limit_is_really_cut_and_nothing_before_it(name_of: Named, kind: str) -> None:
    encoder = PromptEncoder(name_of(kind), Numerics())
    tokenizer, limit = max(LIMITS[kind].items(), key=lambda item: item[1])

    def differ(*texts: str) -> bool:
        return not torch.equal(*(encoder.encode(text)["prompt_embeds"] for text in texts))

    fitting = text_of(limit, encoder, tokenizer)
    assert differ(fitting, f"{fitting[:-1]}c")
    assert not differ(f"a a a {fitting}", f"a a a {fitting[:-1]}c")


def test_qwen_image_cuts_at_its_limit_too(name_of: Named) -> None:
    """The end of its template counts, and stands behind the prompt: that is cut first."""
    encoder = PromptEncoder(name_of("qwen-image"), Numerics())
    texts = [text_of(limit, encoder, "tokenizer") for limit in (511, 512, 513)]
    assert [encoder.encode(text)["prompt_embeds"].shape[1] for text in texts] == [511, 512, 512]


def test_the_sequence_of_a_row_goes_before_its_familys(name_of: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(MODELS["flux.1-schnell"], id="short", place=name_of("flux-schnell"), size=None)
    monkeypatch.setitem(MODELS, "short", row)
    encoder = PromptEncoder("short", Numerics())
    assert encoder.encode("cat")["prompt_embeds"].shape[1] == 256
    fitting = text_of(256, encoder, "tokenizer_2")
    assert encoder.too_long(fitting) == ["tokenizer"]
    assert encoder.too_long(f"a {fitting}") == ["tokenizer", "tokenizer_2"]
    assert ours("short", cfg=1.0).shape[0] == 3


def text_of(limit: int, encoder: PromptEncoder, tokenizer: str) -> str:
    """A prompt "a a ... b" of as many tokens, with what the pipeline puts around it."""
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
