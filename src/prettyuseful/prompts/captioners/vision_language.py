"""Captions from any image-text-to-text model of the transformers library, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, BatchFeature

from prettyuseful.data.threads import map_in_order, preparing_threads
from prettyuseful.errors import DataError, StepFailedError, join_names
from prettyuseful.hub.pretrained import ModelKind, load_pretrained, model_label
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.answers import clean_caption
from prettyuseful.prompts.captioners.base import CAPTIONS_AT_ONCE, Picture
from prettyuseful.redaction import redact_line

_GREEDY = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
_MAX_CHARACTERS = 200
Inputs = dict[str, torch.Tensor]
"""What a model takes for one picture, by the names of its arguments; the first dimension counts pictures or patches."""
_Shapes = tuple[tuple[str, tuple[int, ...]], ...]


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

    Decoding is greedy. Pictures whose inputs have equal shapes are captioned together, `CAPTIONS_AT_ONCE` at a time; a
    batch that is not full is filled. So no input is padded, a picture always meets the same shape of batch, and its
    caption depends on no other picture. Code and pickle files of a model are never executed.

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
        self.threads, self.ends = preparing_threads(numerics), _end_tokens(self.model.generation_config)
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
        """Return one caption per picture; threads prepare the next ones meanwhile."""
        captions: dict[int, str] = {}
        waiting: dict[_Shapes, list[tuple[int, Inputs]]] = {}

        def answer(batch: list[tuple[int, Inputs]]) -> None:
            numbers = [number for number, _ in batch]
            answers = self._answers([pictures[n] for n in numbers], [inputs for _, inputs in batch])
            captions.update(zip(numbers, answers, strict=True))

        for number, inputs in enumerate(map_in_order(self._prepare, pictures, self.threads)):
            batch = waiting.setdefault(_shapes(inputs), [])
            batch.append((number, inputs))
            if len(batch) == CAPTIONS_AT_ONCE:
                answer(waiting.pop(_shapes(inputs)))
        for batch in waiting.values():
            answer(batch)
        return [captions[number] for number in range(len(pictures))]

    def _prepare(self, picture: Picture) -> Inputs:
        image, instruction = picture.downscale(self.image_size), picture.question(self.instruction)
        with self._explain([picture]):
            return dict(chat_inputs(self.processor, image, instruction))

    @torch.inference_mode()
    def _answers(self, pictures: Sequence[Picture], inputs: Sequence[Inputs]) -> list[str]:
        """Caption pictures whose inputs have equal shapes."""
        filled = [*inputs, *[inputs[-1]] * (CAPTIONS_AT_ONCE - len(inputs))]
        with self._explain(pictures):
            joined = {name: torch.cat([one[name] for one in filled]) for name in inputs[0]}
            batch = BatchFeature(joined).to(self.device, dtype=self.dtype)
            tokens = self.model.generate(**batch, max_new_tokens=self.max_tokens)
            answers = tokens[: len(inputs), joined["input_ids"].shape[1] :].tolist()
        captions = []
        for picture, answer in zip(pictures, answers, strict=True):
            with self._explain([picture]):
                text = self.processor.decode(_until(answer, self.ends), skip_special_tokens=True)
                captions.append(clean_caption(text))
        return captions

    @contextmanager
    def _explain(self, pictures: Sequence[Picture]) -> Iterator[None]:
        try:
            yield
        except (ValueError, RuntimeError) as error:  # an unsupported shape, too little memory, an empty answer
            reason, names = redact_line(str(error), _MAX_CHARACTERS), join_names([one.name for one in pictures], 1)
            raise StepFailedError(
                f"the captioner {self.name!r} cannot caption {names}: {reason}; "
                "change the picture, the instruction or the model"
            ) from error


def _end_tokens(config: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    ends = config.eos_token_id
    return frozenset([] if ends is None else [ends] if isinstance(ends, int) else ends)


def _shapes(inputs: Inputs) -> _Shapes:
    return tuple((name, tuple(tensor.shape)) for name, tensor in inputs.items())


def _until(tokens: Sequence[int], ends: frozenset[int]) -> list[int]:
    """Return the tokens before the first one that ends an answer; shorter answers of a batch are padded behind it."""
    return list(takewhile(lambda token: token not in ends, tokens))


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
