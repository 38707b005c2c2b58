"""Hosted models: what study files say about a model behind an images endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field, JsonValue, field_validator, model_validator

from prettyuseful.endpoints.access import EndpointSettings
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.budget import Allowance

IMAGES_PER_STEP = 25
"""Images of a class that one step asks for. A step with some more images is another one, whose images are all asked for
again, so steps are small."""
NOT_REPRODUCIBLE = "a hosted model, asked without a seed: the same requests would give other images"
_OWN_FIELDS = ("model", "prompt", "n", "size")
_OTHER_ANSWERS = ("stream", "partial_images", "seed")
_MAX_OPTIONS = 64


class HostedModel(EndpointSettings):
    """A text-to-image model at an endpoint in OpenAI's form."""

    endpoint: str = Field(
        examples=["https://api.openai.com/v1"],
        description="base URL of a server with /images/generations, such as https://api.openai.com/v1",
    )
    model: str = Field(min_length=1, description="name of the model at the endpoint")
    size: str | None = Field(
        None,
        pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$",
        description="size of the images that is asked for, such as 1024x1024; default: the server's",
    )
    options: dict[str, JsonValue] = Field(
        {}, description="further fields of every request, such as {quality: low, output_format: png}"
    )
    per_minute: float | None = Field(
        None, gt=0, le=1_000_000, description="the most requests per minute, of all processes on one machine together"
    )
    timeout: float = Field(180, gt=0, le=3600, description="the longest wait for an image, in seconds")
    cost_per_image: float | None = Field(
        None, ge=0, le=1_000_000, description="what an image costs, in any currency, for plans and at_most"
    )
    at_most: float | None = Field(
        None, gt=0, le=1_000_000_000, description="what all images of the data set may cost, images that fail included"
    )

    @field_validator("options")
    @classmethod
    def _options_are_further_fields(cls, options: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in options:
            if name in _OWN_FIELDS:
                raise ValueError(f"options must not hold {name!r}, which each request has already; remove it")
            if name in _OTHER_ANSWERS:
                reason = (
                    "all images of a prompt would be the same" if name == "seed" else "answers must be whole images"
                )
                raise ValueError(f"options must not hold {name!r}: {reason}; remove it")
        if len(options) > _MAX_OPTIONS:
            raise ValueError(f"options holds {len(options)} fields; at most {_MAX_OPTIONS} are sent")
        return options

    @model_validator(mode="after")
    def _budget_has_a_cost(self) -> HostedModel:
        if self.at_most is not None and not self.cost_per_image:
            raise ValueError("at_most needs cost_per_image, the price of one image; add cost_per_image")
        return self

    @property
    def request_fields(self) -> dict[str, JsonValue]:
        """The fields of every request beside model and prompt."""
        return {**self.options, **({"size": self.size} if self.size else {})}

    def pin(self) -> Pinned[HostedModel]:
        """Pin what changes images: the name of the model and the fields of the requests. The server's address, which
        the source holds, does not."""
        content: dict[str, JsonValue] = {"kind": "endpoint", "model": self.model}
        return Pinned(source=self, content={**content, "size": self.size, "options": self.options})

    def check_budget(self, images: int) -> None:
        """Check that `images` images may be paid.

        Raises:
            DataError: they cost more than `at_most`.
        """
        if self.at_most is not None and (affordable := self._affordable) < images:
            cost = images * (self.cost_per_image or 0)
            raise DataError(
                f"{images:,} images of {self.model} at {self.cost_per_image:g} each cost {cost:,.2f}, but at_most is "
                f"{self.at_most:,.2f}, which is enough for {affordable:,}; raise at_most, or set a smaller "
                "images_per_class"
            )

    def allowances(self, sizes: Sequence[int], ledger: str) -> list[Allowance | None]:
        """Return what each step of a data set may pay, given the images that each must make; None: any number.

        What remains of `at_most` is for requests without an image that can be used. Steps that share the `ledger` take
        it as they need it. For those on machines that do not know of each other, it is divided equally.
        """
        if self.at_most is None:
            return [None] * len(sizes)
        together = max(0, self._affordable - sum(sizes))
        spare, rest = divmod(together, len(sizes))
        return [
            Allowance(images=size, alone=spare + (number < rest), together=together, ledger=ledger)
            for number, size in enumerate(sizes)
        ]

    @property
    def _affordable(self) -> int:
        """The number of images that `at_most` pays; a rounding error of floats is no image less."""
        return int((self.at_most or 0) / (self.cost_per_image or 1) + 1e-6)


def join_counts(parts: Sequence[dict[str, dict[str, int]]]) -> dict[str, Any]:
    """Return the sums of `counts` in the facts of several steps."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: dict(sum((Counter(part.get(name, {})) for part in parts), Counter[str]())) for name in names}
