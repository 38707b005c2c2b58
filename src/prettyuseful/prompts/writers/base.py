"""The interface of writers, which answer instructions in words, and the instruction for prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

DEFAULT_INSTRUCTION = (
    "Write {count} different prompts for a text-to-image model. Each is one line that describes one photograph which "
    'shows a {class}, in 10 to 30 words, and contains the words "{class}". {focus} No numbers, no titles, no comments.'
)
"""What a writer is asked by default; `{class}`, `{count}` and `{focus}` are replaced."""

FOCUSES = (
    "Vary its attributes, such as colour, size, age, material, breed or kind.",
    "Vary the scene: the place, the background, and what else is there.",
    "Vary the viewpoint: distance, angle, and how much of it is visible.",
    "Vary light, weather, season and time of day.",
    "Vary what it does, or what is done with it, and how many there are.",
)
"""What the requests for the prompts of a class vary, in turn."""


@dataclass(frozen=True)
class WritingRequest:
    """One request: the whole text, the seed of its random numbers, and a name for errors."""

    text: str
    seed: int
    name: str


class Writer(Protocol):
    """Answers requests in words, with random numbers."""

    def applied(self) -> dict[str, object]:
        """Return the settings in effect (model, temperature), for the record, without secrets."""

    def answers(self, requests: Sequence[WritingRequest]) -> list[str]:
        """Return the answer to each request, in order.

        Raises:
            StepFailedError: a request was not answered; the message names it.
            UserError: the writer is set up wrongly.
        """
