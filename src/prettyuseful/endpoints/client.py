"""Requests to a server with an API like that of OpenAI: concurrency, retries, rate limits, a key that stays secret."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx2

from prettyuseful.endpoints.pace import Pace
from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError, join_names
from prettyuseful.redaction import contains_secret, redact_line

T = TypeVar("T")

_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, *range(500, 600)})
_REJECTED_STATUSES = frozenset({400, 413, 415, 422})  # the server rejects one item but may accept others
_MAX_FAILURES = 8  # items; the remaining requests would cost time and money in vain
_MAX_CHARACTERS = 200  # of a server's message
_MIN_SECRET_LENGTH = 8  # characters; a shorter key is a placeholder such as "none", which an answer may contain
_WEB_PAGE = re.compile(rb"\s*(?:<!doctype html|<html)", re.I)


@dataclass(frozen=True)
class RetryPolicy:
    """When requests are repeated. All values are seconds, except `attempts`.

    The wait between attempts doubles from `first_wait` up to `max_wait`, times a random factor of 0.5 to 1.5. If the
    server sends Retry-After, all requests wait that long; more than `max_retry_after` is an error.

    Attributes:
        attempts: total number of requests per item.
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
    """A request failed, but a repetition may succeed.

    `wait`: seconds that the server asks to wait. `attempts`: the most requests for an item that may fail in such a way,
    where that is less than the retry policy has; `advice`: what to do then.
    """

    def __init__(self, reason: str, wait: float = 0, attempts: int | None = None, advice: str = "") -> None:
        super().__init__(reason)
        self.wait, self.attempts, self.advice = wait, attempts, advice


class NotConnectedError(RetryableError):
    """No connection was made, so the server has not received the request."""


class ItemFailedError(Exception):
    """One item failed, and others may succeed.

    `rejected`: whether the server would reject every repetition too. `advice`: what to do, if it is special.
    """

    def __init__(self, reason: str, rejected: bool, advice: str = "") -> None:
        super().__init__(reason)
        self.rejected, self.advice = rejected, advice


@dataclass(frozen=True)
class ServerAnswer:
    """The answer to one request. `content`: at most one byte more than the limit."""

    status: int
    headers: httpx2.Headers
    content: bytes

    @property
    def message(self) -> str:
        """The error message in a JSON answer, or the whole text."""
        return error_message(self.content)


class HasName(Protocol):
    """Something that is asked for in one request; `name` is used in errors."""

    @property
    def name(self) -> str: ...


ItemT = TypeVar("ItemT", bound=HasName)


@dataclass(frozen=True)
class EndpointRole:
    """What an endpoint is used for, in the words of errors.

    `role`: such as `captioner`. `items`: what is asked for, such as `pictures`. `settings`: the settings that a
    rejected request may need to change.
    """

    role: str
    items: str
    settings: str


