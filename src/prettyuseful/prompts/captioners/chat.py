"""Questions about pictures to any server with the chat completions API of OpenAI: vLLM, llama.cpp, Ollama or a host."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import math
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import numpy as np
from PIL import Image

from prettyuseful.data.images import encode_png
from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError
from prettyuseful.prompts.captioners.base import join_names
from prettyuseful.redaction import contains_secret, redact_line

T = TypeVar("T")

_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, *range(500, 600)})
_REJECTED_STATUSES = frozenset({400, 413, 415, 422})  # the server rejects one picture but may accept others
_MAX_FAILURES = 8  # pictures; the remaining requests would cost time and money in vain
_MAX_ANSWER_BYTES = 1 << 20  # bytes
_MAX_CHARACTERS = 200  # of a server's message
_MIN_SECRET_LENGTH = 8  # characters; a shorter key is a placeholder such as "none", which an answer may contain


@dataclass(frozen=True)
class RetryPolicy:
    """When requests are repeated. All values are seconds, except `attempts`.

    The wait between attempts doubles from `first_wait` up to `max_wait`, times a random factor of 0.5 to 1.5. If the
    server sends Retry-After, all requests wait that long; more than `max_retry_after` is an error.

    Attributes:
        attempts: total number of requests per picture.
        connect_timeout: for opening a connection.
        answer_timeout: for the complete answer.
    """

    attempts: int = 6
    connect_timeout: float = 10
    answer_timeout: float = 180
    first_wait: float = 1
    max_wait: float = 60
    max_retry_after: float = 600


DEFAULT_RETRY_POLICY = RetryPolicy()


class RetryableError(Exception):
    """A request failed, but a repetition may succeed. `wait`: seconds that the server asks to wait."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


class _AskFailedError(Exception):
    """A question was not answered. `rejected`: whether the server would reject every repetition too."""

    def __init__(self, reason: str, rejected: bool) -> None:
        super().__init__(reason)
        self.rejected = rejected


@dataclass(frozen=True)
class ChatQuestion:
    """A question about an image. `name`: of the image, for errors."""

    image: Image.Image
    text: str
    name: str


@dataclass(frozen=True)
class Completion:
    """What the model answered: `text`, and the whole `choice` of the server's JSON, which may come from anybody."""

    text: str
    choice: Mapping[str, Any]


