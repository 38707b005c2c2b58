"""Any text-to-image pipeline of diffusers without a row in `families.py`: what the signature of its call says.

Such a pipeline is recorded: its own call runs without denoiser until the prompt is encoded, and what `encode_prompt`
returned is given back to it where the text encoders are not in memory.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import JsonValue

from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import Family


@dataclass(frozen=True)
class _Override:
    """What the signature of a pipeline does not say.

    Attributes:
        whole: why its text encoders and its denoiser must be in memory together.
        requires: a package that it needs, which neither diffusers nor this package installs.
        call: further arguments.
        defaults: default settings that are not those of the signature.
        zero_is_off: whether its guidance value is 0, not 1, without guidance.
        several: whether it makes several images of one prompt at once.
    """

    whole: str = ""
    requires: str = ""
    call: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    zero_is_off: bool = False
    several: bool = True


_OVERRIDES: dict[str, _Override] = {
    # Its licence demands the checks of prompts and images.
    "Cosmos2TextToImagePipeline": _Override(requires="cosmos_guardrail"),
    # A language model would rewrite the prompt, outside of encode_prompt.
    "ErnieImagePipeline": _Override(call={"use_pe": False}),
    "LongCatImagePipeline": _Override(call={"enable_prompt_rewrite": False}),
    "AmusedPipeline": _Override(several=False),  # it draws by one random generator
    "GlmImagePipeline": _Override(whole="a language model draws tokens for each image", several=False),
    # The default is a schedule for 48 steps, which excludes a guidance value.
    "Ideogram4Pipeline": _Override(call={"guidance_schedule": None}, defaults={"cfg": 7.0}),
    # Their priors take one random generator.
    "KandinskyCombinedPipeline": _Override(several=False),
    "KandinskyV22CombinedPipeline": _Override(several=False),
    # It encodes the lengths of all prompts in one list, which repeating a record does not make.
    "Kandinsky5T2IPipeline": _Override(several=False),
    "Krea2Pipeline": _Override(zero_is_off=True),
    # Its call fails for several images with guidance.
    "PRXPipeline": _Override(requires="ftfy", several=False),
    "PRXPixelPipeline": _Override(requires="ftfy", several=False),
    "StableUnCLIPPipeline": _Override(whole="its prior runs before the prompt is encoded", several=False),
    "UniDiffuserPipeline": _Override(several=False),  # its call fails for several images
    "ZImagePipeline": _Override(zero_is_off=True),
    "ZImageOmniPipeline": _Override(zero_is_off=True),
}
_NO_ENCODER = "the call of the pipeline encodes prompts itself"
_READS_IMAGE = "the text encoder reads the image, too"
_CONTROLS = ("control_image", "controlnet_conditioning_scale", "adapter_conditioning_scale")
_VIDEO = ("num_frames", "frames", "video_length", "video")
_OTHER_INPUTS = ("strength", "mask_image", "reference_image", "gligen_phrases")
_CHANGES = re.compile("Img2Img|Inpaint|Edit(?!ing)|I2I|Pix2Pix|Depth2Img|SuperResolution|Upscale|Refiner")
_GIVEN = ("self", "prompt", "args", "kwargs")
_FIXED: Mapping[str, Any] = {"use_resolution_binning": False, "clean_caption": False}
_OPTIONS = {"cfg_trunc_ratio": "cfg_trunc_ratio", "resolution_binning": "use_resolution_binning"}
_SET_ELSEWHERE = {
    "prompt": "prompts",
    "negative_prompt": "negative",
    "num_inference_steps": "steps",
    "guidance_scale": "cfg or distilled_guidance",
    "true_cfg_scale": "cfg",
    "distilled_guidance_scale": "distilled_guidance",
    "height": "size",
    "width": "size",
    "max_area": "size",
    "generator": "seed",
    "num_images_per_prompt": "micro_batch",
    **{argument: name for name, argument in _OPTIONS.items()},
}
_NOT_SET = ("self", "kwargs", "latents", "output_type", "return_dict", "callback", "callback_steps")


@cache
def recorded_family(class_name: str, edits: bool = False) -> Family:
    """Return the family of a pipeline class of diffusers that has no row.

    `edits`: whether the pipeline changes an image by an instruction.

    Raises:
        DataError: diffusers has no such pipeline; the message is the reason, such as `it changes images`.
    """
    call, init = _signatures(class_name)
    override = _OVERRIDES.get(class_name, _Override())
    if reason := _reason_not_to_edit(call, init) if edits else _reason_to_refuse(class_name, call, init):
        raise DataError(reason)
    guidance: Literal["true_cfg_scale", "guidance_scale", ""] = (
        "true_cfg_scale" if "true_cfg_scale" in call else "guidance_scale" if "guidance_scale" in call else ""
    )
    value = override.defaults.get("cfg", call[guidance].default if guidance else None)
    value = (value or 1.0) + (1.0 if override.zero_is_off else 0.0)
    denoiser = next((name for name in ("transformer", "unet", "prior_prior") if name in init), "")
    vae = tuple(name for name in ("vae", "movq", "vqgan", "vqvae") if name in init)
    without_checker = "requires_safety_checker" in init
    loaded: dict[str, Any] = {
        name: None for name in ("safety_checker", "watermarker") if name in init and without_checker
    }
    loaded |= {name: False for name in ("requires_safety_checker", "add_watermarker") if name in init}
    return Family(
        name=class_name,
        pipelines=(class_name,),
        text=tuple(name for name in init if "text_encoder" in name or "tokenizer" in name),
        image=(denoiser, *vae),
        returns=(),
        negative="together",
        guidance=guidance,
        limits={},
        defaults=Sampling(
            steps=_number(call["num_inference_steps"].default),
            cfg=max(1.0, value),
            distilled_guidance=_number(call[_distilled_argument(call)].default) if _distilled_argument(call) else None,
        ),
        options=tuple(name for name, argument in _OPTIONS.items() if argument in call),
        mixes_prompts=False,
        load=loaded,
        call={name: value for name, value in _FIXED.items() if name in call} | dict(override.call),
        switched_off=tuple(
            words
            for words, names in (
                ("safety checker", {"requires_safety_checker"}),
                ("watermark", {"add_watermarker", "watermarker"}),
            )
            if names & loaded.keys()
        ),
        whole=override.whole or _reason_to_run_whole(pipeline_class(class_name)),
        requires=override.requires,
        several=override.several and "num_images_per_prompt" in call,
        zero_is_off=override.zero_is_off,
        distilled_argument=_distilled_argument(call),
        takes_negative="negative_prompt" in call,
        guides_itself=not guidance and "prior_guidance_scale" in call,
        area_argument="max_area" if "max_area" in call else "",
    )


def check_requirements(family: Family) -> None:
    """Check that the package that a pipeline needs is installed.

    Raises:
        DataError: it is not; the message is the reason.
    """
    if family.requires and not find_spec(family.requires):
        raise DataError(f"it needs the package {family.requires}, which is not installed")


def check_arguments(arguments: Mapping[str, JsonValue], family: Family) -> None:
    """Check the names of further arguments of a pipeline's call.

    Raises:
        DataError: the call has no such argument, or another setting sets it.
    """
    call, _ = _signatures(family.pipelines[0])
    free = [name for name in call if name not in _SET_ELSEWHERE and name not in _NOT_SET and _is_plain(name)]
    for name in arguments:
        if name in family.call and name not in _FIXED:
            raise DataError(f"sampling.arguments: {name} is fixed at {family.call[name]} for {family.name}; remove it")
        if name in _SET_ELSEWHERE:
            raise DataError(f"sampling.arguments: {name} is set by {_SET_ELSEWHERE[name]}; remove it")
        if name not in free:
            raise DataError(
                f"sampling.arguments: {family.name} has no argument {name!r} that can be set"
                f"{did_you_mean(name, free)}; its arguments: {', '.join(sorted(free)) or 'none'}"
            )


def _is_plain(name: str) -> bool:
    """Return whether an argument can be written in a study: it is no tensor, image or function."""
    return not ("embeds" in name or "image" in name or "attention_mask" in name or name.startswith("callback"))


def pipeline_class(class_name: str) -> Any:
    """Return a class of pipelines of diffusers.

    Raises:
        DataError: diffusers has no such pipeline.
    """
    import diffusers

    found = getattr(diffusers, class_name, None) if class_name.isidentifier() else None
    if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
        raise DataError("the installed diffusers has no such pipeline")
    return found


def component_names(class_name: str, required: bool = False) -> tuple[str, ...]:
    """Return the names of the components of a pipeline; with `required`, of those without which it cannot be made.

    Raises:
        DataError: diffusers has no such pipeline.
    """
    found = pipeline_class(class_name)
    optional = found._optional_components
    return tuple(
        name
        for name, parameter in inspect.signature(found.__init__).parameters.items()
        if name not in ("self", "args", "kwargs")
        and (parameter.default is parameter.empty or name in optional)
        and not (required and name in optional)
    )


def _signatures(class_name: str) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, inspect.Parameter]]:
    found = pipeline_class(class_name)
    return inspect.signature(found.__call__).parameters, inspect.signature(found.__init__).parameters


def _reason_to_refuse(class_name: str, call: Mapping[str, inspect.Parameter], init: Iterable[str]) -> str:
    names, init = set(call), set(init)
    if "controlnet" in init or "adapter" in init or names & {*_CONTROLS} or "Control" in class_name:
        return "it needs a control image, and images are made from text alone"
    if names & {*_VIDEO}:
        return "it makes videos"
    if names & {*_OTHER_INPUTS} or _CHANGES.search(class_name):
        return "it changes images, and images are made from text alone"
    if names & {"image_embeds", "image_embeddings"} or "Prior" in class_name:
        return "it is one part of a combined pipeline; give the decoder as model, and its prior in components"
    if "prompt" not in call:
        return "it does not make images from a prompt"
    if missing := [name for name in ("num_inference_steps", "height", "width", "generator") if name not in call]:
        return f"its call has no {' and no '.join(missing)}, so it does not make images of a size that is chosen"
    if needed := [name for name in call if call[name].default is inspect.Parameter.empty and name not in _GIVEN]:
        return f"its call needs {' and '.join(needed)} beside a prompt"
    return ""


def _reason_not_to_edit(call: Iterable[str], init: Iterable[str]) -> str:
    call, init = set(call), set(init)
    if "controlnet" in init or "adapter" in init or call & {*_CONTROLS}:
        return "it needs a control image"
    if call & {*_VIDEO}:
        return "it makes videos"
    if not {"prompt", "image", "num_inference_steps", "generator"} <= call:
        return "it does not change an image by an instruction"
    if call & {"strength", "mask_image"}:
        return "it changes images by noise, not by an instruction: use condition: {kind: image} or {kind: inpaint}"
    return ""


def _reason_to_run_whole(found: Any) -> str:
    if not hasattr(found, "encode_prompt"):
        return _NO_ENCODER
    return _READS_IMAGE if "image" in inspect.signature(found.encode_prompt).parameters else ""


def _distilled_argument(call: Mapping[str, inspect.Parameter]) -> str:
    return next((name for name in ("distilled_guidance_scale", "guidance_scale") if name in call), "")


def _number(value: object) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
