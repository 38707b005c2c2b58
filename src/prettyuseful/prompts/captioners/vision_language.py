"""Captions from any image-text-to-text model of the transformers library, on this machine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from prettyuseful.errors import DataError, StepFailedError, one_line
from prettyuseful.hub.pretrained import Kind, load_pretrained, name_of
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import Picture, cleaned

_GREEDY = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
_SHOWN = 200
_SEEING = Kind(
    AutoModelForImageTextToText,
    AutoProcessor,
    "captioner",
    "it is no image-text-to-text model of transformers, or not whole; name one that sees and answers",
)


class VisionLanguageCaptioner:
    """A chat model that sees, from a folder or from the hub (`owner/name`, or `owner/name@revision`).

    Greedy, and one picture at a time: a caption depends on its own picture alone. Code and pickles that come with a
    model are never run.

    Raises:
        DataError: the model cannot be loaded, lacks weights, or has no chat template.
    """

    def __init__(self, model: str, instruction: str, max_tokens: int, image_size: int, numerics: Numerics) -> None:
        self.name = name_of(model)
        self.instruction, self.max_tokens, self.image_size = instruction, max_tokens, image_size
        self.device, self.dtype = numerics.device, getattr(torch, numerics.dtype)
        self.processor, self.model = load_pretrained(_SEEING, model, self.dtype)
        if not getattr(self.processor, "chat_template", None):
            raise DataError(
                f"the captioner {self.name!r} has no chat template, so it cannot be asked; name a vision-language "
                "model that is made for conversations"
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
