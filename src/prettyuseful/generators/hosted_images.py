"""Requests for the images of a hosted model, each of which is kept as soon as it arrives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from prettyuseful.endpoints.access import read_key
from prettyuseful.endpoints.client import RetryableError, RetryPolicy
from prettyuseful.endpoints.images import ATTEMPTS, ImageRequest, ImagesEndpoint, ReceivedImage
from prettyuseful.endpoints.pace import Pace
from prettyuseful.errors import StepFailedError
from prettyuseful.generators.budget import Budget
from prettyuseful.generators.contrast import has_contrast
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.generators.kept_images import KeptImages


@dataclass(frozen=True)
class RequestedImages:
    """Images that a server sent, in the order of the requests, and how often what happened.

    `counts`: numbers of `requests_sent`, `requests_refused`, `requests_charged` (or that may have been) and
    `blank_images`, which are of one colour.
    """

    images: tuple[ReceivedImage, ...]
    counts: dict[str, int]


def request_images(
    model: HostedModel,
    requests: Sequence[ImageRequest],
    kept: KeptImages,
    budget: Budget | None,
    progress: Callable[[float], None],
    retry_policy: RetryPolicy,
) -> RequestedImages:
    """Ask for the images that are not kept yet, keep each as soon as it arrives, and return all.

    An image of one colour is asked for again, and so is one that a content filter refuses, up to three times in all.

    Args:
        model: the model and its server.
        requests: one per image.
        kept: the images that earlier runs have received.
        budget: what may be paid, earlier runs included; None: any number of requests.
        progress: called with the share of the images that have arrived.
        retry_policy: when requests are repeated.

    Raises:
        StepFailedError: an image was not made, or would cost more than `budget`. Those that arrived are kept.
        UserError: the endpoint is set up wrongly, or rejects a request.
    """
    log = _Log(model, kept, budget)
    pace = None if model.per_minute is None else Pace(model.per_minute, f"{model.endpoint} {model.api_key_env}")
    fields, key, concurrency = model.request_fields, read_key(model.api_key_env), model.concurrency
    endpoint = ImagesEndpoint(model.endpoint, model.model, fields, concurrency, key, retry_policy, pace, log)

    def receive(request: ImageRequest, image: ReceivedImage, pixels: Image.Image) -> None:
        if not has_contrast(np.asarray(pixels)):
            kept.count("blank", request.index)
            raise RetryableError("the image is of one colour", attempts=ATTEMPTS, advice="change these prompts")
        kept.keep(request.index, image)
        progress(len(kept) / len(requests))

    loaded = {request.index: kept.load(request.index) for request in requests}
    if missing := [request for request in requests if loaded[request.index] is None]:
        endpoint.ask(missing, receive)
        loaded |= {request.index: kept.load(request.index) for request in missing}
    images = [image for image in loaded.values() if image is not None]
    if len(images) != len(requests):
        raise StepFailedError(f"received images of {model.model} disappeared from {kept.folder}; run the study again")
    counts = {
        "requests_sent": kept.counts["sent"],
        "requests_refused": kept.counts["refused"],
        "requests_charged": kept.charged,
        "blank_images": kept.counts["blank"],
    }
    return RequestedImages(tuple(images), counts)


@dataclass(frozen=True)
class _Log:
    """Counts requests, and stops before one that would cost more than the budget."""

    model: HostedModel
    kept: KeptImages
    budget: Budget | None

    def sent(self, index: int) -> None:
        if self.budget is not None and not self.budget.permits(charged := self.kept.charged):
            cost, images = self.model.cost_per_image or 0, self.budget.allowance.images
            raise StepFailedError(
                f"at_most would be exceeded: of {self.model.at_most:,.2f}, {self.budget.further * cost:,.2f} are for "
                f"requests without an image that can be used, and are spent; {charged} requests of this step for "
                f"{charged * cost:,.2f} were or may have been charged; {len(self.kept)} of its {images} images exist "
                "and are kept; raise at_most, and run the study again"
            )
        self.kept.count("sent", index)

    def free(self, index: int) -> None:
        self.kept.count("free", index)

    def refused(self, index: int) -> None:
        self.kept.count("refused", index)


def summarise(received: RequestedImages, class_name: str) -> dict[str, dict[str, int]]:
    """Return what is said about the images of a class in records: numbers by the model's version, format and size as
    received, and numbers of requests by class."""
    images = received.images
    sizes = Counter(f"{image.width}x{image.height}" for image in images)
    of_class = {name: {class_name: number} for name, number in received.counts.items() if number}
    revised = sum(image.revised is not None for image in images)
    return {
        "model_served": dict(Counter(image.served for image in images)),
        "formats_received": dict(Counter(image.format for image in images)),
        "sizes_received": dict(sizes),
        **of_class,
        **({"prompts_revised": {class_name: revised}} if revised else {}),
    }
