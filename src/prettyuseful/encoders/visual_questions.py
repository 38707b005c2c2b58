"""Vision-language models of transformers that answer a question about an image with yes or no, as a probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from prettyuseful.encoders.questions import Answer, Question
from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.hub.pretrained import load_pretrained, model_label
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import Picture
from prettyuseful.prompts.captioners.vision_language import chat_inputs, vision_language_kind
from prettyuseful.redaction import redact_line

_MAX_CHARACTERS = 200
_KIND = vision_language_kind("vision-language model")
_ANSWERS = (("Yes", "yes", " Yes", " yes"), ("No", "no", " No", " no"))


class VisualQuestionModel:
    """A vision-language chat model from a folder or from the hub (`owner/name` or `owner/name@revision`).

    The probabilities are those of the first token of the answer. Images are asked about one by one, so that an answer
    depends on its image and question only. Code and pickle files of a model are never executed.

    Raises:
        DataError: the model cannot be loaded, weights are missing, or it has no chat template or no tokens for yes and
            no.
    """

    at_once = 1

    def __init__(self, model: str, numerics: Numerics) -> None:
        self.name, self.device = model_label(model), numerics.device
        self.dtype = getattr(torch, numerics.dtype)
        self.processor, self.model = load_pretrained(_KIND, model, self.dtype)
        if not getattr(self.processor, "chat_template", None):
            raise DataError(
                f"the vision-language model {self.name!r} has no chat template; give a model that is tuned for chat"
            )
        yes, no = map(self._first_tokens, _ANSWERS)
        self.yes, self.no = sorted(yes - no), sorted(no - yes)
        if not self.yes or not self.no:
            raise DataError(
                f"the tokenizer of the vision-language model {self.name!r} has no tokens for yes and no; give another "
                "model"
            )
        self.model.to(self.device).eval()

    def answers(self, questions: Sequence[Question], short_side: int) -> list[Answer]:
        """Return one answer per question, see `answer`."""
        return [self.answer(question.image, question.name, question.text, short_side) for question in questions]

    @torch.inference_mode()
    def answer(self, image: Image.Image, name: str, question: str, short_side: int) -> Answer:
        """Return the probabilities of the answer to a question about an image.

        Args:
            image: RGB. It is downscaled to a short side of at most `short_side` pixels.
            name: of the image, for errors.
            question: that can be answered with yes or no.
            short_side: in pixels.

        Raises:
            StepFailedError: the model does not support the image.
        """
        small = Picture(image, "", name).downscale(short_side)
        try:
            inputs = chat_inputs(self.processor, small, question).to(self.device, dtype=self.dtype)
            logs = self.model(**inputs).logits[0, -1].double().log_softmax(dim=-1).cpu()
        except (ValueError, RuntimeError) as error:  # an unsupported shape, or too little memory
            reason = redact_line(str(error), _MAX_CHARACTERS)
            raise StepFailedError(
                f"the vision-language model {self.name!r} cannot answer about {name}: {reason}; change the image or "
                "the model"
            ) from error
        yes, no = logs[self.yes].logsumexp(0), logs[self.no].logsumexp(0)
        return Answer(float(torch.sigmoid(yes - no)), float(yes.exp() + no.exp()))

    def _first_tokens(self, words: Sequence[str]) -> set[int]:
        """Return the first token of each word that the tokenizer knows."""
        tokenizer: Any = self.processor.tokenizer
        tokens = [tokenizer(word, add_special_tokens=False)["input_ids"][:1] for word in words]
        return {int(token) for first in tokens for token in first if token != tokenizer.unk_token_id}
