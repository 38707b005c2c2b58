"""Images from any server with the images API of OpenAI, `<url>/images/generations`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx2
from PIL import Image

from prettyuseful.data.images import open_image
from prettyuseful.endpoints.client import (
    EndpointClient,
    EndpointRole,
    NotConnectedError,
    RetryableError,
    RetryPolicy,
    ServerAnswer,
)
from prettyuseful.endpoints.pace import Pace
from prettyuseful.errors import DataError, UserError
from prettyuseful.redaction import redact_line

SUFFIXES: Mapping[str, str] = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
"""The formats that are kept as received, and the suffixes of their files."""
MAX_IMAGE_BYTES = 48 << 20
"""A larger image is refused: a PNG of 4096 x 4096 pixels has at most 48 MB."""
ATTEMPTS = 3
"""The most requests for one image that the server refuses, or answers without an image that can be used. Each may cost
money."""
_MAX_ANSWER_BYTES = MAX_IMAGE_BYTES // 3 * 4 + (1 << 20)
_DOWNLOADS = 3  # of an image that is paid for
_MAX_PROMPT = 2_000  # characters of a revised prompt that are kept
_REFUSAL = re.compile(
    r"moderation|content[ _-]?(?:policy|filter|polic)|safety|polic(?:y|ies)[ _-]?violation|responsible ?ai|nsfw", re.I
)
_REFUSING_STATUSES = (400, 403, 422, 451)
_REFUSED = (
    "change these prompts, or leave the class out of the task: with fewer images than asked for, the classes would be "
    "unequal, and the rest would be what the filter lets through"
)


@dataclass(frozen=True)
class ImageRequest:
    """One image that is asked for: its number, its prompt, and its `name` for errors."""

    index: int
    prompt: str
    name: str


@dataclass(frozen=True)
class ReceivedImage:
    """An image as the server sent it, and what it said about it.

    `data`: the bytes, which decode to an image of the format `format` (`JPEG`, `PNG` or `WEBP`). `width`, `height`: in
    pixels. `served`: the name of the model in the answer. `revised`: the prompt that the server used instead of the
    one of the request, if it said so.
    """

    data: bytes
    format: str
    width: int
    height: int
    served: str
    revised: str | None


class RequestLog(Protocol):
    """Receives what happens to the requests for each image, by its number. It may stop a request by an exception."""

    def sent(self, index: int) -> None:
        """A request is about to be sent."""

    def free(self, index: int) -> None:
        """The last request was answered with an error or did not reach the server, so nothing is charged."""

    def refused(self, index: int) -> None:
        """The last request was refused by a content filter, so nothing is charged."""


class ImagesEndpoint(EndpointClient):
    """A text-to-image model behind `<url>/images/generations`, with one image per request, see `EndpointClient`.

    Args:
        options: further fields of every request, such as `size`.
        log: receives what happens to every request.
    """

    def __init__(
        self,
        url: str,
        model: str,
        options: Mapping[str, object],
        concurrency: int,
        key: str | None,
        retry_policy: RetryPolicy,
        pace: Pace | None,
        log: RequestLog,
    ) -> None:
        words = EndpointRole("generator", "images", "model, size and options")
        super().__init__(url, model, words, concurrency, key, retry_policy, _MAX_ANSWER_BYTES, pace)
        self.options, self.log = options, log

    def ask(
        self, requests: Sequence[ImageRequest], receive: Callable[[ImageRequest, ReceivedImage, Image.Image], None]
    ) -> None:
        """Ask for images. `receive` is called with each one and its pixels as soon as it arrives, in another thread.

        It may raise RetryableError for an image that cannot be used.

        Raises:
            StepFailedError: an image was not made; the message names it.
            UserError: the endpoint is set up wrongly, or rejects a request.
        """

        async def ask_one(client: httpx2.AsyncClient, request: ImageRequest) -> None:
            image = await self._ask(client, request)
            await asyncio.to_thread(self._read, request, *image, receive)

        self.ask_all(requests, ask_one)

    async def _ask(self, client: httpx2.AsyncClient, request: ImageRequest) -> tuple[bytes, str, str | None]:
        """Return the bytes of an image, the name of the model, and the revised prompt."""
        body = json.dumps({**self.options, "model": self.model, "prompt": request.prompt, "n": 1}).encode()
        self.log.sent(request.index)
        try:
            answer = await self.send(client, "POST", f"{self.url}/images/generations", body)
        except NotConnectedError:
            self.log.free(request.index)
            raise
        if _is_refusal(answer):
            self.log.refused(request.index)
            reason = self.sanitise(f"refused: HTTP {answer.status}: {answer.message}")
            raise RetryableError(reason, attempts=ATTEMPTS, advice=_REFUSED)
        if answer.status != 200:
            self.log.free(request.index)
        reply = self._reply(self.content_of(answer))
        image = reply["data"][0]
        if isinstance(text := image.get("b64_json"), str):
            data = _from_base64(text)
        elif isinstance(url := image.get("url"), str):
            data = _from_base64(url) if url.startswith("data:") else await self._download(client, url)
        else:
            raise _unusable("the answer holds neither b64_json nor url")
        served = self.sanitise(str(reply.get("model") or "not said"))
        revised = image.get("revised_prompt")
        is_revised = isinstance(revised, str) and revised.strip() != request.prompt.strip()
        return data, served, redact_line(self.without_key(revised), _MAX_PROMPT) if is_revised else None

    def _reply(self, content: bytes) -> dict[str, Any]:
        if len(content) > self.max_bytes:
            raise _unusable(f"the answer has more than {self.max_bytes >> 20} MB")
        try:
            reply = json.loads(content)
            if isinstance(reply, dict) and isinstance(reply["data"][0], dict):
                return reply
        except (ValueError, LookupError, TypeError, RecursionError):
            pass
        raise _unusable(self.sanitise(f"the answer holds no image ({content[:1_000].decode('utf-8', 'replace')}", ")"))

    async def _download(self, client: httpx2.AsyncClient, url: str) -> bytes:
        """Fetch an image from the server of the endpoint.

        Raises:
            UserError: it is on another server.
        """
        address = _absolute(self.url, url)
        if (origin := _origin(address)) is None or origin != _origin(self.url):
            raise UserError(
                f"{self.description} links to an image on another server ({self.sanitise(_host(address))}), which is "
                "not fetched; ask for the image itself, such as options: {response_format: b64_json}"
            )
        for attempt in range(_DOWNLOADS):
            try:
                answer = await self.send(client, "GET", address)
                if answer.status >= 400:  # what is wrong with one image says nothing about the endpoint
                    raise RetryableError(f"HTTP {answer.status}")
                data = self.content_of(answer)
            except RetryableError as error:
                if attempt + 1 == _DOWNLOADS:
                    raise _unusable(f"the image cannot be downloaded ({error})") from None
                await asyncio.sleep(self.retry_policy.first_wait * 2**attempt)
                continue
            if len(data) > MAX_IMAGE_BYTES:
                raise _unusable(f"the image has more than {MAX_IMAGE_BYTES >> 20} MB")
            return data
        raise AssertionError

    def _read(
        self,
        request: ImageRequest,
        data: bytes,
        served: str,
        revised: str | None,
        receive: Callable[[ImageRequest, ReceivedImage, Image.Image], None],
    ) -> None:
        try:
            pixels, facts = open_image(data, "the answer")
        except DataError as error:
            raise _unusable(str(error)) from None
        if facts.format not in SUFFIXES:
            raise UserError(
                f"{self.description} made a {facts.format} image; ask for PNG, JPEG or WebP, such as options: "
                "{output_format: png}"
            )
        receive(request, ReceivedImage(data, facts.format, facts.width, facts.height, served, revised), pixels)


def _is_refusal(answer: ServerAnswer) -> bool:
    """Whether a content filter refused a request, and no setting is wrong."""
    if answer.status not in _REFUSING_STATUSES:
        return False
    text = answer.content[:10_000].decode("utf-8", "replace")
    try:
        error = json.loads(text)["error"]
        words = " ".join(str(error.get(name)) for name in ("code", "type", "message"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        words = text
    return _REFUSAL.search(words) is not None


def _from_base64(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _unusable("the image is not valid base64") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise _unusable(f"the image has more than {MAX_IMAGE_BYTES >> 20} MB")
    return data


def _unusable(reason: str) -> RetryableError:
    return RetryableError(reason, attempts=ATTEMPTS, advice="read the log of the server, and check model and options")


def _absolute(base: str, url: str) -> str:
    """Return an address that may be relative to the server; an empty text if it is none."""
    try:
        return urljoin(f"{base}/", url)
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port; None if the URL has none, or holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "not said"
    except ValueError:
        return "not said"