class EndpointClient:
    """A model behind an API like that of OpenAI. The key never appears in errors, logs or records.

    Args:
        url: base URL of the server.
        model: name of the model there.
        words: what the model is for.
        concurrency: number of simultaneous requests.
        key: sent as a bearer token.
        retry_policy: when requests are repeated.
        max_bytes: of an answer; the rest is not read.
        pace: the most requests per minute.
    """

    def __init__(
        self,
        url: str,
        model: str,
        words: EndpointRole,
        concurrency: int,
        key: str | None,
        retry_policy: RetryPolicy,
        max_bytes: int,
        pace: Pace | None = None,
    ) -> None:
        self.url, self.model, self.words, self.concurrency = url, model, words, concurrency
        self.retry_policy, self.max_bytes, self.pace = retry_policy, max_bytes, pace
        self._key = key or ""
        self._paused_until = 0.0

    def ask_all(self, items: Sequence[ItemT], ask: Callable[[httpx2.AsyncClient, ItemT], Awaitable[T]]) -> list[T]:
        """Return what `ask` returns for each item, in order.

        `ask`: makes the requests for one item with `send`. It may raise RetryableError for an answer that a
        repetition may improve, ItemFailedError, or UserError where no request can succeed. After such an error, or too
        many items that failed, nothing else is asked, and what is asked already is waited for.

        Raises:
            StepFailedError: an item failed; the message names it.
            UserError: the endpoint is set up wrongly, or rejects an item.
        """
        return _run_coroutine(self._ask_all(items, ask))

    async def _ask_all(
        self, items: Sequence[ItemT], ask: Callable[[httpx2.AsyncClient, ItemT], Awaitable[T]]
    ) -> list[T]:
        answers: dict[int, T] = {}
        failures: list[tuple[str, ItemFailedError]] = []
        fatal: list[PrettyUsefulError] = []
        todo = iter(enumerate(items))  # shared by all workers: a free worker takes the next item

        async def work(client: httpx2.AsyncClient) -> None:
            for index, item in todo:
                try:
                    answers[index] = await self._ask_patiently(lambda item=item: ask(client, item), fatal)  # type: ignore[misc]
                except ItemFailedError as error:
                    failures.append((item.name, error))
                except PrettyUsefulError as error:
                    fatal.append(error)
                if fatal or len(failures) >= _MAX_FAILURES:
                    return

        try:
            async with self._client() as client, asyncio.TaskGroup() as group:
                for _ in range(min(self.concurrency, len(items))):
                    group.create_task(work(client))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if fatal:
            raise fatal[0]
        if failures:
            raise self._failure(failures, len(items))
        return [answers[index] for index in range(len(items))]

    async def _ask_patiently(self, ask: Callable[[], Awaitable[T]], fatal: Sequence[object]) -> T:
        retry_policy, reason, advice, few = self.retry_policy, "", "", 0
        for attempt in range(retry_policy.attempts):
            if attempt:
                longest = min(retry_policy.max_wait, retry_policy.first_wait * 2 ** (attempt - 1))
                # Jitter, so that simultaneous failures are not repeated simultaneously.
                await asyncio.sleep(longest * random.uniform(0.5, 1.5))
            while (pause := self._paused_until - time.monotonic()) > 0:
                await asyncio.sleep(pause + random.uniform(0, 0.1))
            if self.pace is not None:
                await self.pace.turn()
            if fatal:
                raise ItemFailedError("another request showed that none can succeed", rejected=False)
            try:
                return await ask()
            except RetryableError as error:
                reason, advice = str(error), error.advice
                self._paused_until = max(self._paused_until, time.monotonic() + error.wait)
                if error.attempts is not None and (few := few + 1) >= error.attempts:
                    raise ItemFailedError(f"{reason}; tried {few} times", False, advice) from None
        raise ItemFailedError(f"{reason}; tried {retry_policy.attempts} times", False, advice)

    async def send(self, client: httpx2.AsyncClient, method: str, url: str, body: bytes | None = None) -> ServerAnswer:
        """Send one request and return the answer, whatever its status.

        Raises:
            RetryableError: there is no whole answer.
        """
        content = bytearray()
        try:
            # This limits the whole answer: a server that sends single bytes slowly never causes a read timeout.
            async with (
                asyncio.timeout(self.retry_policy.answer_timeout),
                client.stream(method, url, content=body) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk[: self.max_bytes + 1 - len(content)]
                    if len(content) > self.max_bytes:
                        break
        except TimeoutError:
            raise RetryableError(f"no answer within {self.retry_policy.answer_timeout:g} s") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            is_unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            kind = NotConnectedError if is_unsent else RetryableError
            raise kind(self.sanitise(f"the connection failed ({type(error).__name__}: {error}", ")")) from None
        return ServerAnswer(response.status_code, response.headers, bytes(content))

    def content_of(self, answer: ServerAnswer) -> bytes:
        """Return the content of an answer with the status 200.

        Raises:
            RetryableError: a repetition may succeed.
            ItemFailedError: only this item failed.
            PrettyUsefulError: no request can succeed.
        """
        if answer.status != 200:
            raise self._status_error(answer)
        if _WEB_PAGE.match(answer.content):
            raise UserError(
                f"{self.description} answered with a web page; check endpoint (a base URL that usually ends in /v1)"
            )
        return answer.content

    def _status_error(self, answer: ServerAnswer) -> Exception:
        status = answer.status
        reason = self.sanitise(f"HTTP {status}: {answer.message}").rstrip(": ")
        if status in _TRANSIENT_STATUSES:
            wait = _retry_after_seconds(answer.headers.get("Retry-After"))
            if wait > self.retry_policy.max_retry_after:
                return StepFailedError(
                    f"{self.description} asks for a wait of {wait:.0f} s ({reason}); run the study again then"
                )
            return RetryableError(reason, wait)
        if status in _REJECTED_STATUSES:
            return ItemFailedError(reason, rejected=True)
        return UserError(f"{self.description} answered {reason}; {self._advice(status)}")

    def has_secret(self, text: str) -> bool:
        """Whether the text of an answer contains the key or another secret."""
        return (len(self._key) >= _MIN_SECRET_LENGTH and self._key in text) or contains_secret(text)

    def sanitise(self, text: str, end: str = "") -> str:
        """Return a server's message as one truncated line, without the key and other secrets."""
        return redact_line(self.without_key(text), _MAX_CHARACTERS) + end

    def without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text

    @property
    def description(self) -> str:
        return f"the {self.words.role} {self.model!r} at {self.url}"

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            if self._key:
                return "check the key in the environment variable of api_key_env, and its permissions"
            return "export the key as an environment variable and give the name of the variable as api_key_env"
        if 300 <= status < 400:
            return "redirects are not followed, to protect the key; set endpoint to the final address"
        return "check endpoint (a base URL that usually ends in /v1) and model"

    def _failure(self, failures: Sequence[tuple[str, ItemFailedError]], total: int) -> PrettyUsefulError:
        reasons = list(dict.fromkeys(str(error) for _, error in failures))
        rejected = any(error.rejected for _, error in failures)
        kind = UserError if rejected else StepFailedError
        items = self.words.items
        rest = f"; the remaining {items} were not sent" if len(failures) >= _MAX_FAILURES else ""
        if rejected:
            advice = f"check {self.words.settings} and these {items}"
        else:
            special = (error.advice for _, error in failures if error.advice)
            advice = next(special, "check that the server is running, and read its log")
        return kind(
            f"{self.description} failed for {len(failures)} of {total} {items} "
            f"({join_names([name for name, _ in failures])}): {join_names(reasons, 2)}{rest}; "
            f"{advice}, then run the study again"
        )

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


def error_message(content: bytes) -> str:
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
