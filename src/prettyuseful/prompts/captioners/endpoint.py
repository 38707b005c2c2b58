"""Captions from any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, or a hosted model."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import math
import random
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
import numpy as np

from prettyuseful.data.images import encode_png
from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError, one_line
from prettyuseful.prompts.captioners.base import Picture, cleaned, listed

T = TypeVar("T")

_PASSING = frozenset({408, 409, 425, 429, *range(500, 600)})
_OF_ONE_PICTURE = frozenset({400, 413, 415, 422})  # a server may refuse one picture and take the next
_ENOUGH_FAILURES = 8  # pictures; the rest is then not asked for: it costs time and money, and comes to nothing
_LARGEST_ANSWER = 1 << 20  # bytes
_SHOWN = 200  # characters of what a server says
_SECRET = 8  # characters; a shorter key is a placeholder such as "none", which a caption may well hold


@dataclass(frozen=True)
class Patience:
    """Seconds, but for `tries`: requests per picture in all.

    The wait between tries doubles from `first_wait` to `longest_wait`, times a random factor of 0.5 to 1.5. What a
    server asks for by Retry-After all requests wait for; if it is more than `longest_asked`, that is an error.
    """

    tries: int = 6
    connect: float = 10
    answer: float = 180
    first_wait: float = 1
    longest_wait: float = 60
    longest_asked: float = 600


PATIENCE = Patience()


class _TryAgainError(Exception):
    """A try failed and the next may not. `wait`: how many seconds the server asks for."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


class _NoCaptionError(Exception):
    """A picture failed for good. `rejected`: the server would refuse the request however often it is asked."""

    def __init__(self, reason: str, rejected: bool) -> None:
        super().__init__(reason)
        self.rejected = rejected


