"""Captions from a model at an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from prettyuseful.endpoints.chat import ChatEndpoint, ChatQuestion, Completion
from prettyuseful.endpoints.client import DEFAULT_RETRY_POLICY, EndpointRole, RetryableError, RetryPolicy
from prettyuseful.prompts.captioners.answers import clean_caption
from prettyuseful.prompts.captioners.base import Picture


class EndpointCaptioner:
    """A captioner behind a chat endpoint, see `ChatEndpoint`."""

    def __init__(
        self,
        url: str,
        model: str,
        instruction: str,
        max_tokens: int,
        image_size: int,
        concurrency: int,
        key: str | None = None,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    ) -> None:
        self.instruction, self.max_tokens, self.image_size = instruction, max_tokens, image_size
        words = EndpointRole("captioner", "pictures", "model, instruction, max_tokens")
        self.chat = ChatEndpoint(url, model, words, {"max_tokens": max_tokens}, concurrency, key, retry_policy)

    def applied(self) -> dict[str, object]:
        """Return the settings in effect, with those of `ChatEndpoint.applied`."""
        return {
            **self.chat.applied(),
            "temperature": 0,
            "instruction": self.instruction,
            "max_tokens": self.max_tokens,
            "image_size": self.image_size,
        }

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        questions = [
            ChatQuestion(picture.downscale(self.image_size), picture.question(self.instruction), picture.name)
            for picture in pictures
        ]
        return self.chat.ask(questions, _caption)


def _caption(completion: Completion) -> str:
    try:
        return clean_caption(completion.text)
    except ValueError as error:
        raise RetryableError(str(error)) from None
