"""Questions about images to a model at an OpenAI-compatible endpoint that returns log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import exp, isfinite
from typing import Any

from prettyuseful.encoders.questions import Answer, Question
from prettyuseful.endpoints.chat import ChatEndpoint, ChatQuestion, Completion
from prettyuseful.endpoints.client import DEFAULT_RETRY_POLICY, EndpointRole, RetryableError, RetryPolicy
from prettyuseful.errors import UserError
from prettyuseful.prompts.captioners.base import Picture

_TOP = 20
"""The most alternatives to a token that OpenAI's API returns."""
_BLANKS = " \t\r\n\N{LOWER ONE EIGHTH BLOCK}\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"
"""Blanks, also as tokenizers write them."""
_OPTIONS = {"max_tokens": 1, "logprobs": True, "top_logprobs": _TOP}


class EndpointQuestions:
    """A vision-language model behind `<url>/chat/completions`, as vLLM and others serve it.

    The probabilities are those of the first token of the answer, of which the server returns the most likely ones. All
    spellings of yes are added up, and of no, whatever their case and blanks. An answer that is not among these tokens
    counts as impossible.
    """

    at_once = 256

    def __init__(
        self,
        url: str,
        model: str,
        concurrency: int,
        key: str | None = None,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    ) -> None:
        words = EndpointRole("vision-language model", "pictures", "model")
        self.chat = ChatEndpoint(url, model, words, _OPTIONS, concurrency, key, retry_policy)

    def answers(self, questions: Sequence[Question], short_side: int) -> list[Answer]:
        asked = [
            ChatQuestion(Picture(question.image, "", question.name).downscale(short_side), question.text, question.name)
            for question in questions
        ]
        return self.chat.ask(asked, self._answer)

    def _answer(self, completion: Completion) -> Answer:
        tokens = completion.choice.get("logprobs")
        if not tokens or not isinstance(tokens, dict) or not tokens.get("content"):
            raise UserError(
                f"{self.chat.description} returns no log-probabilities (logprobs and top_logprobs); use a server that "
                "does, such as vLLM, or a model on this machine"
            )
        try:
            first = tokens["content"][0]
            found = [*_probabilities(first.get("top_logprobs") or [first])]
        except (LookupError, TypeError, ValueError, AttributeError):
            raise RetryableError("the log-probabilities of the answer cannot be read") from None
        yes, no = (sum(p for word, p in found if word == wanted) for wanted in ("yes", "no"))
        if not yes + no:
            raise RetryableError(f"neither yes nor no is among the {len(found)} most likely beginnings of the answer")
        return Answer(yes / (yes + no), min(1.0, yes + no))


def _probabilities(tokens: Any) -> Iterator[tuple[str, float]]:
    """Yield each token as a word in small letters, with its probability.

    Raises:
        ValueError: a probability is not one.
    """
    for token in islice(tokens, _TOP):
        log = float(token["logprob"])
        if not isfinite(log):  # -inf in JSON is not a number; servers write -9999 for impossible
            raise ValueError
        yield str(token["token"]).strip(_BLANKS).casefold(), exp(min(0.0, log))