class EndpointCaptioner:
    """A model behind `<url>/chat/completions`, asked at temperature 0, one picture per request.

    Pictures travel as PNG, so that the server sees the very pixels. The key is in no error, log or record.
    """

    def __init__(
        self,
        url: str,
        model: str,
        instruction: str,
        max_tokens: int,
        image_size: int,
        concurrency: int,
        key: str | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self.url, self.model, self.instruction = url, model, instruction
        self.max_tokens, self.image_size, self.concurrency = max_tokens, image_size, concurrency
        self.patience = patience
        self._key = key or ""
        self._quiet_until = 0.0
        self._served: set[str] = set()

    def applied(self) -> dict[str, object]:
        """`served`: what the server itself has called the model so far."""
        return {
            "model": self.model,
            "endpoint": self.url,
            "served": sorted(self._served),
            "temperature": 0,
            "instruction": self.instruction,
            "max_tokens": self.max_tokens,
            "image_size": self.image_size,
        }

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        return _finished(self._captions(pictures))

    async def _captions(self, pictures: Sequence[Picture]) -> list[str]:
        captions = [""] * len(pictures)
        failures: list[tuple[str, _NoCaptionError]] = []
        todo = iter(enumerate(pictures))  # shared: a picture goes to the next worker that is free

        async def work(client: httpx2.AsyncClient) -> None:
            for index, picture in todo:
                try:
                    captions[index] = await self._caption(client, picture)
                except _NoCaptionError as error:
                    failures.append((picture.name, error))
                if len(failures) >= _ENOUGH_FAILURES:
                    return

        try:
            async with self._client() as client, asyncio.TaskGroup() as group:
                for _ in range(min(self.concurrency, len(pictures))):
                    group.create_task(work(client))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if failures:
            raise self._failure(failures, len(pictures))
        return captions

    async def _caption(self, client: httpx2.AsyncClient, picture: Picture) -> str:
        body, patience, reason = self._body(picture), self.patience, ""
        for attempt in range(patience.tries):
            if attempt:
                longest = min(patience.longest_wait, patience.first_wait * 2 ** (attempt - 1))
                # Jitter, lest all who failed together come back together.
                await asyncio.sleep(longest * random.uniform(0.5, 1.5))
            while (quiet := self._quiet_until - time.monotonic()) > 0:
                await asyncio.sleep(quiet + random.uniform(0, 0.1))
            try:
                return await self._ask(client, body)
            except _TryAgainError as error:
                reason = str(error)
                self._quiet_until = max(self._quiet_until, time.monotonic() + error.wait)
        raise _NoCaptionError(f"{reason}; tried {patience.tries} times", rejected=False)

    async def _ask(self, client: httpx2.AsyncClient, body: bytes) -> str:
        """One try.

        Raises:
            _TryAgainError, _NoCaptionError, PrettyUsefulError: the next try, the next picture or nothing may do better.
        """
        content = b""
        try:
            # A limit on the whole answer: a server that drips a byte now and then never meets a read timeout.
            async with (
                asyncio.timeout(self.patience.answer),
                client.stream("POST", f"{self.url}/chat/completions", content=body) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST_ANSWER:
                        break
        except TimeoutError:
            raise _TryAgainError(f"no answer within {self.patience.answer:g} s") from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise _TryAgainError(self._safe(f"the connection failed ({type(error).__name__}: {error}", ")")) from None
        if response.status_code != 200:
            raise self._refusal(response, content)
        return self._answer(content)

    def _body(self, picture: Picture) -> bytes:
        png = base64.b64encode(encode_png(np.asarray(picture.shrunk(self.image_size)))).decode()
        content = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}},
            {"type": "text", "text": picture.question(self.instruction)},
        ]
        request = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.max_tokens,
            "temperature": 0,
        }
        return json.dumps(request).encode()

    def _answer(self, content: bytes) -> str:
        try:
            reply = json.loads(content)
            choice = reply["choices"][0]
            text, refused = choice["message"]["content"], choice["message"].get("refusal")
            if not isinstance(text, str | None):
                raise TypeError
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise _TryAgainError(self._safe(f"an answer that is no chat completion ({_said(content)}", ")")) from None
        if refused or choice.get("finish_reason") == "content_filter":
            raise _TryAgainError(self._safe(f"a refusal ({refused or 'content filter'}", ")"))
        if text and len(self._key) >= _SECRET and self._key in text:
            raise _TryAgainError("an answer that holds the API key")
        self._served.add(self._safe(str(reply.get("model", "not said"))))
        try:
            return cleaned(text or "")
        except ValueError as error:
            raise _TryAgainError(str(error)) from None

    def _refusal(self, response: httpx2.Response, content: bytes) -> Exception:
        status = response.status_code
        reason = self._safe(f"HTTP {status}: {_said(content)}").rstrip(": ")
        if status in _PASSING:
            wait = _asked_wait(response.headers.get("Retry-After"))
            if wait > self.patience.longest_asked:
                return StepFailedError(f"{self._who} asks to wait {wait:.0f} s ({reason}); run the study again then")
            return _TryAgainError(reason, wait)
        if status in _OF_ONE_PICTURE:
            return _NoCaptionError(reason, rejected=True)
        return UserError(f"{self._who} says {reason}; {self._advice(status)}")

    def _advice(self, status: int) -> str:
        if status in (401, 403):
            if self._key:
                return "check the key in the variable that api_key_env names, and what that key may do"
            return "export a key and give the name of its variable as api_key_env"
        if 300 <= status < 400:
            return "it redirects, which would take the key elsewhere; give the final address as endpoint"
        return "check endpoint, a base URL that usually ends in /v1, and the name of the model"

    def _failure(self, failures: Sequence[tuple[str, _NoCaptionError]], total: int) -> PrettyUsefulError:
        reasons = list(dict.fromkeys(str(error) for _, error in failures))
        rejected = any(error.rejected for _, error in failures)
        kind = UserError if rejected else StepFailedError
        rest = "; the rest was not asked for" if len(failures) >= _ENOUGH_FAILURES else ""
        advice = (
            "check model, instruction, max_tokens and these pictures"
            if rejected
            else "check that the server runs, and what it logs"
        )
        return kind(
            f"{self._who} gave no caption for {len(failures)} of {total} pictures "
            f"({listed([name for name, _ in failures])}): {listed(reasons, 2)}{rest}; {advice}, then run it again"
        )

    @property
    def _who(self) -> str:
        return f"the captioner {self.model!r} at {self.url}"

    def _safe(self, text: str, end: str = "") -> str:
        """One line of what a server says, cut, without the key."""
        text = one_line(text)
        return (text.replace(self._key, "***") if self._key else text)[:_SHOWN] + end

    def _client(self) -> httpx2.AsyncClient:
        try:
            return httpx2.AsyncClient(
                headers={
                    "Content-Type": "application/json",
                    **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
                },
                timeout=httpx2.Timeout(None, connect=self.patience.connect),
                limits=httpx2.Limits(max_connections=self.concurrency),
                # A proxy leads out of this machine; what runs on it is not behind one.
                trust_env=not _on_this_machine(self.url),
            )
        except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
            # Its text may hold the proxy's password.
            raise UserError(
                f"{self._who} cannot be reached: the proxy or certificates that the environment names are of no use "
                f"({type(error).__name__}); mend HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE, or set NO_PROXY"
            ) from None


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, also where an event loop is running already, as in a notebook."""
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


def _said(content: bytes) -> str:
    """What a server says went wrong: the message in its JSON, or its text."""
    text = content.decode("utf-8", "replace")
    try:
        said = json.loads(text)
        for name in ("error", "message", "detail"):
            said = (isinstance(said, dict) and said.get(name)) or said
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _asked_wait(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for, as a number or an HTTP date; 0 if it asks for nothing sensible."""
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
