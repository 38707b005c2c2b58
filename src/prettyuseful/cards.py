"""GPUs: their memory and rates, and the time that counted operations are expected to take on them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.numerics import DType, Numerics
from prettyuseful.registry import Registry
from prettyuseful.untrusted_text import MAX_JSON_BYTES, load_json, read_text

Format = Literal["16-bit", "tf32", "float32"]
"""Number formats that differ in speed; bfloat16 and float16 do not."""
Network = Literal["generator", "classifier"]
LAUNCH_SECONDS = 5e-6
"""Assumed seconds of a CPU to launch one kernel; a step takes at least this time for each of its kernels."""
_Words = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[ -~]+$")]  # printed, and from any file
_Positive = Annotated[float, Field(gt=0, le=1e20)]
_Share = Annotated[float, Field(gt=0, le=1)]


class Card(BaseModel):
    """A GPU, with the rates of its data sheet, without sparsity.

    Attributes:
        name: in `plan --card`.
        title: for readers, such as NVIDIA A100, 80 GB.
        words: how sentences name it.
        memory: bytes.
        tensor: operations per second in 16 bits with sums in float32.
        tf32, float32: operations per second in these formats.
        generator_share, classifier_share: the share of these rates that a network reaches. The assumed values are what
            the project aims at on an H100: text-to-image models 45% of the rate of large matrix products, which is
            about three quarters of the data sheet's, and ResNet-50 4,000 training images per second.
        checked: whether the shares were measured, by a check of this card.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: _Words
    title: _Words = "this GPU"
    words: _Words = "this GPU"
    memory: Annotated[int, Field(gt=0, le=10**15)]
    tensor: _Positive
    tf32: _Positive
    float32: _Positive
    generator_share: _Share = 0.35
    classifier_share: _Share = 0.1
    checked: bool = False

    @property
    def summary(self) -> str:
        return f"{self.title}; {self.tensor / 1e12:,.0f} TFLOP/s in 16 bits"

    @property
    def assumptions(self) -> str:
        """One sentence on where predicted times come from."""
        shares = (
            f"{self.generator_share:.0%} of its rate for generators and {self.classifier_share:.0%} for classifiers"
        )
        kind = "checked" if self.checked else "assumed"
        return (
            f"GPU times that are not measured are estimates for {self.title}: counted operations at "
            f"{shares} ({kind}; its rate is {self.tensor / 1e12:,.0f} TFLOP/s in 16 bits), and at least "
            f"{LAUNCH_SECONDS * 1e6:g} µs for each kernel"
        )

    def seconds(self, work: Work) -> float:
        """Return the expected seconds of counted operations: of computing, or of launching if that takes longer."""
        rates = {"16-bit": self.tensor, "tf32": self.tf32, "float32": self.float32}
        share = self.generator_share if work.network == "generator" else self.classifier_share
        computing = sum(flops / rates[kind] for kind, flops in work.flops.items()) / share
        return max(computing, work.launches * LAUNCH_SECONDS)


@dataclass(frozen=True)
class Work:
    """The counted operations of a step.

    Attributes:
        network: what computes.
        launches: number of kernels.
        flops: floating-point operations, by number format.
    """

    network: Network
    launches: float
    flops: Mapping[Format, float]

    def times(self, count: float) -> Work:
        """Return the operations of `count` equal steps."""
        return Work(self.network, count * self.launches, {kind: count * flops for kind, flops in self.flops.items()})

    def plus(self, other: Work) -> Work:
        """Return the operations of this and of another step, of the same kind of network."""
        kinds = dict.fromkeys([*self.flops, *other.flops])
        flops = {kind: self.flops.get(kind, 0.0) + other.flops.get(kind, 0.0) for kind in kinds}
        return Work(self.network, self.launches + other.launches, flops)


def number_format(dtype: DType, numerics: Numerics) -> Format:
    """Return the format in which a GPU computes with numbers of a type."""
    if dtype != "float32":
        return "16-bit"
    return "tf32" if numerics.float32_precision == "tf32" else "float32"


def _card(name: str, title: str, memory: int, tensor: float, tf32: float, float32: float) -> Card:
    """Return a card; `memory` in GB, rates in TFLOP/s."""
    rates = {"tensor": tensor * 1e12, "tf32": tf32 * 1e12, "float32": float32 * 1e12}
    return Card(name=name, title=title, words=title, memory=memory * 10**9, **rates)


CARDS = Registry(
    "card",
    Card,
    (
        _card("a100", "NVIDIA A100, 80 GB", 80, 312, 156, 19.5),
        _card("a100-40gb", "NVIDIA A100, 40 GB", 40, 312, 156, 19.5),
        _card("h100", "NVIDIA H100, 80 GB", 80, 989, 495, 67),
        _card("h200", "NVIDIA H200, 141 GB", 141, 989, 495, 67),
        _card("b200", "NVIDIA B200, 180 GB", 180, 2250, 1100, 75),
        _card("l4", "NVIDIA L4, 24 GB", 24, 121, 60, 30.3),
        _card("l40s", "NVIDIA L40S, 48 GB", 48, 362, 183, 91.6),
        _card("a6000", "NVIDIA RTX A6000, 48 GB", 48, 155, 77, 38.7),
        _card("rtx-4090", "NVIDIA GeForce RTX 4090, 24 GB", 24, 165, 82.6, 82.6),
    ),
)
DEFAULT_CARD = CARDS["a100"].model_copy(update={"words": "a common GPU"})
"""For plans on machines without a GPU."""
_SECONDS = 10  # to ask the driver


def local_card() -> Card | None:
    """Return the GPU of this machine, the one with the least memory; None if it has none that can be asked.

    One that is not in the table has the rates of the default card.
    """
    command = ["nvidia-smi", "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
        mebibytes, name = min(_memory_and_name(line) for line in answer.splitlines())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    known = [card for card in CARDS if _model(card) in name]
    card = max(known, key=lambda card: len(_model(card)), default=DEFAULT_CARD)
    title = card.title if known else f"this GPU, with the rates of {card.title}"
    return card.model_copy(update={"memory": mebibytes * 2**20, "words": "this GPU", "title": title})


def _memory_and_name(line: str) -> tuple[int, str]:
    mebibytes, _, name = line.partition(",")
    return int(mebibytes), name.strip()


def _model(card: Card) -> str:
    """Return the word by which the driver's name of a card is known, such as A100."""
    return card.title.partition(",")[0].split()[-1]


def find_card(name: str) -> Card:
    """Return the card of this name, or that of the results of a check: a JSON file with a field `card`.

    Raises:
        UnknownNameError: there is no such card.
        DataError: the file cannot be read, or does not describe a card.
    """
    if not name.endswith(".json"):
        if name not in CARDS:
            known = ", ".join(CARDS.rows)
            raise UnknownNameError(
                f"unknown card {name!r}{did_you_mean(name.lower(), CARDS.rows)}; known: {known}, or a JSON file"
            )
        return CARDS[name]
    try:
        content = load_json(read_text(Path(name), MAX_JSON_BYTES))
        return Card.model_validate(content["card"] if isinstance(content, dict) else None)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("card", *first["loc"])))
        raise DataError(f"{name}: {where}: {first['msg'].lower()}; give the results of a check of a GPU") from None
    except (OSError, ValueError, KeyError) as error:
        reason = "it has no field card" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"cannot read the card {name}: {reason}; give the results of a check, or a known card"
        ) from None
