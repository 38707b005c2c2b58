"""The pipeline families of diffusers: one row per family says how to encode prompts and how to call the pipeline.

All families share the code in `encoder.py` and `sampler.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prettyuseful.generators.base import Sampling


@dataclass(frozen=True)
class Family:
    """A family of pipelines that are called in the same way.

    Attributes:
        pipelines: class names in a model_index.json; the first one is the class that is loaded.
        text: components that only encode prompts.
        image: components that only generate images; the first one is the denoiser.
        returns: argument names of the values that `encode_prompt` returns; None for a value that is not used. Empty
            for a pipeline without a row, whose values are recorded and given back to it.
        negative: `together` if one call of `encode_prompt` returns the negative embeddings too, `alone` if the negative
            prompt is encoded by a separate call.
        guidance: the argument for true classifier-free guidance; empty if there is none.
        limits: maximal number of tokens per tokenizer: `own` for the tokenizer's maximum, `sequence` for the value of
            `sequence`.
        defaults: default settings of the diffusers pipeline.
        sequence: maximal sequence length in tokens, an argument of encoding and sampling.
        step_cache: whether diffusers supports the first-block cache.
        options: the fields of `base.OPTIONS` that the pipeline has.
        refines: whether the pipeline refines the images of another one.
        mixes_prompts: whether a batch may hold images of several prompts. All prompts then have one number of tokens,
            and an image does not depend on the other prompts of its batch.
        load, encode, call: further arguments for loading, for `encode_prompt` and for sampling.
        whole: why text encoders and denoiser must be in memory together; empty if they need not.
        requires: a package that the pipeline needs, which is not installed with this one.
        several: whether the pipeline makes several images of one prompt at once.
        zero_is_off: whether the guidance argument is 0 without guidance: it is then the scale minus one.
        distilled_argument: the argument for the guidance value of a guidance-distilled model.
        takes_negative: whether the pipeline has negative prompts.
        guides_itself: whether the pipeline is guided without the argument `guidance`: by one for its prior.
        area_argument: the argument for the number of pixels, if the pipeline scales every size to one.
        switched_off: features of the pipeline that are switched off, for the record.
        wrap: returns the text that the tokenizer receives for a prompt, and the number of leading tokens that do not
            count towards the limit.
    """

    name: str
    pipelines: tuple[str, ...]
    text: tuple[str, ...]
    image: tuple[str, ...]
    returns: tuple[str | None, ...]
    negative: Literal["together", "alone"]
    guidance: Literal["guidance_scale", "true_cfg_scale", ""]
    limits: Mapping[str, Literal["own", "sequence"]]
    defaults: Sampling
    sequence: int | None = None
    step_cache: bool = False
    options: tuple[str, ...] = ()
    refines: bool = False
    mixes_prompts: bool = True
    whole: str = ""
    requires: str = ""
    several: bool = True
    zero_is_off: bool = False
    distilled_argument: str = "guidance_scale"
    takes_negative: bool = True
    guides_itself: bool = False
    area_argument: str = ""
    load: Mapping[str, Any] = field(default_factory=dict)
    encode: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()
    wrap: Callable[[Any, str], tuple[str, int]] = lambda _, prompt: (prompt, 0)

    @property
    def is_recorded(self) -> bool:
        """Whether what `encode_prompt` returns is recorded, because its meaning is not known."""
        return not self.returns

    @property
    def denoiser(self) -> str:
        return self.image[0]


def _behind_system_prompt(pipeline: Any, prompt: str) -> tuple[str, int]:
    return f"{pipeline.system_prompt} <Prompt Start> {prompt}", 0


def _in_chat_template(pipeline: Any, prompt: str) -> tuple[str, int]:
    return pipeline.prompt_template_encode.format(prompt), pipeline.prompt_template_encode_start_idx


def _in_lower_case(_: Any, prompt: str) -> tuple[str, int]:
    return prompt.lower().strip(), 0


_WITH_POOLED = (
    "prompt_embeds",
    "negative_prompt_embeds",
    "pooled_prompt_embeds",
    "negative_pooled_prompt_embeds",
)
_WITH_MASK = (
    "prompt_embeds",
    "prompt_attention_mask",
    "negative_prompt_embeds",
    "negative_prompt_attention_mask",
)
# The default negative prompt of these pipelines is "", which they reject together with negative embeddings.
_EXACT_SIZE_AND_TEXT = {"use_resolution_binning": False, "clean_caption": False, "negative_prompt": None}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="sd",
            pipelines=("StableDiffusionPipeline",),
            text=("text_encoder", "tokenizer"),
            image=("unet", "vae"),
            returns=("prompt_embeds", "negative_prompt_embeds"),
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "own"},
            defaults=Sampling(steps=50, cfg=7.5),
            # The safety checker replaces images by black ones, which must not be in a training set.
            load={"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
            switched_off=("safety checker",),
        ),
        Family(
            name="sdxl",
            pipelines=("StableDiffusionXLPipeline",),
            text=("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"),
            image=("unet", "vae"),
            returns=_WITH_POOLED,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "own", "tokenizer_2": "own"},
            defaults=Sampling(steps=50, cfg=5.0),
            load={"add_watermarker": False},
            switched_off=("watermark",),
        ),
        Family(
            name="sdxl-refiner",
            pipelines=("StableDiffusionXLImg2ImgPipeline",),
            text=("text_encoder_2", "tokenizer_2"),
            image=("unet", "vae"),
            returns=_WITH_POOLED,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer_2": "own"},
            refines=True,
            defaults=Sampling(steps=50, cfg=5.0),
            load={"add_watermarker": False},
            switched_off=("watermark",),
        ),
        Family(
            name="sd3",
            pipelines=("StableDiffusion3Pipeline",),
            text=("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3"),
            image=("transformer", "vae"),
            returns=_WITH_POOLED,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "own", "tokenizer_2": "own", "tokenizer_3": "sequence"},
            sequence=256,
            defaults=Sampling(steps=28, cfg=7.0),
            encode={"prompt_2": None, "prompt_3": None},
        ),
        Family(
            name="flux",
            pipelines=("FluxPipeline",),
            text=("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"),
            image=("transformer", "vae"),
            returns=("prompt_embeds", "pooled_prompt_embeds", None),
            negative="alone",
            guidance="true_cfg_scale",
            limits={"tokenizer": "own", "tokenizer_2": "sequence"},
            sequence=512,
            step_cache=True,
            defaults=Sampling(steps=28, cfg=1.0, distilled_guidance=3.5),
        ),
        Family(
            name="sana",
            pipelines=("SanaPipeline",),
            text=("text_encoder", "tokenizer"),
            image=("transformer", "vae"),
            returns=_WITH_MASK,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "sequence"},
            sequence=300,
            options=("instruction", "resolution_binning"),
            defaults=Sampling(steps=20, cfg=4.5, instruction=True),
            encode={"clean_caption": False},
            wrap=_in_lower_case,
            call=_EXACT_SIZE_AND_TEXT,
        ),
        Family(
            name="lumina2",
            pipelines=("Lumina2Pipeline", "Lumina2Text2ImgPipeline"),
            text=("text_encoder", "tokenizer"),
            image=("transformer", "vae"),
            returns=_WITH_MASK,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "sequence"},
            sequence=256,
            # The transformer removes masked tokens and pads to the longest prompt of the batch.
            mixes_prompts=False,
            options=("cfg_trunc_ratio",),
            defaults=Sampling(steps=30, cfg=4.0),
            wrap=_behind_system_prompt,
        ),
        Family(
            name="qwen-image",
            pipelines=("QwenImagePipeline",),
            text=("text_encoder", "tokenizer"),
            image=("transformer", "vae"),
            returns=("prompt_embeds", "prompt_embeds_mask"),
            negative="alone",
            guidance="true_cfg_scale",
            limits={"tokenizer": "sequence"},
            sequence=512,
            mixes_prompts=False,  # the embeddings have as many tokens as the prompt
            step_cache=True,
            defaults=Sampling(steps=50, cfg=4.0, negative=" "),
            wrap=_in_chat_template,
        ),
        Family(
            name="pixart",
            pipelines=("PixArtAlphaPipeline",),
            text=("text_encoder", "tokenizer"),
            image=("transformer", "vae"),
            returns=_WITH_MASK,
            negative="together",
            guidance="guidance_scale",
            limits={"tokenizer": "sequence"},
            sequence=120,
            options=("resolution_binning",),
            defaults=Sampling(steps=20, cfg=4.5),
            encode={"clean_caption": False},
            call=_EXACT_SIZE_AND_TEXT,
            wrap=_in_lower_case,
        ),
    )
}


def family_of_pipeline(class_name: str) -> Family | None:
    """Return the family of the pipeline class in a model_index.json, or None. Refiners have none."""
    return next((family for family in FAMILIES.values() if class_name in family.pipelines and not family.refines), None)
