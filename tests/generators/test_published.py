"""Pipelines with the published configurations and random weights."""

from __future__ import annotations

import pytest
import torch

from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.published import PipelineConfig, published_config

PUBLISHED = PAPER


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.id)
def test_embeddings_have_as_many_values_as_the_table_says(model: Model) -> None:
    config = published_config(model)
    embedding = config.random_embedding(guided=True, dtype=torch.bfloat16, device="meta")
    names = [name for name in embedding if "mask" not in name]
    assert sum(name.startswith("negative") for name in names) == len(names) / 2
    if model.id not in ("qwen-image", "flux.1-schnell", "sdxl-refiner"):  # assumed, shorter, with those of the refiner
        assert sum(embedding[name].numel() for name in names) == 2 * (model.embedding or 0)


def test_random_weights_are_finite_and_depend_on_nothing() -> None:
    transformer = {"num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 8, "sample_size": 8}
    vae = {"block_out_channels": (8,), "latent_channels": 16, "norm_num_groups": 4}
    sizes = {
        "joint_attention_dim": 16,
        "caption_projection_dim": 16,
        "pooled_projection_dim": 16,
        "pos_embed_max_size": 8,
    }
    config = PipelineConfig(
        FAMILIES["sd3"],
        ("SD3Transformer2DModel", transformer | sizes),
        ("AutoencoderKL", vae),
        {"prompt_embeds": (4, 16)},
    )
    first, second = (config.build(torch.bfloat16, "cpu").transformer.state_dict() for _ in range(2))
    assert all(tensor.isfinite().all() and tensor.dtype == torch.bfloat16 for tensor in first.values())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert config.random_embedding(False, torch.bfloat16, "cpu").keys() == {"prompt_embeds"}
