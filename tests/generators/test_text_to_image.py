"""Prompts that are encoded beside the sampler: images do not depend on the other prompts of their batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from tests.generators.reference_pipelines import KINDS, NEGATIVE, known_images, settings

from prettyuseful.generators.embeddings import Embedding
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

PROMPTS = (
    "cat",
    "a photo of a small red cat, a blue dog and a green bird on the grass",
    "a blue dog",
    "",
)
NEGATIVE_GUIDANCE = {"cfg": 4.0, "negative": NEGATIVE}
SEEDS = (5, 2**62 + 1, 7, 8)


@pytest.mark.parametrize(
    ("kind", "guidance"),
    [
        pytest.param(kind, guidance, marks=() if kind == "sd" or guidance == NEGATIVE_GUIDANCE else pytest.mark.slow)
        for kind in KINDS
        for guidance in ({"cfg": 1.0}, {"cfg": 4.0}, NEGATIVE_GUIDANCE)
    ],
)
def test_an_image_does_not_depend_on_the_other_prompts_of_its_batch(name: str, guidance: dict[str, Any]) -> None:
    """It equals the image of the same seed beside copies of its own prompt, bit for bit, wherever it is."""
    model = TextToImage(name, settings(name, **guidance), Numerics())
    embeddings = list(model.encode(PROMPTS).values())
    if not model.sampler.model.kind.mixes_prompts:
        assert len({tokens_of(embedding) for embedding in embeddings}) > 1
        return
    shapes = [{key: tensor.shape for key, tensor in embedding.items()} for embedding in embeddings]
    assert all(shape == shapes[0] for shape in shapes)
    mixed = model.sampler.sample(embeddings, SEEDS)
    turned = model.sampler.sample([*embeddings[1:], embeddings[0]], (*SEEDS[1:], SEEDS[0]))
    assert torch.equal(turned.roll(1, 0), mixed)
    for number, embedding in enumerate(embeddings):
        assert torch.equal(model.sampler.sample([embedding] * 4, SEEDS)[number], mixed[number])


def tokens_of(embedding: Embedding) -> int:
    """Return the number of tokens of a prompt that count."""
    (mask,) = (embedding[name] for name in ("prompt_attention_mask", "prompt_embeds_mask") if name in embedding)
    return int(mask.sum())


def test_families_with_prompts_of_different_lengths_do_not_mix_them(kind: str, name: str) -> None:
    model = TextToImage(name, settings(name), Numerics())
    assert model.sampler.model.kind.mixes_prompts == (kind not in ("lumina2", "qwen-image"))


def test_images_equal_those_from_stored_embeddings(kind: str, name: str) -> None:
    sampling = settings(name, cfg=4.0, negative=NEGATIVE)
    model, prompt = TextToImage(name, sampling, Numerics()), "a small red cat"
    embeddings = model.encode([prompt, "cat", prompt])
    assert list(embeddings) == [prompt, "cat"]
    seeds = (5, 2**62 + 1, 7)
    images = model.sampler.sample([embeddings[prompt]] * 3, seeds).numpy()
    distilled = {"distilled_guidance": sampling.distilled_guidance} if kind == "flux" else {}
    assert (images == known_images(name, prompt, seeds, cfg=4.0, negative=NEGATIVE, **distilled)).all()


def test_the_weights_in_main_memory_are_used_again_after_encoding(tiny_model_name: Callable[[str], str]) -> None:
    """Nothing is copied back from the device."""
    encoder = TextToImage(tiny_model_name("sd"), settings(tiny_model_name("sd")), Numerics()).encoder
    network = encoder.stages[0].pipeline.text_encoder
    tensors = [*network.parameters(), *network.buffers()]
    before = [(tensor.data_ptr(), tensor.clone()) for tensor in tensors]
    assert encoder.bytes == sum(tensor.nbytes for tensor in tensors)
    with encoder.on_device():
        for tensor in tensors:
            tensor.data = torch.zeros_like(tensor)  # as on a device
    assert [tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())] == [p for p, _ in before]
    assert all(torch.equal(tensor, values) for tensor, (_, values) in zip(tensors, before, strict=True))


@pytest.mark.parametrize(("missing", "moved"), [(0, False), (1, True)])
def test_the_sampler_leaves_the_device_if_the_text_encoders_do_not_fit_beside_it(
    tiny_model_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, missing: int, moved: bool
) -> None:
    """Without a GPU, only the decision is tested."""
    model = TextToImage(tiny_model_name("sd"), settings(tiny_model_name("sd")), Numerics())
    calls = []

    @contextmanager
    def in_main_memory() -> Iterator[None]:
        calls.append("out")
        yield
        calls.append("in")

    monkeypatch.setattr(model.sampler, "numerics", Numerics(device="cuda"))
    monkeypatch.setattr(model.sampler, "in_main_memory", in_main_memory)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (model.encoder.bytes + 2**30 - missing, 2**40))
    model.encode(["a cat"])
    assert calls == (["out", "in"] if moved else [])


def test_weights_of_the_sampler_return_unchanged(tiny_model_name: Callable[[str], str]) -> None:
    name = tiny_model_name("sdxl+refiner")
    model = TextToImage(name, settings(name), Numerics())
    embeddings = list(model.encode(["a cat"]).values())
    before = model.sampler.sample(embeddings, (1,))
    with model.sampler.in_main_memory():
        networks = [pipeline.unet for pipeline in (model.sampler.pipeline, model.sampler.refiner)]
        assert {weight.device.type for network in networks for weight in network.parameters()} == {"cpu"}
    assert torch.equal(model.sampler.sample(embeddings, (1,)), before)
