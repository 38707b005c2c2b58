"""Checks a hosted model by one request, and by two more if the budget allows it: what it answers, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prettyuseful.endpoints.access import read_key
from prettyuseful.endpoints.client import RetryPolicy, ServerAnswer
from prettyuseful.endpoints.images import ImageRequest, ImagesEndpoint, ReceivedImage
from prettyuseful.errors import DataError, PrettyUsefulError, StepFailedError, UserError
from prettyuseful.generators.check_model import PROMPT
from prettyuseful.generators.contrast import has_contrast
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.interface_checks import CheckResult
from prettyuseful.redaction import redact_line

_SEED = 1234567
_LIMITS = ("ratelimit", "rate-limit", "retry-after")
_MAX_LIMITS = 12  # headers that are named
_MAX_WORDS = 200  # characters


def check_hosted(model: HostedModel, at_most: float | None, say: Callable[[str], None]) -> list[CheckResult]:
    """Ask for one image, and for two more with a seed if they may be paid; no request is repeated.

    Args:
        model: the model and its server.
        at_most: what may be paid, in the currency of `cost_per_image`; None: nothing.
        say: receives what is asked for, and what it costs, before any request.

    Raises:
        UserError: the price may not be paid, the endpoint is set up wrongly, or there is no usable image.
    """
    images = _affordable(model, at_most)
    cost = "whose price is not known" if model.cost_per_image is None else f"for {images * model.cost_per_image:,.2f}"
    say(f"asking {model.model} at {model.endpoint} for {images} image{'s' if images > 1 else ''}, {cost}")
    first = _ask(model, {})
    limits = [f"{name}: {value}" for name, value in first.headers.items() if any(word in name for word in _LIMITS)]
    image, revised = first.image, first.image.revised
    return [
        CheckResult(
            "the endpoint answers with an image",
            note=f"{image.format}, {image.width}x{image.height}, {len(image.data):,} bytes, by {image.served}",
        ),
        CheckResult(
            "the image shows something",
            None if has_contrast(first.pixels) else "the image is of one colour; check model, size and options",
        ),
        CheckResult(
            "whether prompts are revised",
            note=f"yes, the prompt became: {redact_line(revised, _MAX_WORDS)}" if revised else "not that it says so",
        ),
        CheckResult("whether a seed is honoured", note=_seed_note(model, images)),
        CheckResult(
            "rate limits in the headers", note=redact_line(", ".join(limits[:_MAX_LIMITS]), _MAX_WORDS) or "none"
        ),
    ]


def _affordable(model: HostedModel, at_most: float | None) -> int:
    """Return how many images to ask for: one, or three to try a seed.

    Raises:
        DataError: not even one may be paid.
    """
    price = model.cost_per_image
    if price is None:
        return 1
    if price == 0:
        return 3
    if at_most is None or not at_most >= price - 1e-9:  # not a number is no permission
        raise DataError(
            f"an image of {model.model} costs {price:,.2f}; allow it with --at-most {_shown(price)}, or with --at-most "
            f"{_shown(3 * price)} to try a seed, too"
        )
    return 3 if at_most >= 3 * price - 1e-9 else 1


def _shown(money: float) -> str:
    """Return an amount that is not rounded down, so that it suffices."""
    return f"{math.ceil(money * 10_000 - 1e-6) / 10_000:g}"


def _seed_note(model: HostedModel, images: int) -> str:
    if images < 3:
        how = "set cost_per_image" if model.cost_per_image is None else "raise --at-most"
        return f"not tried, because it takes two more images; {how}"
    try:
        first, second = (_ask(model, {"seed": _SEED}).pixels for _ in range(2))
    except PrettyUsefulError as error:
        return redact_line(f"no: {error}", _MAX_WORDS)
    same = np.array_equal(first, second)
    return "yes, two requests gave one image" if same else "no, two requests with one seed gave different images"


@dataclass
class _Answer:
    image: ReceivedImage
    pixels: np.ndarray
    headers: Mapping[str, str]


def _ask(model: HostedModel, more: Mapping[str, Any]) -> _Answer:
    """Send one request.

    Raises:
        UserError: there is no usable image.
    """
    policy = RetryPolicy(attempts=1, answer_timeout=model.timeout)
    endpoint = _Observed(model, {**model.request_fields, **more}, policy)
    received: list[tuple[ReceivedImage, np.ndarray]] = []
    try:
        endpoint.ask(
            [ImageRequest(0, PROMPT, "the image")],
            lambda _, image, pixels: received.append((image, np.asarray(pixels.convert("RGB")))),
        )
    except (StepFailedError, UserError) as error:
        raise UserError(str(error).removesuffix(", then run the study again")) from error
    image, pixels = received[0]
    return _Answer(image, pixels, {name.lower(): value for name, value in endpoint.headers.items()})


class _Observed(ImagesEndpoint):
    """An endpoint whose last answer to a request for an image is kept."""

    def __init__(self, model: HostedModel, options: Mapping[str, Any], policy: RetryPolicy) -> None:
        key = read_key(model.api_key_env)
        super().__init__(model.endpoint, model.model, options, 1, key, policy, None, _NoLog())
        self.headers: Mapping[str, str] = {}

    async def send(self, client: Any, method: str, url: str, body: bytes | None = None) -> ServerAnswer:
        answer = await super().send(client, method, url, body)
        if method == "POST":
            self.headers = answer.headers
        return answer


class _NoLog:
    def sent(self, index: int) -> None: ...

    def free(self, index: int) -> None: ...

    def refused(self, index: int) -> None: ...
