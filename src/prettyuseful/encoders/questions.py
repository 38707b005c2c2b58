"""Questions about images that are answered with yes or no, and what answers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True)
class Question:
    """A question about an RGB image. `name`: of the image, for errors."""

    image: Image.Image
    text: str
    name: str


@dataclass(frozen=True)
class Answer:
    """An answer: `yes` is the probability of yes among yes and no; `valid` that the answer begins with either."""

    yes: float
    valid: float


class AnswersQuestions(Protocol):
    """A vision-language model that answers questions with yes or no."""

    at_once: int
    """So many questions are given to it at once."""

    def answers(self, questions: Sequence[Question], short_side: int) -> list[Answer]:
        """Return one answer per question. Images are downscaled to short sides of at most `short_side` pixels.

        Raises:
            StepFailedError: a question cannot be answered.
            UserError: the endpoint is set up wrongly.
        """
