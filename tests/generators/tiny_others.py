"""Tiny pipelines of diffusers that have no family: the real classes with random weights, by class name.

The sizes of many networks are those of the tests of diffusers (Apache-2.0).
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tests.generators import tiny
from tests.generators.tiny import (
    LATENTS,
    NOISE,
    TEXTS,
    WIDTH,
    decoder_config,
    make_clip,
    make_clip_tokenizer,
    make_flow_vae,
    make_gemma_tokenizer,
    make_qwen,
    make_qwen_tokenizer,
    make_random,
    make_t5,
    make_t5_tokenizer,
    make_unet,
    make_vae,
)


@dataclass(frozen=True)
class Other:
    """A tiny pipeline.

    Attributes:
        make: returns it.
        size: height and width of its images in pixels.
        guided: arguments of its own call with guidance.
        sampling: the same in fields of `Sampling`.
        call: further arguments of its own call.
    """

    make: Callable[[], Any]
    size: int = 32
    guided: Mapping[str, Any] = field(default_factory=lambda: {"guidance_scale": 4.0, "negative_prompt": "a dog"})
    sampling: Mapping[str, Any] = field(default_factory=lambda: {"cfg": 4.0, "negative": "a dog"})
    call: Mapping[str, Any] = field(default_factory=dict)


NO_NEGATIVE: dict[str, Any] = {"guided": {"guidance_scale": 4.0}, "sampling": {"cfg": 4.0}}
TRUE_CFG: dict[str, Any] = {"guided": {"true_cfg_scale": 4.0, "negative_prompt": "a dog"}}
DISTILLED: dict[str, Any] = {"guided": {"guidance_scale": 4.0}, "sampling": {"distilled_guidance": 4.0}}
UNGUIDED: dict[str, Any] = {"guided": {}, "sampling": {}}
NO_CHECKER: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
EXACT: dict[str, Any] = {"call": {"use_resolution_binning": False, "clean_caption": False}}
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


_MODULES = {
    "PaellaVQModel": "wuerstchen",
    "RobertaSeriesModelWithTransformation": "alt_diffusion",
    "UNetFlatConditionModel": "versatile_diffusion",
    "UniDiffuserModel": "unidiffuser",
    "UniDiffuserTextDecoder": "unidiffuser",
    "WuerstchenDiffNeXt": "wuerstchen",
    "WuerstchenPrior": "wuerstchen",
}
"""The module of a component in the index of its vendor."""


def build_other(class_name: str, folder: Path) -> Path:
    """Save the pipeline of a class in the folder."""
    OTHERS[class_name].make().save_pretrained(folder)
    if class_name == "PRXPipeline":  # its own loading expects the configuration of the encoder within another one
        file = folder / "text_encoder" / "config.json"
        encoder = transformers.T5GemmaModuleConfig.from_json_file(file)
        file.write_text(transformers.T5GemmaConfig(encoder=encoder, is_encoder_decoder=False).to_json_string(), "utf-8")
    index = folder / "model_index.json"
    text = re.sub(r'\[\s*"tests[^]]*\]', "[null, null]", index.read_text("utf-8"))
    for name, module in _MODULES.items():
        text = re.sub(rf'"diffusers",(\s*"{name}")', rf'"{module}",\1', text)
    index.write_text(text, "utf-8")
    return folder


def _components(family: str) -> dict[str, Any]:
    """Return the components of the tiny pipeline of a family."""
    return {name: part for name, part in tiny.FAMILIES[family]().components.items() if part is not None}


def _pag(class_name: str, family: str, layers: str) -> Callable[[], Any]:
    def make() -> Any:
        return getattr(diffusers, class_name)(**_components(family), pag_applied_layers=[layers])

    return make


def _sd_pag() -> Any:
    parts = {**_components("sd"), "unet": _mid_unet(cross_attention_dim=WIDTH)}
    return diffusers.StableDiffusionPAGPipeline(**parts, **NO_CHECKER)


def _sdxl_pag() -> Any:
    conditions = {
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 8 * 6 + WIDTH,
    }
    parts = {**_components("sdxl"), "unet": _mid_unet(cross_attention_dim=2 * WIDTH, **conditions)}
    return diffusers.StableDiffusionXLPAGPipeline(**parts)


def _mid_unet(**config: Any) -> Any:
    """Return a UNet whose middle block has attention, which is perturbed by default."""
    return make_unet(**config)


def _lcm() -> Any:
    parts = _components("sd")
    scheduler = diffusers.LCMScheduler(**{**NOISE, "steps_offset": 0}, clip_sample=False, set_alpha_to_one=False)
    unet = make_unet(cross_attention_dim=WIDTH, time_cond_proj_dim=WIDTH)
    return diffusers.LatentConsistencyModelPipeline(**{**parts, "unet": unet, "scheduler": scheduler}, **NO_CHECKER)


def _if() -> Any:
    tokenizer = make_t5_tokenizer()
    unet = make_random(
        diffusers.UNet2DConditionModel,
        sample_size=32,
        layers_per_block=1,
        block_out_channels=(32, 64),
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        in_channels=3,
        out_channels=6,
        cross_attention_dim=WIDTH,
        encoder_hid_dim=WIDTH,
        attention_head_dim=8,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
    )
    scheduler = diffusers.DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", thresholding=True, sample_max_value=1.0, variance_type="learned_range"
    )
    return diffusers.IFPipeline(
        tokenizer=tokenizer,
        text_encoder=make_t5(tokenizer),
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )


def _hunyuan_dit_parts() -> dict[str, Any]:
    tokenizer = make_t5_tokenizer()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(" ".join(TEXTS).lower().split()))]
    bert_tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=77)
    bert = transformers.BertConfig(
        vocab_size=len(bert_tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
    )
    return {
        "vae": make_vae(4),
        "text_encoder": make_random(transformers.BertModel, bert),
        "tokenizer": bert_tokenizer,
        "text_encoder_2": make_t5(tokenizer),
        "tokenizer_2": tokenizer,
        "transformer": make_random(
            diffusers.HunyuanDiT2DModel,
            sample_size=4,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=3,
            in_channels=LATENTS,
            cross_attention_dim=WIDTH,
            cross_attention_dim_t5=WIDTH,
            pooled_projection_dim=16,
            hidden_size=24,
            activation_fn="gelu-approximate",
        ),
        "scheduler": diffusers.DDPMScheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def _hunyuan_dit() -> Any:
    return diffusers.HunyuanDiTPipeline(**_hunyuan_dit_parts())


def _hunyuan_dit_pag() -> Any:
    return diffusers.HunyuanDiTPAGPipeline(**_hunyuan_dit_parts(), pag_applied_layers=["0"])


def _pixart_sigma() -> Any:
    return diffusers.PixArtSigmaPipeline(**_components("pixart"))


def _sana_sprint() -> Any:
    parts = _components("sana")
    config = {**parts["transformer"].config, "guidance_embeds": True, "qk_norm": "rms_norm_across_heads"}
    parts["transformer"] = make_random(diffusers.SanaTransformer2DModel, **_without_private(config))
    parts["scheduler"] = diffusers.SCMScheduler()
    return diffusers.SanaSprintPipeline(**parts)


def _without_private(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _aura_flow() -> Any:
    tokenizer = make_t5_tokenizer()
    config = transformers.UMT5Config(
        vocab_size=len(tokenizer), d_model=WIDTH, d_kv=16, d_ff=2 * WIDTH, num_layers=2, num_heads=2
    )
    return diffusers.AuraFlowPipeline(
        tokenizer=tokenizer,
        text_encoder=make_random(transformers.UMT5EncoderModel, config),
        vae=make_vae(),
        transformer=make_random(
            diffusers.AuraFlowTransformer2DModel,
            sample_size=32,
            patch_size=2,
            in_channels=LATENTS,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=WIDTH,
            joint_attention_dim=WIDTH,
            out_channels=LATENTS,
            pos_embed_max_size=256,
        ),
        scheduler=_flow(),
    )


def _flow(**config: Any) -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(**config)


def _flux_kontext() -> Any:
    return diffusers.FluxKontextPipeline(**_components("flux"))


def _chroma() -> Any:
    parts = _components("flux")
    return diffusers.ChromaPipeline(
        scheduler=_flow(),
        vae=parts["vae"],
        text_encoder=parts["text_encoder_2"],
        tokenizer=parts["tokenizer_2"],
        transformer=make_random(
            diffusers.ChromaTransformer2DModel,
            in_channels=4 * LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_hidden_dim=32,
            approximator_layers=1,
            approximator_num_channels=16,
        ),
    )


def _bria() -> Any:
    tokenizer = make_t5_tokenizer()
    return diffusers.BriaPipeline(
        scheduler=_flow(),
        vae=make_vae(shift_factor=0.0, scaling_factor=0.13025),
        text_encoder=make_t5(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            diffusers.BriaTransformer2DModel,
            patch_size=1,
            in_channels=4 * LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=None,
            axes_dims_rope=[0, 4, 4],
        ),
    )


def _wan_vae(**config: Any) -> Any:
    return make_random(
        diffusers.AutoencoderKLWan,
        **{
            "base_dim": 8,
            "z_dim": 16,
            "dim_mult": [1, 1, 1, 1],
            "num_res_blocks": 1,
            "temperal_downsample": [False, True, True],
            **config,
        },
    )


def _bria_fibo() -> Any:
    tokenizer = make_qwen_tokenizer()
    config = transformers.SmolLM3Config(**decoder_config(tokenizer))
    return diffusers.BriaFiboPipeline(
        scheduler=_flow(),
        vae=_wan_vae(out_channels=12, in_channels=12, patch_size=2, scale_factor_spatial=16),
        text_encoder=make_random(transformers.SmolLM3ForCausalLM, config),
        tokenizer=tokenizer,
        transformer=make_random(
            diffusers.BriaFiboTransformer2DModel,
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=2 * WIDTH,
            text_encoder_dim=WIDTH,
            pooled_projection_dim=None,
            axes_dims_rope=[0, 4, 4],
        ),
    )


def _cog_view_3() -> Any:
    tokenizer = make_t5_tokenizer()
    return diffusers.CogView3PlusPipeline(
        tokenizer=tokenizer,
        text_encoder=make_t5(tokenizer),
        vae=make_vae(),
        transformer=make_random(
            diffusers.CogView3PlusTransformer2DModel,
            patch_size=2,
            in_channels=LATENTS,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=2,
            out_channels=LATENTS,
            text_embed_dim=WIDTH,
            time_embed_dim=8,
            condition_dim=2,
            pos_embed_max_size=32,
            sample_size=8,
        ),
        scheduler=diffusers.CogVideoXDDIMScheduler(),
    )


def _cog_view_4() -> Any:
    tokenizer = make_qwen_tokenizer()
    config = transformers.GlmConfig(**decoder_config(tokenizer), head_dim=16)
    return diffusers.CogView4Pipeline(
        tokenizer=tokenizer,
        text_encoder=make_random(transformers.GlmModel, config),
        vae=make_vae(),
        transformer=make_random(
            diffusers.CogView4Transformer2DModel,
            patch_size=2,
            in_channels=LATENTS,
            num_layers=2,
            attention_head_dim=4,
            num_attention_heads=4,
            out_channels=LATENTS,
            text_embed_dim=WIDTH,
            time_embed_dim=8,
            condition_dim=4,
        ),
        scheduler=_flow(
            base_shift=0.25,
            max_shift=0.75,
            base_image_seq_len=256,
            use_dynamic_shifting=True,
            time_shift_type="linear",
        ),
    )


def _cosmos2() -> Any:
    tokenizer = make_t5_tokenizer()
    return diffusers.Cosmos2TextToImagePipeline(
        text_encoder=make_t5(tokenizer),
        tokenizer=tokenizer,
        transformer=make_random(
            diffusers.CosmosTransformer3DModel,
            in_channels=16,
            out_channels=16,
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=2,
            mlp_ratio=2,
            text_embed_dim=WIDTH,
            adaln_lora_dim=4,
            max_size=(4, 32, 32),
            patch_size=(1, 2, 2),
            rope_scale=(2.0, 1.0, 1.0),
            concat_padding_mask=True,
            extra_pos_embed_type="learnable",
        ),
        vae=_wan_vae(),
        scheduler=_flow(use_karras_sigmas=True),
    )


def _flux2_vae() -> Any:
    return make_random(
        diffusers.AutoencoderKLFlux2,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def _flux2_transformer(text: int, guidance: bool) -> Any:
    return make_random(
        diffusers.Flux2Transformer2DModel,
        patch_size=1,
        in_channels=4 * LATENTS,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=text,
        timestep_guidance_channels=256,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )


def _chat_tokenizer() -> Any:
    tokenizer = make_qwen_tokenizer()
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _qwen3(tokenizer: Any, made: type, layers: int = 2) -> Any:
    config = {**decoder_config(tokenizer), "num_hidden_layers": layers}
    return make_random(made, transformers.Qwen3Config(**config, head_dim=16, max_position_embeddings=512))


def _flux2_klein() -> Any:
    tokenizer = _chat_tokenizer()
    return diffusers.Flux2KleinPipeline(
        scheduler=_flow(use_dynamic_shifting=True),
        vae=_flux2_vae(),
        text_encoder=_qwen3(tokenizer, transformers.Qwen3ForCausalLM, layers=28),
        tokenizer=tokenizer,
        transformer=_flux2_transformer(3 * WIDTH, guidance=False),
    )


def _z_image_parts(**config: Any) -> dict[str, Any]:
    tokenizer = _chat_tokenizer()
    return {
        "scheduler": _flow(shift=3.0),
        "vae": make_flow_vae(),
        "text_encoder": _qwen3(tokenizer, transformers.Qwen3Model),
        "tokenizer": tokenizer,
        "transformer": make_random(
            diffusers.ZImageTransformer2DModel,
            all_patch_size=(2,),
            all_f_patch_size=(1,),
            in_channels=LATENTS,
            dim=WIDTH,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[8, 4, 4],
            axes_lens=[1024, 32, 32],
            **config,
        ),
    }


def _z_image() -> Any:
    return diffusers.ZImagePipeline(**_z_image_parts())


def _hidream() -> Any:
    clip_tokenizer, t5_tokenizer, llama_tokenizer = make_clip_tokenizer(), make_t5_tokenizer(), make_qwen_tokenizer()
    llama_tokenizer.pad_token = llama_tokenizer.eos_token
    config = transformers.LlamaConfig(**decoder_config(llama_tokenizer))
    return diffusers.HiDreamImagePipeline(
        scheduler=_flow(),
        vae=make_flow_vae(),
        text_encoder=_clip_of_128(clip_tokenizer),
        tokenizer=clip_tokenizer,
        text_encoder_2=_clip_of_128(clip_tokenizer),
        tokenizer_2=clip_tokenizer,
        text_encoder_3=make_t5(t5_tokenizer),
        tokenizer_3=t5_tokenizer,
        text_encoder_4=make_random(transformers.LlamaForCausalLM, config),
        tokenizer_4=llama_tokenizer,
        transformer=make_random(
            diffusers.HiDreamImageTransformer2DModel,
            patch_size=2,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_channels=[WIDTH, WIDTH],
            text_emb_dim=2 * WIDTH,
            num_routed_experts=4,
            num_activated_experts=2,
            axes_dims_rope=(4, 2, 2),
            max_resolution=(32, 32),
            llama_layers=(0, 1),
        ),
    )


def _clip_of_128(tokenizer: Any) -> Any:
    """Return a text encoder for prompts of up to 128 tokens."""
    config = make_clip(transformers.CLIPTextModelWithProjection, tokenizer).config
    config.max_position_embeddings = 128
    return make_random(transformers.CLIPTextModelWithProjection, config)


def _lumina() -> Any:
    tokenizer = make_gemma_tokenizer()
    return diffusers.LuminaPipeline(
        transformer=make_random(
            diffusers.LuminaNextDiT2DModel,
            sample_size=8,
            patch_size=2,
            in_channels=LATENTS,
            hidden_size=WIDTH,
            num_layers=2,
            num_attention_heads=2,
            num_kv_heads=2,
            multiple_of=16,
            learn_sigma=True,
            cross_attention_dim=WIDTH,
        ),
        scheduler=_flow(),
        vae=make_vae(4),
        text_encoder=make_random(
            transformers.GemmaModel, transformers.GemmaConfig(**decoder_config(tokenizer), head_dim=16)
        ),
        tokenizer=tokenizer,
    )


def _ovis() -> Any:
    tokenizer = _chat_tokenizer()
    return diffusers.OvisImagePipeline(
        scheduler=_flow(),
        vae=make_flow_vae(),
        text_encoder=_qwen3(tokenizer, transformers.Qwen3Model),
        tokenizer=tokenizer,
        transformer=make_random(
            diffusers.OvisImageTransformer2DModel,
            patch_size=1,
            in_channels=4 * LATENTS,
            out_channels=4 * LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def _kandinsky3() -> Any:
    tokenizer = make_t5_tokenizer()
    return diffusers.Kandinsky3Pipeline(
        tokenizer=tokenizer,
        text_encoder=make_t5(tokenizer),
        unet=make_random(
            diffusers.Kandinsky3UNet,
            in_channels=LATENTS,
            time_embedding_dim=4,
            groups=2,
            attention_head_dim=4,
            layers_per_block=3,
            block_out_channels=(32, 64),
            cross_attention_dim=4,
            encoder_hid_dim=WIDTH,
        ),
        scheduler=diffusers.DDPMScheduler(
            beta_start=0.00085, beta_end=0.012, steps_offset=1, beta_schedule="squaredcos_cap_v2"
        ),
        movq=_movq(),
    )


def _movq() -> Any:
    return make_random(
        diffusers.VQModel,
        block_out_channels=[32, 64],
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        latent_channels=LATENTS,
        layers_per_block=1,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )


def _prior_parts() -> dict[str, Any]:
    """Return the prior of the first two Kandinsky models."""
    tokenizer = make_clip_tokenizer()
    vision = transformers.CLIPVisionConfig(
        hidden_size=WIDTH,
        image_size=32,
        projection_dim=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        patch_size=16,
    )
    prior = make_random(
        diffusers.PriorTransformer, num_attention_heads=2, attention_head_dim=16, embedding_dim=WIDTH, num_layers=1
    )
    return {
        "prior_prior": prior,
        "prior_image_encoder": make_random(transformers.CLIPVisionModelWithProjection, vision),
        "prior_text_encoder": make_clip(transformers.CLIPTextModelWithProjection, tokenizer),
        "prior_tokenizer": tokenizer,
        "prior_scheduler": diffusers.UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=10.0
        ),
        "prior_image_processor": transformers.CLIPImageProcessor(size=32, crop_size=32),
    }


def _kandinsky_unet(**config: Any) -> Any:
    return make_random(
        diffusers.UNet2DConditionModel,
        in_channels=LATENTS,
        out_channels=2 * LATENTS,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=(32, 64),
        layers_per_block=1,
        encoder_hid_dim=WIDTH,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        **config,
    )


def _roberta_tokenizer() -> Any:
    words = sorted(set(" ".join(TEXTS).split()))
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    return transformers.XLMRobertaTokenizer(
        vocab=[*special, ("\u2581", -1.0), *((f"\u2581{word}", -1.0) for word in words), ("<mask>", 0.0)]
    )


def _kandinsky() -> Any:
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP

    tokenizer = _roberta_tokenizer()
    config = MCLIPConfig(
        numDims=WIDTH,
        transformerDimensions=WIDTH,
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        vocab_size=len(tokenizer) + 8,
    )
    return diffusers.KandinskyCombinedPipeline(
        text_encoder=make_random(MultilingualCLIP, config),
        tokenizer=tokenizer,
        unet=_kandinsky_unet(addition_embed_type="text_image", encoder_hid_dim_type="text_image_proj"),
        scheduler=diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, clip_sample=False),
        movq=_movq(),
        **_prior_parts(),
    )


def _kandinsky22() -> Any:
    return diffusers.KandinskyV22CombinedPipeline(
        unet=_kandinsky_unet(addition_embed_type="image", encoder_hid_dim_type="image_proj"),
        scheduler=diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, clip_sample=False),
        movq=_movq(),
        **_prior_parts(),
    )


def _kandinsky5() -> Any:
    processor, clip_tokenizer = _vision_processor(), make_clip_tokenizer()
    return diffusers.Kandinsky5T2IPipeline(
        transformer=make_random(
            diffusers.Kandinsky5Transformer3DModel,
            in_visual_dim=LATENTS,
            in_text_dim=WIDTH,
            in_text_dim2=WIDTH,
            time_dim=16,
            out_visual_dim=LATENTS,
            patch_size=(1, 2, 2),
            model_dim=16,
            ff_dim=32,
            num_text_blocks=1,
            num_visual_blocks=2,
            axes_dims=(1, 1, 2),
            visual_cond=False,
            attention_type="regular",
        ),
        vae=make_flow_vae(4),
        text_encoder=make_qwen(processor.tokenizer),
        tokenizer=processor,
        text_encoder_2=make_clip(transformers.CLIPTextModel, clip_tokenizer),
        tokenizer_2=clip_tokenizer,
        scheduler=_flow(shift=7.0),
    )


def _vision_processor() -> Any:
    """Return the processor of a vision-language model of the Qwen family."""
    tokenizer = transformers.Qwen2Tokenizer().train_new_from_iterator(
        TEXTS,
        vocab_size=2000,
        new_special_tokens=[
            "<|im_start|>",
            "<|im_end|>",
            "<|vision_start|>",
            "<|vision_end|>",
            "<|image_pad|>",
            "<|video_pad|>",
        ],
    )
    return transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen3VLVideoProcessor(),
        chat_template=_TEMPLATE,
    )


def _qwen3_vl(tokenizer: Any, made: type, layers: int = 2) -> Any:
    text = {
        **decoder_config(tokenizer),
        "num_hidden_layers": layers,
        "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6},
    }
    eyes = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": WIDTH}
    config = transformers.Qwen3VLConfig(text_config=text, vision_config={**eyes, "deepstack_visual_indexes": [0]})
    return make_random(made, config)


def _qwen_vae(**config: Any) -> Any:
    return make_random(
        diffusers.AutoencoderKLQwenImage,
        **{
            "base_dim": 8,
            "z_dim": LATENTS,
            "dim_mult": [1, 2, 4],
            "num_res_blocks": 1,
            "temperal_downsample": [False, True],
            "latents_mean": [0.0] * LATENTS,
            "latents_std": [1.0] * LATENTS,
            **config,
        },
    )


def _flux2() -> Any:
    tokenizer = _chat_tokenizer()
    text = {**decoder_config(tokenizer), "model_type": "mistral", "num_hidden_layers": 30, "head_dim": 16}
    eyes = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "image_size": 30,
        "patch_size": 6,
    }
    config = transformers.Mistral3Config(text_config=text, vision_config=eyes, image_token_index=1)
    return diffusers.Flux2Pipeline(
        scheduler=_flow(use_dynamic_shifting=True),
        vae=_flux2_vae(),
        text_encoder=make_random(transformers.Mistral3ForConditionalGeneration, config),
        tokenizer=tokenizer,
        transformer=_flux2_transformer(3 * WIDTH, guidance=True),
    )


def _flux2_klein_kv() -> Any:
    return diffusers.Flux2KleinKVPipeline(**dict(_flux2_klein().components))


def _ideogram() -> Any:
    tokenizer = _chat_tokenizer()

    def transformer(seed: int) -> Any:
        return make_random(
            diffusers.Ideogram4Transformer2DModel,
            seed=seed,
            in_channels=4 * LATENTS,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            intermediate_size=32,
            adaln_dim=16,
            llm_features_dim=13 * WIDTH,
            mrope_section=(2, 1, 1),
        )

    return diffusers.Ideogram4Pipeline(
        scheduler=_flow(),
        vae=_flux2_vae(),
        text_encoder=_qwen3_vl(tokenizer, transformers.Qwen3VLModel, layers=36),
        tokenizer=tokenizer,
        transformer=transformer(0),
        unconditional_transformer=transformer(1),
    )


def _krea() -> Any:
    tokenizer = _chat_tokenizer()
    return diffusers.Krea2Pipeline(
        scheduler=_flow(use_dynamic_shifting=True),
        vae=_qwen_vae(),
        text_encoder=_qwen3_vl(tokenizer, transformers.Qwen3VLModel),
        tokenizer=tokenizer,
        transformer=make_random(
            diffusers.Krea2Transformer2DModel,
            in_channels=4 * LATENTS,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=32,
            timestep_embed_dim=8,
            text_hidden_dim=WIDTH,
            num_text_layers=3,
            text_num_attention_heads=2,
            text_num_key_value_heads=1,
            text_intermediate_size=16,
            num_layerwise_text_blocks=1,
            num_refiner_text_blocks=1,
            axes_dims_rope=(4, 2, 2),
        ),
        text_encoder_select_layers=(0, 1, 2),
    )


def _nucleus() -> Any:
    processor = _vision_processor()
    return diffusers.NucleusMoEImagePipeline(
        transformer=make_random(
            diffusers.NucleusMoEImageTransformer2DModel,
            patch_size=2,
            in_channels=4 * LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=4,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(8, 4, 4),
            moe_enabled=False,
            capacity_factors=[8.0, 8.0],
        ),
        scheduler=_flow(),
        vae=_qwen_vae(),
        text_encoder=_qwen3_vl(processor.tokenizer, transformers.Qwen3VLForConditionalGeneration, layers=8),
        processor=processor,
    )


def _z_image_omni() -> Any:
    vision = transformers.Siglip2VisionConfig(
        hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=1, num_attention_heads=2
    )
    return diffusers.ZImageOmniPipeline(
        **_z_image_parts(siglip_feat_dim=WIDTH),
        siglip=make_random(transformers.Siglip2VisionModel, vision),
        siglip_processor=transformers.Siglip2ImageProcessor(),
    )


def _prx() -> Any:
    tokenizer = make_gemma_tokenizer()
    tokenizer.model_max_length = 64
    config = transformers.T5GemmaModuleConfig(
        **decoder_config(tokenizer), head_dim=16, layer_types=["full_attention"] * 2, dropout_rate=0.0
    )
    from transformers.models.t5gemma.modeling_t5gemma import T5GemmaEncoder

    return diffusers.PRXPipeline(
        transformer=make_random(
            diffusers.PRXTransformer2DModel,
            patch_size=2,
            in_channels=LATENTS,
            context_in_dim=WIDTH,
            hidden_size=16,
            mlp_ratio=2.0,
            num_heads=2,
            depth=1,
            axes_dim=[4, 4],
        ),
        scheduler=_flow(),
        text_encoder=make_random(T5GemmaEncoder, config),
        tokenizer=tokenizer,
        vae=make_flow_vae(),
        default_sample_size=16,
    )


def _hunyuan_image() -> Any:
    tokenizer, byte_tokenizer = make_qwen_tokenizer(), transformers.ByT5Tokenizer()
    return diffusers.HunyuanImagePipeline(
        scheduler=_flow(shift=7.0),
        vae=make_random(
            diffusers.AutoencoderKLHunyuanImage,
            in_channels=3,
            out_channels=3,
            latent_channels=LATENTS,
            block_out_channels=(32, 64, 64, 64),
            layers_per_block=1,
            scaling_factor=0.476986,
            spatial_compression_ratio=8,
            sample_size=128,
        ),
        text_encoder=make_qwen(tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=make_t5(byte_tokenizer),
        tokenizer_2=byte_tokenizer,
        transformer=make_random(
            diffusers.HunyuanImageTransformer2DModel,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_attention_heads=4,
            attention_head_dim=8,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=(1, 1),
            guidance_embeds=True,
            text_embed_dim=WIDTH,
            text_embed_2_dim=WIDTH,
            rope_axes_dim=(4, 4),
        ),
        guider=None,
        ocr_guider=None,
    )


def _omnigen() -> Any:
    tokenizer = make_qwen_tokenizer()
    return diffusers.OmniGenPipeline(
        transformer=make_random(
            diffusers.OmniGenTransformer2DModel,
            hidden_size=WIDTH,
            num_attention_heads=4,
            num_key_value_heads=4,
            intermediate_size=32,
            num_layers=1,
            in_channels=LATENTS,
            time_step_dim=4,
            vocab_size=len(tokenizer) + 8,
            pad_token_id=0,
            rope_scaling={"long_factor": [1.0] * 4, "short_factor": [1.0] * 4},
        ),
        scheduler=_flow(invert_sigmas=True, num_train_timesteps=1),
        vae=make_vae(4),
        tokenizer=tokenizer,
    )


def _longcat() -> Any:
    processor = _vision_processor()
    return diffusers.LongCatImagePipeline(
        scheduler=_flow(use_dynamic_shifting=True),
        vae=make_flow_vae(latent_channels=16),
        text_encoder=make_qwen(processor.tokenizer),
        tokenizer=processor.tokenizer,
        text_processor=transformers.Qwen2VLProcessor(
            image_processor=transformers.Qwen2VLImageProcessor(),
            tokenizer=processor.tokenizer,
            video_processor=transformers.Qwen2VLVideoProcessor(),
            chat_template=_TEMPLATE,
        ),
        transformer=make_random(
            diffusers.LongCatImageTransformer2DModel,
            patch_size=1,
            in_channels=4 * 16,  # the pipeline assumes 16 channels of the latents
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            axes_dims_rope=[4, 4, 8],
        ),
    )


def _ernie() -> Any:
    tokenizer = make_qwen_tokenizer()
    config = transformers.Ministral3Config(**decoder_config(tokenizer), head_dim=16)
    return diffusers.ErnieImagePipeline(
        transformer=make_random(
            diffusers.ErnieImageTransformer2DModel,
            hidden_size=32,
            num_attention_heads=2,
            num_layers=1,
            ffn_hidden_size=32,
            in_channels=4 * LATENTS,
            out_channels=4 * LATENTS,
            patch_size=1,
            text_in_dim=WIDTH,
            rope_theta=256,
            rope_axes_dim=(8, 4, 4),
            qk_layernorm=True,
        ),
        vae=_flux2_vae(),
        text_encoder=make_random(transformers.Ministral3Model, config),
        tokenizer=tokenizer,
        scheduler=_flow(),
    )


def _glm_image() -> Any:
    tokenizer = make_t5_tokenizer()
    words = _vision_processor().tokenizer
    words.add_special_tokens({"additional_special_tokens": ["<|image|>", "<|dit_token_16384|>", "<|dit_token_16385|>"]})
    names = {"image_token": "<|image|>", "grid_bos_token": "<|vision_start|>", "grid_eos_token": "<|vision_end|>"}
    words._set_model_specific_special_tokens(special_tokens={**names, "bos_token": "<|im_start|>"})
    config = transformers.GlmImageConfig(
        text_config={
            "vocab_size": 168064,
            "hidden_size": WIDTH,
            "intermediate_size": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "vision_vocab_size": 128,
            "rope_parameters": {"mrope_section": (4, 2, 2)},
        },
        vision_config={
            "depth": 2,
            "hidden_size": WIDTH,
            "num_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "intermediate_size": WIDTH,
        },
        vq_config={"embed_dim": WIDTH, "num_embeddings": 128, "latent_channels": WIDTH},
    )
    processor = transformers.GlmImageProcessor(
        image_processor=transformers.GlmImageImageProcessor(), tokenizer=words, chat_template=_TEMPLATE
    )
    return diffusers.GlmImagePipeline(
        tokenizer=tokenizer,
        processor=processor,
        text_encoder=make_t5(tokenizer),
        vision_language_encoder=make_random(transformers.GlmImageForConditionalGeneration, config),
        vae=make_vae(4, latents_mean=[0.0] * LATENTS, latents_std=[1.0] * LATENTS),
        transformer=make_random(
            diffusers.GlmImageTransformer2DModel,
            patch_size=2,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            text_embed_dim=WIDTH,
            time_embed_dim=16,
            condition_dim=8,
            prior_vq_quantizer_codebook_size=128,
        ),
        scheduler=_flow(),
    )


def _cascade() -> Any:
    tokenizer = make_clip_tokenizer()
    from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel

    prior = make_random(
        diffusers.StableCascadeUNet,
        conditioning_dim=64,
        block_out_channels=(64, 64),
        num_attention_heads=(2, 2),
        down_num_layers_per_block=(1, 1),
        up_num_layers_per_block=(1, 1),
        clip_image_in_channels=WIDTH,
        switch_level=(False,),
        clip_text_in_channels=WIDTH,
        clip_text_pooled_in_channels=WIDTH,
    )
    attention = ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock")
    decoder = make_random(
        diffusers.StableCascadeUNet,
        in_channels=LATENTS,
        out_channels=LATENTS,
        conditioning_dim=64,
        block_out_channels=(16, 32, 64, 64),
        num_attention_heads=(-1, -1, 1, 2),
        down_num_layers_per_block=(1, 1, 1, 1),
        up_num_layers_per_block=(1, 1, 1, 1),
        down_blocks_repeat_mappers=(1, 1, 1, 1),
        up_blocks_repeat_mappers=(3, 3, 2, 2),
        block_types_per_layer=(attention[:2], attention[:2], attention, attention),
        switch_level=None,
        dropout=(0.1,) * 4,
        clip_text_pooled_in_channels=WIDTH,
    )
    return diffusers.StableCascadeCombinedPipeline(
        tokenizer=tokenizer,
        text_encoder=make_clip(transformers.CLIPTextModelWithProjection, tokenizer),
        decoder=decoder,
        scheduler=diffusers.DDPMWuerstchenScheduler(),
        vqgan=make_random(PaellaVQModel, bottleneck_blocks=1, num_vq_embeddings=2),
        prior_prior=prior,
        prior_text_encoder=make_clip(transformers.CLIPTextModelWithProjection, tokenizer, seed=1),
        prior_tokenizer=tokenizer,
        prior_scheduler=diffusers.DDPMWuerstchenScheduler(),
    )


def _wuerstchen() -> Any:
    from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel, WuerstchenDiffNeXt, WuerstchenPrior

    tokenizer = make_clip_tokenizer()
    return diffusers.WuerstchenCombinedPipeline(
        tokenizer=tokenizer,
        text_encoder=make_clip(transformers.CLIPTextModel, tokenizer),
        decoder=make_random(
            WuerstchenDiffNeXt,
            c_cond=WIDTH,
            c_hidden=[32],
            nhead=[-1],
            blocks=[1],
            level_config=["CT"],
            inject_effnet=[False],
            clip_embd=WIDTH,
        ),
        scheduler=diffusers.DDPMWuerstchenScheduler(),
        vqgan=make_random(PaellaVQModel, bottleneck_blocks=1, num_vq_embeddings=2),
        prior_tokenizer=tokenizer,
        prior_text_encoder=make_clip(transformers.CLIPTextModel, tokenizer, seed=1),
        prior_prior=make_random(WuerstchenPrior, c_in=2, c=8, depth=2, c_cond=WIDTH, c_r=8, nhead=2),
        prior_scheduler=diffusers.DDPMWuerstchenScheduler(),
    )


def _kolors_parts() -> dict[str, Any]:
    import sentencepiece
    from diffusers.pipelines.kolors import ChatGLMModel, ChatGLMTokenizer
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    folder = tempfile.TemporaryDirectory()
    prefix = f"{folder.name}/tokenizer"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_prefix=prefix, vocab_size=400, hard_vocab_limit=False, minloglevel=2
    )
    tokenizer = ChatGLMTokenizer(f"{prefix}.model")
    tokenizer.kept_folder = folder  # its file is copied when the tokenizer is saved
    config = ChatGLMConfig(
        num_layers=2,
        padded_vocab_size=512,
        hidden_size=WIDTH,
        ffn_hidden_size=WIDTH,
        kv_channels=16,
        num_attention_heads=2,
        seq_length=256,
        multi_query_attention=True,
        add_qkv_bias=True,
        original_rope=True,
    )
    text_encoder = make_random(ChatGLMModel, config)
    for name, weight in text_encoder.named_parameters():  # the class leaves these as they are in memory
        if weight.dim() == 1:
            weight.data.fill_(1.0 if "norm" in name else 0.1)
    unet = make_unet(
        cross_attention_dim=WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=8 * 6 + WIDTH,
    )
    scheduler = diffusers.EulerDiscreteScheduler(**NOISE, timestep_spacing="leading")
    return {
        "vae": make_vae(),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "unet": unet,
        "scheduler": scheduler,
    }


def _kolors() -> Any:
    return diffusers.KolorsPipeline(**_kolors_parts())


def _kolors_pag() -> Any:
    return diffusers.KolorsPAGPipeline(**_kolors_parts())


def _qwen_image_21() -> Any:
    processor = _vision_processor()
    return diffusers.QwenImage21Pipeline(
        scheduler=_flow(use_dynamic_shifting=True),
        vae=make_random(
            diffusers.AutoencoderKLQwenImage21,
            base_dim=8,
            decoder_base_dim=8,
            z_dim=LATENTS,
            dim_mult=[1, 1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0] * LATENTS,
            latents_std=[1.0] * LATENTS,
        ),
        text_encoder=_qwen3_vl(processor.tokenizer, transformers.Qwen3VLForConditionalGeneration),
        processor=processor,
        transformer=make_random(
            diffusers.QwenImage21Transformer2DModel,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            context_in_dim=WIDTH,
            axes_dims_rope=(4, 6, 6),
        ),
    )


def _bria_fibo_2() -> Any:
    processor = _vision_processor()
    return diffusers.BriaFibo2Pipeline(
        transformer=make_random(
            diffusers.BriaFibo2Transformer2DModel,
            in_channels=LATENTS,
            patch_size=2,
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            cap_feat_dim=3 * WIDTH,
            injection_layer_ids=(1,),
            perceiver_num_layers=1,
            min_num_gist_tokens=4,
            max_num_gist_tokens=8,
            gist_step=2,
            axes_dims=(4, 6, 6),
            axes_lens=(2048, 64, 64),
        ),
        scheduler=_flow(use_dynamic_shifting=True),
        vae=_flux2_vae(),
        text_encoder=_qwen3_vl(processor.tokenizer, transformers.Qwen3VLForConditionalGeneration, layers=36),
        processor=processor,
    )


def _dreamlite(class_name: str) -> Callable[[], Any]:
    def make() -> Any:
        processor = _vision_processor()
        return getattr(diffusers, class_name)(
            text_encoder=_qwen3_vl(processor.tokenizer, transformers.Qwen3VLForConditionalGeneration),
            tokenizer=processor.tokenizer,
            processor=processor,
            vae=make_random(
                diffusers.AutoencoderTiny,
                encoder_block_out_channels=(16, 16),
                decoder_block_out_channels=(16, 16),
                num_encoder_blocks=(1, 1),
                num_decoder_blocks=(1, 1),
                latent_channels=LATENTS,
            ),
            unet=make_random(
                diffusers.DreamLiteUNetModel,
                sample_size=8,
                down_block_types=("DreamLiteCrossAttnNoSelfAttnDownBlock2D", "DreamLiteCrossAttnDownBlock2D"),
                up_block_types=("DreamLiteCrossAttnUpBlock2D", "DreamLiteUpBlock2D"),
                block_out_channels=(32, 64),
                cross_attention_dim=WIDTH,
                attention_head_dim=8,
                layers_per_block=1,
                norm_num_groups=8,
            ),
            scheduler=_flow(),
        )

    return make


def _prx_pixel() -> Any:
    tokenizer = make_qwen_tokenizer()
    return diffusers.PRXPixelPipeline(
        transformer=make_random(
            diffusers.PRXTransformer2DModel,
            patch_size=4,
            in_channels=3,
            context_in_dim=WIDTH,
            hidden_size=16,
            mlp_ratio=2.0,
            num_heads=2,
            depth=1,
            axes_dim=[4, 4],
            bottleneck_size=8,
            resolution_embeds=True,
        ),
        scheduler=_flow(),
        text_encoder=_qwen3(tokenizer, transformers.Qwen3Model),
        tokenizer=tokenizer,
        default_sample_size=32,
    )


def _sd_variant(class_name: str, **changed: Any) -> Callable[[], Any]:
    """Return what makes a pipeline of the components of Stable Diffusion, some of them changed."""

    def make() -> Any:
        parts = {**_components("sd"), **{name: part() for name, part in changed.items()}}
        found = getattr(diffusers, class_name)
        if "image_encoder" in inspect.signature(found.__init__).parameters:
            parts.setdefault("image_encoder", None)
        return found(**parts, **NO_CHECKER)

    return make


def _ddim() -> Any:
    return diffusers.DDIMScheduler(**NOISE, clip_sample=False, set_alpha_to_one=False)


def _ddim_parallel() -> Any:
    return diffusers.DDIMParallelScheduler(**NOISE, clip_sample=False, set_alpha_to_one=False)


def _vae_with_depth() -> Any:
    return make_vae(in_channels=6, out_channels=6)


def _alt_diffusion() -> Any:
    from diffusers.pipelines.deprecated.alt_diffusion import RobertaSeriesModelWithTransformation
    from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import RobertaSeriesConfig

    tokenizer = _roberta_tokenizer()
    tokenizer.model_max_length = 77
    config = RobertaSeriesConfig(
        hidden_size=WIDTH,
        project_dim=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        vocab_size=len(tokenizer) + 8,
    )
    parts = {**_components("sd"), "tokenizer": tokenizer}
    parts["text_encoder"] = make_random(RobertaSeriesModelWithTransformation, config)
    return diffusers.AltDiffusionPipeline(**parts, **NO_CHECKER)


def _amused() -> Any:
    tokenizer = make_clip_tokenizer()
    return diffusers.AmusedPipeline(
        vqvae=make_random(
            diffusers.VQModel,
            block_out_channels=[8],
            down_block_types=["DownEncoderBlock2D"],
            up_block_types=["UpDecoderBlock2D"],
            latent_channels=8,
            layers_per_block=1,
            norm_num_groups=8,
            num_vq_embeddings=16,
            sample_size=8,
            mid_block_add_attention=False,
            lookup_from_codebook=True,
        ),
        tokenizer=tokenizer,
        text_encoder=make_clip(transformers.CLIPTextModelWithProjection, tokenizer),
        transformer=make_random(
            diffusers.UVit2DModel,
            hidden_size=8,
            cond_embed_dim=WIDTH,
            encoder_hidden_size=WIDTH,
            micro_cond_encode_dim=2,
            micro_cond_embed_dim=10,
            vocab_size=32,
            codebook_size=16,
            in_channels=8,
            block_out_channels=8,
            num_res_blocks=1,
            downsample=True,
            upsample=True,
            block_num_heads=1,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
            sample_size=8,
        ),
        scheduler=diffusers.AmusedScheduler(mask_token_id=31),
    )


def _latent_diffusion() -> Any:
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel

    tokenizer = make_clip_tokenizer()
    config = LDMBertConfig(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        encoder_layers=2,
        encoder_ffn_dim=WIDTH,
        encoder_attention_heads=2,
        head_dim=16,
    )
    return diffusers.LDMTextToImagePipeline(
        vqvae=make_vae(),
        bert=make_random(LDMBertModel, config),
        tokenizer=tokenizer,
        unet=make_unet(cross_attention_dim=WIDTH),
        scheduler=_ddim(),
    )


def _stable_unclip() -> Any:
    from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer

    sd, prior, tokenizer = _components("sd"), _prior_parts(), make_clip_tokenizer()
    return diffusers.StableUnCLIPPipeline(
        prior_tokenizer=tokenizer,
        prior_text_encoder=make_clip(transformers.CLIPTextModelWithProjection, tokenizer, seed=1),
        prior=prior["prior_prior"],
        prior_scheduler=diffusers.DDPMScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample=True, clip_sample_range=5.0
        ),
        image_normalizer=make_random(StableUnCLIPImageNormalizer, embedding_dim=WIDTH),
        image_noising_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        tokenizer=sd["tokenizer"],
        text_encoder=sd["text_encoder"],
        unet=make_unet(
            cross_attention_dim=WIDTH, class_embed_type="projection", projection_class_embeddings_input_dim=2 * WIDTH
        ),
        scheduler=_ddim(),
        vae=sd["vae"],
    )


def _unidiffuser() -> Any:
    from diffusers.pipelines.deprecated.unidiffuser import UniDiffuserModel, UniDiffuserTextDecoder

    prior, clip_tokenizer = _prior_parts(), make_clip_tokenizer()
    words = transformers.GPT2Tokenizer().train_new_from_iterator(TEXTS, vocab_size=600)
    decoder = make_random(
        UniDiffuserTextDecoder,
        prefix_length=77,
        prefix_inner_dim=WIDTH,
        prefix_hidden_dim=WIDTH,
        vocab_size=len(words),
        n_positions=128,
        n_embd=WIDTH,
        n_layer=1,
        n_head=2,
    )
    head = decoder.transformer.lm_head  # safetensors files hold no shared weights
    head.weight = torch.nn.Parameter(head.weight.detach().clone())
    return diffusers.UniDiffuserPipeline(
        vae=make_vae(),
        text_encoder=make_clip(transformers.CLIPTextModel, clip_tokenizer),
        image_encoder=prior["prior_image_encoder"],
        clip_image_processor=prior["prior_image_processor"],
        clip_tokenizer=clip_tokenizer,
        text_decoder=decoder,
        text_tokenizer=words,
        unet=make_random(
            UniDiffuserModel,
            text_dim=WIDTH,
            clip_img_dim=WIDTH,
            num_text_tokens=77,
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=LATENTS,
            out_channels=LATENTS,
            num_layers=2,
            norm_num_groups=16,
            sample_size=16,
            patch_size=2,
            activation_fn="gelu",
            num_embeds_ada_norm=1000,
            norm_type="layer_norm",
            use_patch_pos_embed=True,
            ff_final_dropout=True,
            use_data_type_embedding=False,
        ),
        scheduler=_ddim(),
    )


def _versatile() -> Any:
    from diffusers.pipelines.deprecated.versatile_diffusion.modeling_text_unet import UNetFlatConditionModel

    tokenizer = make_clip_tokenizer()
    text_unet = make_random(
        UNetFlatConditionModel,
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlockFlat", "CrossAttnDownBlockFlat"),
        up_block_types=("CrossAttnUpBlockFlat", "UpBlockFlat"),
        norm_num_groups=4,
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH,
    )
    return diffusers.VersatileDiffusionTextToImagePipeline(
        tokenizer=tokenizer,
        text_encoder=make_clip(transformers.CLIPTextModelWithProjection, tokenizer),
        image_unet=make_unet(cross_attention_dim=WIDTH),
        text_unet=text_unet,
        vae=make_vae(),
        scheduler=_ddim(),
    )


OTHERS: dict[str, Other] = {
    "AltDiffusionPipeline": Other(_alt_diffusion),
    "AmusedPipeline": Other(_amused, size=16),
    "LDMTextToImagePipeline": Other(_latent_diffusion, **NO_NEGATIVE),
    "SemanticStableDiffusionPipeline": Other(_sd_variant("SemanticStableDiffusionPipeline", scheduler=_ddim)),
    "StableDiffusionLDM3DPipeline": Other(  # its depth maps cannot be made with new versions of Pillow
        _sd_variant("StableDiffusionLDM3DPipeline", vae=_vae_with_depth), call={"output_type": "np"}
    ),
    "StableDiffusionModelEditingPipeline": Other(_sd_variant("StableDiffusionModelEditingPipeline")),
    "StableDiffusionPanoramaPipeline": Other(_sd_variant("StableDiffusionPanoramaPipeline", scheduler=_ddim)),
    "StableDiffusionParadigmsPipeline": Other(
        _sd_variant("StableDiffusionParadigmsPipeline", scheduler=_ddim_parallel)
    ),
    "StableDiffusionPipelineSafe": Other(_sd_variant("StableDiffusionPipelineSafe", scheduler=_ddim)),
    "StableDiffusionSAGPipeline": Other(_sd_variant("StableDiffusionSAGPipeline", scheduler=_ddim)),
    "StableUnCLIPPipeline": Other(_stable_unclip),
    "UniDiffuserPipeline": Other(_unidiffuser),
    "VersatileDiffusionTextToImagePipeline": Other(_versatile),
    "KolorsPipeline": Other(_kolors),
    "GlmImagePipeline": Other(_glm_image, **NO_NEGATIVE),
    "Cosmos2TextToImagePipeline": Other(_cosmos2),
    "KolorsPAGPipeline": Other(_kolors_pag),
    "QwenImage21Pipeline": Other(_qwen_image_21, **TRUE_CFG),
    "BriaFibo2Pipeline": Other(_bria_fibo_2),
    "DreamLitePipeline": Other(_dreamlite("DreamLitePipeline")),
    "DreamLiteMobilePipeline": Other(_dreamlite("DreamLiteMobilePipeline"), **UNGUIDED),
    "PRXPixelPipeline": Other(_prx_pixel, call={"use_resolution_binning": False}),
    "KandinskyCombinedPipeline": Other(_kandinsky, size=64),
    "KandinskyV22CombinedPipeline": Other(_kandinsky22, size=64),
    "WuerstchenCombinedPipeline": Other(_wuerstchen, **UNGUIDED),
    "StableCascadeCombinedPipeline": Other(_cascade, size=128, **UNGUIDED),
    "Flux2Pipeline": Other(_flux2, **DISTILLED),
    "Ideogram4Pipeline": Other(_ideogram, **NO_NEGATIVE, call={"guidance_schedule": None}),
    "Krea2Pipeline": Other(_krea, guided={"guidance_scale": 3.0, "negative_prompt": "a dog"}),
    "NucleusMoEImagePipeline": Other(_nucleus),
    "ZImageOmniPipeline": Other(_z_image_omni, guided={"guidance_scale": 3.0, "negative_prompt": "a dog"}),
    "PRXPipeline": Other(_prx, call={"use_resolution_binning": False}),
    "HunyuanImagePipeline": Other(
        _hunyuan_image, guided={"distilled_guidance_scale": 4.0}, sampling={"distilled_guidance": 4.0}
    ),
    "OmniGenPipeline": Other(_omnigen, **NO_NEGATIVE),
    "LongCatImagePipeline": Other(_longcat, call={"enable_prompt_rewrite": False}),
    "ErnieImagePipeline": Other(_ernie, call={"use_pe": False}),
    "Kandinsky5T2IPipeline": Other(_kandinsky5),
    "Flux2KleinKVPipeline": Other(_flux2_klein_kv, **UNGUIDED),
    "StableDiffusionPAGPipeline": Other(_sd_pag),
    "StableDiffusionXLPAGPipeline": Other(_sdxl_pag),
    "StableDiffusion3PAGPipeline": Other(_pag("StableDiffusion3PAGPipeline", "sd3", "blocks.1")),
    "LatentConsistencyModelPipeline": Other(_lcm, **DISTILLED),
    "IFPipeline": Other(_if, call={"clean_caption": False}),
    "HunyuanDiTPipeline": Other(_hunyuan_dit, call={"use_resolution_binning": False}),
    "HunyuanDiTPAGPipeline": Other(_hunyuan_dit_pag, call={"use_resolution_binning": False}),
    "PixArtSigmaPipeline": Other(_pixart_sigma, **EXACT),
    "PixArtSigmaPAGPipeline": Other(_pag("PixArtSigmaPAGPipeline", "pixart", "blocks.1"), **EXACT),
    "SanaPAGPipeline": Other(_pag("SanaPAGPipeline", "sana", "blocks.1"), **EXACT),
    "SanaSprintPipeline": Other(_sana_sprint, **EXACT, **DISTILLED),
    "AuraFlowPipeline": Other(_aura_flow),
    "FluxKontextPipeline": Other(_flux_kontext, **TRUE_CFG, call={"max_area": 32**2}),
    "ChromaPipeline": Other(_chroma),
    "BriaPipeline": Other(_bria),
    "BriaFiboPipeline": Other(_bria_fibo),
    "CogView3PlusPipeline": Other(_cog_view_3),
    "CogView4Pipeline": Other(_cog_view_4),
    "Flux2KleinPipeline": Other(_flux2_klein, **NO_NEGATIVE),
    "ZImagePipeline": Other(_z_image, guided={"guidance_scale": 3.0, "negative_prompt": "a dog"}),
    "HiDreamImagePipeline": Other(_hidream),
    "LuminaPipeline": Other(_lumina, call={"clean_caption": False}),
    "OvisImagePipeline": Other(_ovis),
    "Kandinsky3Pipeline": Other(_kandinsky3),
}
