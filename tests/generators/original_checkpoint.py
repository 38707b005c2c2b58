"""Names of the weights of a Stable Diffusion pipeline in the checkpoints of CompVis, as single files have them."""

from __future__ import annotations

import re
from typing import Any

import torch

_RESNET = (
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
)
_UNET = (
    ("conv_in", "input_blocks.0.0"),
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
    ("mid_block.resnets.0", "middle_block.0"),
    ("mid_block.attentions.0", "middle_block.1"),
    ("mid_block.resnets.1", "middle_block.2"),
)
_VAE = (
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    ("mid_block.attentions.0", "mid.attn_1"),
    ("group_norm", "norm"),
    ("to_out.0", "proj_out"),
    ("to_q", "q"),
    ("to_k", "k"),
    ("to_v", "v"),
    ("downsamplers.0.conv", "downsample.conv"),
    ("upsamplers.0.conv", "upsample.conv"),
)


def original_checkpoint(pipeline: Any, text: bool = True, vae: bool = True) -> dict[str, torch.Tensor]:
    """Return the weights of a `StableDiffusionPipeline` by their names in a checkpoint in one file.

    `text`, `vae`: whether it holds the text encoder and the VAE.
    """
    layers = int(pipeline.unet.config.layers_per_block)
    weights = pipeline.unet.state_dict().items()
    state = {f"model.diffusion_model.{_unet_name(name, layers)}": value for name, value in weights}
    if vae:
        count = len(pipeline.vae.config.block_out_channels)
        for name, value in pipeline.vae.state_dict().items():
            renamed = _vae_name(name, count)
            is_attention = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", renamed) is not None
            state[f"first_stage_model.{renamed}"] = value[:, :, None, None] if is_attention else value
    if text:
        for name, value in pipeline.text_encoder.state_dict().items():
            state[f"cond_stage_model.transformer.text_model.{name}"] = value
    return {name: value.contiguous() for name, value in state.items()}


def _unet_name(name: str, layers: int) -> str:
    for ours, theirs in _UNET:
        name = re.sub(rf"^{ours}\b", theirs, name)
    if match := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name):
        kind, part, rest = match[1], match[3], match[5]
        block, layer = int(match[2]), int(match[4])
        if kind == "down":
            number = 1 + block * (layers + 1) + (layers if part == "downsamplers" else layer)
            place = {"resnets": "0", "attentions": "1", "downsamplers": "0.op"}[part]
            name = f"input_blocks.{number}.{place}.{rest.removeprefix('conv.') if part == 'downsamplers' else rest}"
        else:
            number = block * (layers + 1) + (layers if part == "upsamplers" else layer)
            # An upsampler follows the attention of its block, if there is one.
            place = {"resnets": "0", "attentions": "1", "upsamplers": "2" if block == 0 else "1"}[part]
            name = f"output_blocks.{number}.{place}.{rest}"
    if re.match(r"(input|output)_blocks\.\d+\.0\.|middle_block\.[02]\.", name):
        for ours, theirs in _RESNET:
            name = re.sub(rf"\b{ours}\b", theirs, name)
    return name


def _vae_name(name: str, blocks: int) -> str:
    name = re.sub(r"down_blocks\.(\d+)\.", r"down.\1.", name)
    name = re.sub(r"up_blocks\.(\d+)\.", lambda match: f"up.{blocks - 1 - int(match[1])}.", name)
    name = re.sub(r"^((?:en|de)coder\.(?:down|up)\.\d+)\.resnets\.", r"\1.block.", name)
    for ours, theirs in _VAE:
        name = re.sub(rf"\b{re.escape(ours)}\b", theirs, name)
    return name
