"""Tiny pipelines of each family: the real classes with random weights and generated tokenizers, in folders."""

from __future__ import annotations

import inspect
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderKLQwenImage,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    PNDMScheduler,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

WIDTH = 32
LATENTS = 4
# The tokenizers know the templates of the pipelines, so that these have about as many tokens as in the real models.
TEXTS = [
    "a photo of a small red cat, a blue dog and a green bird on the grass",
    "Describe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the "
    "objects and background:",
    "system\nuser\nassistant\n",
    "You are an assistant designed to generate superior images with the superior degree of image-text alignment based "
    "on textual prompts or user prompts. <Prompt Start> ",
    *inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default,
    string.printable,
    " ".join(string.printable),
]
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def build(family: str, folder: Path) -> Path:
    """Save the pipeline of a family in the folder; the bytes are reproducible."""
    FAMILIES[family]().save_pretrained(folder)
    return folder


def _sd() -> Any:
    tokenizer = make_clip_tokenizer()
    return StableDiffusionPipeline(
        vae=make_vae(),
        text_encoder=make_clip(CLIPTextModel, tokenizer),
        tokenizer=tokenizer,
        unet=make_unet(cross_attention_dim=WIDTH),
        scheduler=PNDMScheduler(**NOISE, skip_prk_steps=True, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl() -> Any:
    tokenizer = make_clip_tokenizer()
    return StableDiffusionXLPipeline(
        vae=make_vae(),
        text_encoder=make_clip(CLIPTextModel, tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=make_clip(CLIPTextModelWithProjection, tokenizer, seed=1),
        tokenizer_2=tokenizer,
        unet=make_xl_unet(cross_attention_dim=2 * WIDTH, conditions=6),
        scheduler=EulerDiscreteScheduler(**NOISE, timestep_spacing="leading"),
    )


def _sdxl_refiner() -> Any:
    """A refiner that fits the latents and the second text encoder of `sdxl`."""
    tokenizer = make_clip_tokenizer()
    return StableDiffusionXLImg2ImgPipeline(
        vae=make_vae(),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=make_clip(CLIPTextModelWithProjection, tokenizer, seed=1),
        tokenizer_2=tokenizer,
        unet=make_xl_unet(cross_attention_dim=WIDTH, conditions=5),
        scheduler=EulerDiscreteScheduler(**NOISE, timestep_spacing="leading"),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
    )


def _sd3() -> Any:
    tokenizer, t5_tokenizer = make_clip_tokenizer(), make_t5_tokenizer()
    return StableDiffusion3Pipeline(
        vae=make_flow_vae(),
        text_encoder=make_clip(CLIPTextModelWithProjection, tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=make_clip(CLIPTextModelWithProjection, tokenizer, seed=1),
        tokenizer_2=tokenizer,
        text_encoder_3=make_t5(t5_tokenizer, width=3 * WIDTH),
        tokenizer_3=t5_tokenizer,
        transformer=make_random(
            SD3Transformer2DModel,
            sample_size=16,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=3 * WIDTH,
            caption_projection_dim=WIDTH,
            pooled_projection_dim=2 * WIDTH,
            pos_embed_max_size=16,
            qk_norm="rms_norm",
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def _flux(guidance: bool = True) -> Any:
    tokenizer, t5_tokenizer = make_clip_tokenizer(), make_t5_tokenizer()
    return FluxPipeline(
        vae=make_flow_vae(),
        text_encoder=make_clip(CLIPTextModel, tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=make_t5(t5_tokenizer),
        tokenizer_2=t5_tokenizer,
        transformer=make_random(
            FluxTransformer2DModel,
            in_channels=4 * LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=guidance,
            axes_dims_rope=(4, 6, 6),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0 if guidance else 1.0, use_dynamic_shifting=guidance),
    )


def _flux_schnell() -> Any:
    return _flux(guidance=False)


def _sana() -> Any:
    tokenizer = make_gemma_tokenizer()
    channels = (16, 16, 32)
    return SanaPipeline(
        vae=make_random(
            AutoencoderDC,
            latent_channels=2 * LATENTS,
            encoder_block_out_channels=channels,
            decoder_block_out_channels=channels,
            encoder_layers_per_block=(1,) * 3,
            decoder_layers_per_block=(1,) * 3,
            encoder_qkv_multiscales=((),) * 3,
            decoder_qkv_multiscales=((),) * 3,
            scaling_factor=0.41407,
        ),
        text_encoder=make_gemma(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            SanaTransformer2DModel,
            sample_size=16,
            in_channels=2 * LATENTS,
            out_channels=2 * LATENTS,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=16,
            num_cross_attention_heads=2,
            cross_attention_head_dim=16,
            cross_attention_dim=WIDTH,
            caption_channels=WIDTH,
        ),
        scheduler=DPMSolverMultistepScheduler(flow_shift=3.0, use_flow_sigmas=True, prediction_type="flow_prediction"),
    )


def _lumina2() -> Any:
    tokenizer = make_gemma_tokenizer()
    return Lumina2Pipeline(
        # The pipeline assumes latents of 8 pixels.
        vae=make_flow_vae(blocks=4),
        text_encoder=make_gemma(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            Lumina2Transformer2DModel,
            sample_size=8,
            in_channels=LATENTS,
            hidden_size=WIDTH,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 6, 6),
            cap_feat_dim=WIDTH,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
    )


def _qwen_image() -> Any:
    tokenizer = make_qwen_tokenizer()
    return QwenImagePipeline(
        vae=make_random(
            AutoencoderKLQwenImage,
            base_dim=8,
            z_dim=LATENTS,
            dim_mult=[1, 2],
            num_res_blocks=1,
            temperal_downsample=[False],
            latents_mean=[0.1, -0.2, 0.3, 0.0],
            latents_std=[1.5, 1.2, 2.0, 1.8],
        ),
        text_encoder=make_qwen(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            QwenImageTransformer2DModel,
            in_channels=4 * LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 6, 6),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, max_shift=0.9, max_image_seq_len=8192),
    )


def _pixart() -> Any:
    tokenizer = make_t5_tokenizer()
    return PixArtAlphaPipeline(
        vae=make_vae(),
        text_encoder=make_t5(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            PixArtTransformer2DModel,
            sample_size=32,
            in_channels=LATENTS,
            out_channels=2 * LATENTS,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=16,
            cross_attention_dim=WIDTH,
            caption_channels=WIDTH,
        ),
        scheduler=DPMSolverMultistepScheduler(beta_start=0.0001, beta_end=0.02),
    )


FAMILIES: dict[str, Callable[[], Any]] = {
    "sd": _sd,
    "sdxl": _sdxl,
    "sdxl-refiner": _sdxl_refiner,
    "sd3": _sd3,
    "flux": _flux,
    "flux-schnell": _flux_schnell,
    "sana": _sana,
    "lumina2": _lumina2,
    "qwen-image": _qwen_image,
    "pixart": _pixart,
}


def make_random(make: Callable[..., Any], *args: Any, seed: int = 0, **config: Any) -> Any:
    """Set all weights to nonzero values, because new models have many zero gates and last layers."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = make(*args, **config)
        for module in model.modules():
            for weight in module.parameters(recurse=False):
                if isinstance(module, torch.nn.Embedding):
                    weight.normal_()
                elif weight.dim() > 1:
                    weight.normal_(std=1.25 * weight[0].numel() ** -0.5)
                elif not weight.any():
                    weight.normal_(std=0.1)
    return model.eval()


def make_vae(blocks: int = 2, **config: Any) -> Any:
    return make_random(
        AutoencoderKL,
        block_out_channels=(8,) * blocks,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        norm_num_groups=4,
        **{"latent_channels": LATENTS, **config},
    )


def make_flow_vae(blocks: int = 2, **config: Any) -> Any:
    flow = {"scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": False, "use_post_quant_conv": False}
    return make_vae(blocks, **flow, **config)


def make_unet(**config: Any) -> Any:
    return make_random(
        UNet2DConditionModel,
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        attention_head_dim=(2, 4),
        **config,
    )


def make_xl_unet(cross_attention_dim: int, conditions: int) -> Any:
    return make_unet(
        cross_attention_dim=cross_attention_dim,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=8 * conditions + WIDTH,
    )


def make_clip(make: type, tokenizer: Any, seed: int = 0) -> Any:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return make_random(make, config, seed=seed)


def make_t5(tokenizer: Any, width: int = WIDTH) -> Any:
    config = T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=16, d_ff=2 * width, num_layers=2, num_heads=2)
    return make_random(T5EncoderModel, config)


def decoder_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def make_gemma(tokenizer: Any) -> Any:
    return make_random(Gemma2Model, Gemma2Config(**decoder_config(tokenizer), head_dim=16))


def make_qwen(tokenizer: Any) -> Any:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6}
    eyes = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    config = Qwen2_5_VLConfig(text_config={**decoder_config(tokenizer), "rope_parameters": rope}, vision_config=eyes)
    return make_random(Qwen2_5_VLForConditionalGeneration, config)


def make_clip_tokenizer() -> Any:
    letters = sorted(ByteLevel.alphabet())
    words = sorted(set(re.findall("[a-z]+", " ".join(TEXTS).lower())))
    merges = [
        (word[:i], word[i:] + "</w>" if i == len(word) - 1 else word[i]) for word in words for i in range(1, len(word))
    ]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in merges)]
    vocab = {token: i for i, token in enumerate(dict.fromkeys([*tokens, "<|startoftext|>", "<|endoftext|>"]))}
    return CLIPTokenizer(vocab=vocab, merges=list(dict.fromkeys(merges)), model_max_length=77)


def make_t5_tokenizer() -> Any:
    words = sorted(set(re.findall("[A-Za-z]+", " ".join(TEXTS))))
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>", "\u2581")]
    pieces = [(letter, -9.0) for letter in string.printable.strip()] + [(f"\u2581{word}", -1.0) for word in words]
    return T5Tokenizer(vocab=special + pieces, model_max_length=512, extra_ids=0)


def make_gemma_tokenizer() -> Any:
    return GemmaTokenizer(add_bos_token=True).train_new_from_iterator(TEXTS, vocab_size=900)


def make_qwen_tokenizer() -> Any:
    return Qwen2Tokenizer().train_new_from_iterator(
        TEXTS, vocab_size=2000, new_special_tokens=["<|im_start|>", "<|im_end|>"]
    )
