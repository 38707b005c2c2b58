"""Questions to any server with the chat completions API of OpenAI: vLLM, llama.cpp, Ollama or a host."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import numpy as np
from PIL import Image

from prettyuseful.data.images import encode_png
from prettyuseful.endpoints.client import (
    DEFAULT_RETRY_POLICY,
    EndpointClient,
    EndpointRole,
    RetryableError,
    RetryPolicy,
    error_message,
)

T = TypeVar("T")

_MAX_ANSWER_BYTES = 1 << 20  # bytes


@dataclass(frozen=True)
class ChatQuestion:
    """A question, about an image if there is one. `name`: of the question, for errors.

    `options`: further fields of its request, such as `temperature`, which is 0 without them.
    """

    image: Image.Image | None
    text: str
    name: str
    options: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Completion:
    """What the model answered: `text`, and the whole `choice` of the server's JSON, which may come from anybody."""

    text: str
    choice: Mapping[str, Any]


class ChatEndpoint(EndpointClient):
    """A model behind `<url>/chat/completions`, with one question per request, see `EndpointClient`.

    Pictures are sent as PNG, which is lossless.

    Args:
        words: what the model is for, for errors.
        options: further fields of every request, such as `max_tokens`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        words: EndpointRole,
        options: Mapping[str, object],
        concurrency: int,
        key: str | None = None,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    ) -> None:
        super().__init__(url, model, words, concurrency, key, retry_policy, _MAX_ANSWER_BYTES)
        self.options = options
        self.served_models: set[str] = set()

    def applied(self) -> dict[str, object]:
        """Return what is recorded of the model. `served`: the model names in the server's answers so far."""
        return {"model": self.model, "endpoint": self.url, "served": sorted(self.served_models)}

    def ask(self, questions: Sequence[ChatQuestion], read: Callable[[Completion], T]) -> list[T]:
        """Return what `read` makes of the answer to each question, in order.

        `read`: may raise RetryableError for an answer that a repetition may improve, or UserError where no request can
        succeed.

        Raises:
            StepFailedError: a question was not answered; the message names its picture.
            UserError: the endpoint is set up wrongly, or rejects a picture.
        """

        async def ask_one(client: httpx2.AsyncClient, question: ChatQuestion) -> T:
            answer = await self.send(client, "POST", f"{self.url}/chat/completions", self._body(question))
            return read(self._completion(self.content_of(answer)))

        return self.ask_all(questions, ask_one)

    def _body(self, question: ChatQuestion) -> bytes:
        content: Any = question.text
        if question.image is not None:
            png = base64.b64encode(encode_png(np.asarray(question.image))).decode()
            content = [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}},
                {"type": "text", "text": question.text},
            ]
        messages, more = [{"role": "user", "content": content}], question.options or {}
        return json.dumps(
            {"model": self.model, "messages": messages, **self.options, "temperature": 0, **more}
        ).encode()

    def _completion(self, content: bytes) -> Completion:
        try:
            reply = json.loads(content)
            choice = reply["choices"][0]
            text, refused = choice["message"]["content"], choice["message"].get("refusal")
            if not isinstance(text, str | None):
                raise TypeError
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise RetryableError(
                self.sanitise(f"the answer is not a chat completion ({error_message(content)}", ")")
            ) from None
        if refused or choice.get("finish_reason") == "content_filter":
            raise RetryableError(self.sanitise(f"the model refused ({refused or 'content filter'}", ")"))
        if text and self.has_secret(text):
            raise RetryableError("the answer contains the API key or another secret")
        self.served_models.add(self.sanitise(str(reply.get("model", "not said"))))
        return Completion(text or "", choice)