class ChatEndpoint:
    """A model behind `<url>/chat/completions`, with temperature 0 and one picture per request.

    Pictures are sent as PNG, which is lossless. The key never appears in errors, logs or records.

    Args:
        url: base URL of the server.
        model: name of the model there.
        role: what the model is for, such as `captioner`, for errors.
        settings: the settings that a rejected request may need to change, for errors.
        options: further fields of every request, such as `max_tokens`.
        concurrency: number of simultaneous requests.
        key: sent as a bearer token.
        retry_policy: when requests are repeated.
    """

    def __init__(
        self,
        url: str,
        model: str,
        role: str,
        settings: str,
        options: Mapping[str, object],
        concurrency: int,
        key: str | None = None,
        retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
    ) -> None:
        self.url, self.model, self.role, self.settings, self.options = url, model, role, settings, options
        self.concurrency, self.retry_policy = concurrency, retry_policy
        self._key = key or ""
        self._paused_until = 0.0
        self.served_models: set[str] = set()
        """The model names in the server's answers so far."""

    def ask(self, questions: Sequence[ChatQuestion], read: Callable[[Completion], T]) -> list[T]:
        """Return what `read` makes of the answer to each question, in order.

        `read`: may raise RetryableError for an answer that a repetition may improve, or UserError where no request can
        succeed.

        Raises:
            StepFailedError: a question was not answered; the message names its picture.
            UserError: the endpoint is set up wrongly, or rejects a picture.
        """
        return _run_coroutine(self._ask_all(questions, read))

    async def _ask_all(self, questions: Sequence[ChatQuestion], read: Callable[[Completion], T]) -> list[T]:
        answers: dict[int, T] = {}
        failures: list[tuple[str, _AskFailedError]] = []
        todo = iter(enumerate(questions))  # shared by all workers: a free worker takes the next question

        async def work(client: httpx2.AsyncClient) -> None:
            for index, question in todo:
                try:
                    answers[index] = await self._ask_patiently(client, question, read)
                except _AskFailedError as error:
                    failures.append((question.name, error))
                if len(failures) >= _MAX_FAILURES:
                    return

        try:
            async with self._client() as client, asyncio.TaskGroup() as group:
                for _ in range(min(self.concurrency, len(questions))):
                    group.create_task(work(client))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if failures:
            raise self._failure(failures, len(questions))
        return [answers[index] for index in range(len(questions))]

    async def _ask_patiently(
        self, client: httpx2.AsyncClient, question: ChatQuestion, read: Callable[[Completion], T]
    ) -> T:
        body, retry_policy, reason = self._body(question), self.retry_policy, ""
        for attempt in range(retry_policy.attempts):
            if attempt:
                longest = min(retry_policy.max_wait, retry_policy.first_wait * 2 ** (attempt - 1))
                # Jitter, so that simultaneous failures are not repeated simultaneously.
                await asyncio.sleep(longest * random.uniform(0.5, 1.5))
            while (pause := self._paused_until - time.monotonic()) > 0:
                await asyncio.sleep(pause + random.uniform(0, 0.1))
            try:
                return read(await self._ask(client, body))
            except RetryableError as error:
                reason = str(error)
                self._paused_until = max(self._paused_until, time.monotonic() + error.wait)
        raise _AskFailedError(f"{reason}; tried {retry_policy.attempts} times", rejected=False)

    async def _ask(self, client: httpx2.AsyncClient, body: bytes) -> Completion:
        """Send one request and return the answer.

        Raises:
            RetryableError: a repetition may succeed.
            _AskFailedError: only this picture failed.
            PrettyUsefulError: no request can succeed.
        """
        content = b""
        try:
            # This limits the whole answer: a server that sends single bytes slowly never causes a read timeout.
            async with (
                asyncio.timeout(self.retry_policy.answer_timeout),
                client.stream("POST", f"{self.url}/chat/completions", content=body) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MAX_ANSWER_BYTES:
                        break
        except TimeoutError:
            raise RetryableError(f"no answer within {self.retry_policy.answer_timeout:g} s") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise RetryableError(
                self._sanitise(f"the connection failed ({type(error).__name__}: {error}", ")")
            ) from None
        if response.status_code != 200:
            raise self._status_error(response, content)
        return self._answer(content)

    def _body(self, question: ChatQuestion) -> bytes:
        png = base64.b64encode(encode_png(np.asarray(question.image))).decode()
        content = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}},
            {"type": "text", "text": question.text},
        ]
        messages = [{"role": "user", "content": content}]
        return json.dumps({"model": self.model, "messages": messages, **self.options, "temperature": 0}).encode()

    def _answer(self, content: bytes) -> Completion:
        try:
            reply = json.loads(content)
            choice = reply["choices"][0]
            text, refused = choice["message"]["content"], choice["message"].get("refusal")
            if not isinstance(text, str | None):
                raise TypeError
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise RetryableError(
                self._sanitise(f"the answer is not a chat completion ({_error_message(content)}", ")")
            ) from None
        if refused or choice.get("finish_reason") == "content_filter":
            raise RetryableError(self._sanitise(f"the model refused ({refused or 'content filter'}", ")"))
        if text and ((len(self._key) >= _MIN_SECRET_LENGTH and self._key in text) or contains_secret(text)):
            raise RetryableError("the answer contains the API key or another secret")
        self.served_models.add(self._sanitise(str(reply.get("model", "not said"))))
        return Completion(text or "", choice)

    def _status_error(self, response: httpx2.Response, content: bytes) -> Exception:
        status = response.status_code
        reason = self._sanitise(f"HTTP {status}: {_error_message(content)}").rstrip(": ")
        if status in _TRANSIENT_STATUSES:
            wait = _retry_after_seconds(response.headers.get("Retry-After"))
            if wait > self.retry_policy.max_retry_after:
                return StepFailedError(
                    f"{self.description} asks for a wait of {wait:.0f} s ({reason}); run the study again then"
                )
            return RetryableError(reason, wait)
        if status in _REJECTED_STATUSES:
            return _AskFailedError(reason, rejected=True)
        return UserError(f"{self.description} answered {reason}; {self._advice(status)}")

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            if self._key:
                return "check the key in the environment variable of api_key_env, and its permissions"
            return "export the key as an environment variable and give the name of the variable as api_key_env"
        if 300 <= status < 400:
            return "redirects are not followed, to protect the key; set endpoint to the final address"
        return "check endpoint (a base URL that usually ends in /v1) and model"

    def _failure(self, failures: Sequence[tuple[str, _AskFailedError]], total: int) -> PrettyUsefulError:
        reasons = list(dict.fromkeys(str(error) for _, error in failures))
        rejected = any(error.rejected for _, error in failures)
        kind = UserError if rejected else StepFailedError
        rest = "; the remaining pictures were not sent" if len(failures) >= _MAX_FAILURES else ""
        advice = (
            f"check {self.settings} and these pictures"
            if rejected
            else "check that the server is running, and read its log"
        )
        return kind(
            f"{self.description} failed for {len(failures)} of {total} pictures "
            f"({join_names([name for name, _ in failures])}): {join_names(reasons, 2)}{rest}; "
            f"{advice}, then run the study again"
        )

    @property
    def description(self) -> str:
        return f"the {self.role} {self.model!r} at {self.url}"

    def _sanitise(self, text: str, end: str = "") -> str:
        """Return a server's message as one truncated line, without the key and other secrets."""
        return redact_line(text.replace(self._key, "***") if self._key else text, _MAX_CHARACTERS) + end

    def _client(self) -> httpx2.AsyncClient:
        try:
            return httpx2.AsyncClient(
                headers={
                    "Content-Type": "application/json",
                    **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
                },
                timeout=httpx2.Timeout(None, connect=self.retry_policy.connect_timeout),
                limits=httpx2.Limits(max_connections=self.concurrency),
                # A server on this machine is not behind a proxy.
                trust_env=not _on_this_machine(self.url),
            )
        except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
            # The text of the error may contain the proxy's password.
            raise UserError(
                f"{self.description} cannot be reached: proxy or certificate settings in the environment are invalid "
                f"({type(error).__name__}); correct HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE or NO_PROXY"
            ) from None


def _run_coroutine(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine and return its result, also if an event loop is already running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        busy = False
    else:
        busy = True
    if not busy:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _error_message(content: bytes) -> str:
    """Return the error message in a server's JSON answer, or the whole text."""
    text = content.decode("utf-8", "replace")
    try:
        message = json.loads(text)
        for name in ("error", "message", "detail"):
            message = (isinstance(message, dict) and message.get(name)) or message
        return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _retry_after_seconds(retry_after: str | None) -> float:
    """Return the seconds in a Retry-After header (a number or an HTTP date); 0 if it is missing or invalid."""
    if retry_after is None:
        return 0.0
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            date = parsedate_to_datetime(retry_after)
        except ValueError:
            return 0.0
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time()
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
