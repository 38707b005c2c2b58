"""Captions from any image-text-to-text model of the transformers library, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.hub.pretrained import ModelKind, load_pretrained, model_label
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.answers import clean_caption
from prettyuseful.prompts.captioners.base import Picture
from prettyuseful.redaction import redact_line

_GREEDY = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
_MAX_CHARACTERS = 200


def vision_language_kind(words: str) -> ModelKind:
    """Return the kind of image-text-to-text models; `words` name it in errors."""
    return ModelKind(
        AutoModelForImageTextToText,
        AutoProcessor,
        words,
        "it is not an image-text-to-text model of transformers, or incomplete; give a model of that type",
    )


_VISION_LANGUAGE = vision_language_kind("captioner")


class VisionLanguageCaptioner:
    """A vision-language chat model from a folder or from the hub (`owner/name` or `owner/name@revision`).

    Decoding is greedy, one picture at a time, so that a caption depends only on its picture. Code and pickle files of a
    model are never executed.

    Raises:
        DataError: the model cannot be loaded, weights are missing, or it has no chat template.
    """

    def __init__(self, model: str, instruction: str, max_tokens: int, image_size: int, numerics: Numerics) -> None:
        self.name = model_label(model)
        self.instruction, self.max_tokens, self.image_size = instruction, max_tokens, image_size
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, self.model = load_pretrained(_VISION_LANGUAGE, model, self.dtype)
        if not getattr(self.processor, "chat_template", None):
            raise DataError(
                f"the captioner {self.name!r} has no chat template; give a vision-language model that is tuned for chat"
            )
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
        image, instruction = picture.downscale(self.image_size), picture.question(self.instruction)
        try:
            inputs = chat_inputs(self.processor, image, instruction).to(self.device, dtype=self.dtype)
            tokens = self.model.generate(**inputs, max_new_tokens=self.max_tokens)
            answer = tokens[0, inputs["input_ids"].shape[1] :]
            return clean_caption(self.processor.decode(answer, skip_special_tokens=True))
        except (ValueError, RuntimeError) as error:  # an unsupported shape, too little memory, an empty answer
            reason = redact_line(str(error), _MAX_CHARACTERS)
            raise StepFailedError(
                f"the captioner {self.name!r} cannot caption {picture.name}: {reason}; "
                "change the picture, the instruction or the model"
            ) from error


def chat_inputs(processor: Any, image: Image.Image, text: str) -> Any:
    """Return the inputs of a chat model whose user shows an image and says a text, before the model's answer."""
    content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
