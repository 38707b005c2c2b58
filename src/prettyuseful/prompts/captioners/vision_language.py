"""Captions from any image-text-to-text model of the transformers library, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import Picture, cleaned, one_line
from prettyuseful.quiet import quiet

_GREEDY = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
_SHOWN = 200


class VisionLanguageCaptioner:
    """A chat model that sees, from a folder or from the hub (`owner/name`, or `owner/name@revision`).

    Greedy, and one picture at a time: a caption depends on its own picture alone. Code and pickles that come with a
    model are never run.

    Raises:
        DataError: the model cannot be loaded, lacks weights, or has no chat template.
    """

    def __init__(self, model: str, instruction: str, max_tokens: int, image_size: int, numerics: Numerics) -> None:
        self.name = Path(model).resolve().name if Path(model).is_dir() else model
        self.instruction, self.max_tokens, self.image_size = instruction, max_tokens, image_size
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, self.model = _load(model, self.name, self.dtype)
        self.model.generation_config.update(**_GREEDY)
        self.model.to(self.device).eval()

    def applied(self) -> dict[str, object]:
        return {
            "model": self.name,
            "architecture": type(self.model).__name__,
            "dtype": str(self.dtype).removeprefix("torch."),
            "decoding": "greedy",
            "instruction": self.instruction,
            "max_tokens": self.max_tokens,
            "image_size": self.image_size,
        }

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        return [self._caption(picture) for picture in pictures]

    @torch.inference_mode()
    def _caption(self, picture: Picture) -> str:
        content = [
            {"type": "image", "image": picture.shrunk(self.image_size)},
            {"type": "text", "text": picture.question(self.instruction)},
        ]
        try:
            inputs = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self.device, dtype=self.dtype)
            tokens = self.model.generate(**inputs, max_new_tokens=self.max_tokens)
            answer = tokens[0, inputs["input_ids"].shape[1] :]
            return cleaned(self.processor.decode(answer, skip_special_tokens=True))
        except (
            ValueError,
            RuntimeError,
        ) as error:  # a shape that the model does not take, too little memory, no answer
            raise StepFailedError(
                f"the captioner {self.name!r} has no caption for {picture.name}: {one_line(str(error))[:_SHOWN]}; "
                "change the picture, the instruction or the model"
            ) from error


def _load(model: str, name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    place, _, revision = (model, "", "") if Path(model).is_dir() else model.partition("@")
    options = {"revision": revision or None, "trust_remote_code": False}
    try:
        with quiet():
            processor = AutoProcessor.from_pretrained(place, **options)
            # `torch_dtype` is called `dtype` since transformers 4.56; the old name works in every version we support.
            network, report = AutoModelForImageTextToText.from_pretrained(
                place, torch_dtype=dtype, use_safetensors=True, output_loading_info=True, **options
            )
    except Exception as error:  # a library may raise anything on a folder that anyone made
        raise DataError(f"cannot load the captioner {name!r}: {_why(place, error)}") from error
    if lacking := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise DataError(
            f"the weights of the captioner {name!r} are incomplete and would be filled with random numbers: "
            f"{', '.join(lacking)[:_SHOWN]}; get the model again"
        )
    if not getattr(processor, "chat_template", None):
        raise DataError(
            f"the captioner {name!r} has no chat template, so it cannot be asked; name a vision-language model that "
            "is made for conversations"
        )
    return processor, network


def _why(place: str, error: Exception) -> str:
    text = one_line(str(error))
    if "gated repo" in text:
        return "it is gated; accept its licence on the model's page, log in with `hf auth login`, and run again"
    if "trust_remote_code" in text:
        return "it comes with code of its own, which is never run; name a model that transformers knows"
    if "Unrecognized configuration class" in text or "Unrecognized processing class" in text:
        return "it is no image-text-to-text model of transformers, or not whole; name one that sees and answers"
    if Path(place).is_dir():
        return f"{text[:_SHOWN]}; get the model again"
    if "couldn't connect" in text or "offline mode" in text:
        return (
            "its weights are not on this machine and the hub cannot be reached; run "
            f"`hf download {place}` where there is a network, or name a local folder"
        )
    return f"{text[:_SHOWN]}; check the id, or download it and name its folder"
