"""Prompts from any text-generation model of the transformers library that is tuned for chat, on this machine."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.hub.pretrained import ModelKind, load_pretrained, model_label
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.writers.base import WritingRequest
from prettyuseful.redaction import redact_line

_KIND = ModelKind(
    AutoModelForCausalLM,
    AutoTokenizer,
    "writer",
    "it is not a text-generation model of transformers, or incomplete; give a model of that type",
)
_MAX_CHARACTERS = 200


class LanguageModelWriter:
    """A chat model from a folder or from the hub (`owner/name` or `owner/name@revision`).

    Answers are sampled from the whole distribution at `temperature`, one request at a time with its own seed, so that
    an answer depends on no other request. Code and pickle files of a model are never executed.

    Raises:
        DataError: the model cannot be loaded, weights are missing, or it has no chat template.
    """

    def __init__(self, model: str, temperature: float, max_tokens: int, numerics: Numerics) -> None:
        self.name, self.temperature, self.max_tokens = model_label(model), temperature, max_tokens
        self.device, dtype = numerics.device, getattr(torch, numerics.dtype)
        self.tokenizer, self.model = load_pretrained(_KIND, model, dtype)
        if not getattr(self.tokenizer, "chat_template", None):
            raise DataError(f"the writer {self.name!r} has no chat template; give a model that is tuned for chat")
        options = {"do_sample": True, "num_beams": 1, "temperature": temperature, "top_p": 1.0, "top_k": 0}
        self.model.generation_config.update(**options)
        self.model.to(self.device).eval()

    def applied(self) -> dict[str, object]:
        return {
            "model": self.name,
            "architecture": type(self.model).__name__,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def answers(self, requests: Sequence[WritingRequest]) -> list[str]:
        return [self._answer(request) for request in requests]

    @torch.inference_mode()
    def _answer(self, request: WritingRequest) -> str:
        devices = [torch.cuda.current_device()] if self.device == "cuda" else []
        try:
            inputs = self.tokenizer.apply_chat_template(
                [{"role": "user", "content": request.text}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self.device)
            with torch.random.fork_rng(devices):
                torch.manual_seed(request.seed)
                tokens = self.model.generate(**inputs, max_new_tokens=self.max_tokens)
        except (ValueError, RuntimeError) as error:  # an unsupported template, too little memory
            reason = redact_line(str(error), _MAX_CHARACTERS)
            raise StepFailedError(
                f"the writer {self.name!r} cannot answer the request {request.name}: {reason}; change the model or "
                "max_tokens"
            ) from error
        answer = tokens[0, inputs["input_ids"].shape[1] :]
        return str(self.tokenizer.decode(answer, skip_special_tokens=True))
