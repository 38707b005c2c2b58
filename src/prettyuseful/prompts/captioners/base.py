"""The interface of captioners, which describe images in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

PAPER_INSTRUCTION = (
    "Describe this photo in five to six sentences: the background, the foreground, the objects and their details, and "
    "the angle from which the camera sees them. Write plain prose without an introduction, a list or a title."
)
"""Our wording of the paper's instruction. The prompt is `<class>, <caption>`."""

CAPTIONS_AT_ONCE = 8
"""Pictures that a model on this machine captions together. It is in the key, because it can change the last bits."""


@dataclass(frozen=True)
class Picture:
    """An RGB image to caption. `name` is used in errors; `position` is where in its photograph the crop was taken."""

    image: Image.Image
    class_name: str
    name: str
    position: str | None = None

    def question(self, instruction: str) -> str:
        """Return the instruction with `{class}` replaced by the class name."""
        return instruction.replace("{class}", self.class_name)

    def downscale(self, short_side: int) -> Image.Image:
        """Return the image downscaled to a short side of at most `short_side` pixels (bicubic, anti-aliased)."""
        width, height = self.image.size
        scale = short_side / min(width, height)
        if scale >= 1:
            return self.image
        return self.image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)


class Captioner(Protocol):
    """Turns pictures into captions."""

    def applied(self) -> dict[str, object]:
        """Return the settings in effect (model, instruction, decoding), for the record, without secrets."""

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        """Return one caption per picture, in order; each is a single non-empty line.

        Raises:
            StepFailedError: a picture could not be captioned; the message names it.
            UserError: the captioner is set up wrongly.
        """
