"""What a captioner is: anything that says in words what a picture shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from prettyuseful.errors import one_line

PAPER_INSTRUCTION = (
    "Describe this photo in five to six sentences: the background, the foreground, the objects and their details, and "
    "the angle from which the camera sees them. Write plain prose without an introduction, a list or a title."
)
"""Our own wording of what the paper asks. The answer comes behind the class name: `<class>, <caption>`."""

_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_REFUSAL = re.compile(r"(i'?m|i am) (very )?(sorry|unable|not able)|sorry,|i (can't|cannot|won't)|as an ai\b", re.I)
_SHOWN = 80


@dataclass(frozen=True)
class Picture:
    """An RGB image to caption. `name` is what errors call it; `place` is where in its photograph it was cut from."""

    image: Image.Image
    class_name: str
    name: str
    place: str | None = None

    def question(self, instruction: str) -> str:
        """The instruction with `{class}` filled in."""
        return instruction.replace("{class}", self.class_name)

    def shrunk(self, short_side: int) -> Image.Image:
        """The image with a short side of at most `short_side` pixels, never enlarged (bicubic, anti-aliased)."""
        width, height = self.image.size
        scale = short_side / min(width, height)
        if scale >= 1:
            return self.image
        return self.image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)


class Captioner(Protocol):
    """Turns pictures into captions."""

    def applied(self) -> dict[str, object]:
        """What was really applied (model, instruction, decoding), for the record. Holds no secret."""

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        """One caption per picture, in order: a single line, never empty.

        Raises:
            StepFailedError: a picture has no caption in the end; names it.
            UserError: the captioner cannot be used as it is set up.
        """


def cleaned(answer: str) -> str:
    """A model's answer as a caption: one line of printable characters, without the model's thoughts or outer quotes.

    Raises:
        ValueError: nothing is left, or the answer is a refusal; says which.
    """
    text = one_line(_THOUGHTS.sub(" ", answer))
    if len(text) > 1 and text[0] + text[-1] in ('""', "“”"):
        text = text[1:-1].strip()
    if not text:
        raise ValueError("an empty answer")
    if _REFUSAL.match(text.replace("\u2019", "'")):
        raise ValueError(f"a refusal ({text[:_SHOWN]!r})")
    return text


def listed(names: Sequence[str], limit: int = 5) -> str:
    """`a, b and 3 more`."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
