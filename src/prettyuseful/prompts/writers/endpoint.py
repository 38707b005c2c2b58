"""Prompts from a model at an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from prettyuseful.endpoints.chat import ChatEndpoint, ChatQuestion
from prettyuseful.endpoints.client import DEFAULT_RETRY_POLICY, EndpointRole, RetryableError, RetryPolicy
from prettyuseful.prompts.writers.base import WritingRequest


class EndpointWriter:
    """A writer behind a chat endpoint, see `ChatEndpoint`. Seeds are sent, which not all servers use."""

    def __init__(
        self,
        url: str,
        model: str,
        temperature: float,
        max_tokens: int,
        concurrency: int,
        key: str | None = None,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    ) -> None:
        self.temperature, self.max_tokens = temperature, max_tokens
        words = EndpointRole("writer", "requests", "model, instruction, temperature and max_tokens")
        self.chat = ChatEndpoint(url, model, words, {"max_tokens": max_tokens}, concurrency, key, retry_policy)

    def applied(self) -> dict[str, object]:
        """Return the settings in effect, with those of `ChatEndpoint.applied`."""
        return {**self.chat.applied(), "temperature": self.temperature, "max_tokens": self.max_tokens}

    def answers(self, requests: Sequence[WritingRequest]) -> list[str]:
        questions = [
            ChatQuestion(None, request.text, request.name, {"temperature": self.temperature, "seed": request.seed})
            for request in requests
        ]
        return self.chat.ask(questions, lambda completion: _not_empty(completion.text))


def _not_empty(text: str) -> str:
    if not text.strip():
        raise RetryableError("the answer is empty")
    return text
