"""Runs all parts of the check within its time, and writes what is known after every line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import torch

from prettyuseful.cards import Card, local_card
from prettyuseful.formatting import finite
from prettyuseful.gpu_check.card import RATE, check_card
from prettyuseful.gpu_check.context import Context, Part
from prettyuseful.gpu_check.encoders import check_encoders
from prettyuseful.gpu_check.lines import Line, Value, failed, not_measured
from prettyuseful.gpu_check.memory import check_memory
from prettyuseful.gpu_check.neighbours import check_neighbours
from prettyuseful.gpu_check.sampling import SHARE, check_sampling
from prettyuseful.gpu_check.training import check_training
from prettyuseful.gpu_check.whole_study import check_study
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import environment

PARTS: tuple[Part, ...] = (
    Part("card", "rate of the card", 15, check_card),
    Part("memory", "memory freed between generation and training; out of memory", 35, check_memory),
    Part("training", "the paper's recipe and its augmentation", 200, check_training),
    Part("encoders", "encoders", 45, check_encoders),
    Part("neighbours", "exact nearest neighbours", 45, check_neighbours),
    Part("study", "a study from end to end", 100, check_study),
    Part("sampling", "text-to-image models", 270, check_sampling),  # last: it may use what the others left
)
MARK = b"prettyuseful.gpu_check"
"""What every written result contains."""
SECONDS = sum(part.seconds for part in PARTS)


@dataclass
class Result:
    """What a check found so far.

    Attributes:
        device: name of what was checked.
        memory: its bytes, None for a CPU.
        known: the card with the rates of its data sheet, None for a CPU.
    """

    device: str
    memory: int | None
    known: Card | None = None
    lines: list[Line] = field(default_factory=list)

    @property
    def wrong(self) -> list[Line]:
        return [line for line in self.lines if line.ok is False]

    def card(self) -> Card | None:
        """Return the card as `plan --card` reads it: its measured rate, and the median share that denoisers reached.

        The shares and rates that the check does not measure are those of the data sheet. None for a CPU, or if nothing
        was measured.
        """
        rates = [line.seen for line in self.lines if line.unit == RATE and isinstance(line.seen, float)]
        shares = [line.seen for line in self.lines if line.name.endswith(SHARE) and isinstance(line.seen, float)]
        if self.known is None or not rates or not shares:
            return None
        measured = {"tensor": rates[0] * 1e12, "generator_share": min(1.0, median(shares) / 100), "checked": True}
        # Other networks reach the same part of the rate of the data sheet.
        share = min(1.0, self.known.classifier_share * self.known.tensor / (rates[0] * 1e12))
        return self.known.model_copy(update=measured | {"name": "checked", "classifier_share": share})

    def as_json(self) -> dict[str, Any]:
        packages, card = environment().packages, self.card()
        return {
            "made_by": MARK.decode(),
            "device": self.device,
            "memory": self.memory,
            "cuda": torch.version.cuda,
            "cudnn": _cudnn_version(),
            "packages": packages,
            "card": None if card is None else card.model_dump(),
            "wrong": len(self.wrong),
            "lines": [finite(line.as_json()) for line in self.lines],
        }

    def as_markdown(self) -> str:
        """Return a table for the documentation, with the card and the versions."""
        facts = [f"`python -m {MARK.decode()}` on {self.device}"]
        if self.memory is not None:
            facts.append(f"{self.memory / 1e9:.0f} GB")
        packages = environment().packages
        facts += [f"{name} {packages[name]}" for name in ("torch", "diffusers", "timm") if name in packages]
        facts += [f"CUDA {torch.version.cuda}", f"cuDNN {_cudnn_version()}"] * (self.memory is not None)
        rows = [
            f"| {line.name} | {_expected(line)} | {_seen(line)} | {_verdict(line)} |".replace("\n", " ")
            for line in self.lines
        ]
        return "\n".join(
            [", ".join(facts) + ".", "", "| line | expected | seen | |", "| --- | --- | --- | --- |", *rows, ""]
        )


def run_check(context: Context, parts: Sequence[Part], on_line: Callable[[Result], None], seconds: float) -> Result:
    """Run parts of the check, and return all lines.

    Args:
        context: the device.
        parts: some of `PARTS`.
        on_line: called with all lines so far, after each one.
        seconds: of all parts together. Time that a part does not need is left to those after it.
    """
    known = local_card() if context.device.kind == "cuda" else None
    result = Result(context.device.name, context.device.memory, known)
    share = seconds / sum(part.seconds for part in parts)
    started, used = time.monotonic(), 0.0
    for part in parts:
        used += part.seconds
        context.deadline = started + share * used
        for line in _lines(part, context):
            result.lines.append(replace(line, part=part.name))
            on_line(result)
        context.device.release()
    return result


def _lines(part: Part, context: Context) -> Iterator[Line]:
    if not context.has_time():
        yield not_measured(part.summary, "out of time")
        return
    try:
        with capture_library_logs():
            yield from part.run(context)
    except Exception as error:  # of any kind: the other parts are run all the same
        yield failed(part.summary, error)


def to_json(result: Result) -> str:
    return json.dumps(result.as_json(), indent=1, allow_nan=False) + "\n"


def _cudnn_version() -> int | None:
    version: int | None = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return version


def _expected(line: Line) -> str:
    if not line.relation:
        return ""
    words = "" if line.relation == "exactly" else f"{line.relation} "
    return f"{words}{_value(line.expected)} {line.unit}".rstrip()


def _seen(line: Line) -> str:
    return line.note if line.seen is None else f"{_value(line.seen)} {line.unit}".rstrip()


def _value(value: Value | None) -> str:
    if isinstance(value, str) or value is None:
        return str(value).replace("|", "\\|")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _verdict(line: Line) -> str:
    return {True: "ok", False: "**wrong**", None: ""}[line.ok]
