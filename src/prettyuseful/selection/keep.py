"""How many images of each class a selection keeps, and which end of the order: `top 50%`, `bottom 30%`, `top 100`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, cast, get_args

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError, did_you_mean

Part = Literal["top", "bottom", "middle", "random"]
PARTS: tuple[Part, ...] = get_args(Part)
PATTERN = r"^\s*((top|bottom|middle|random)\s+)?\d+(\.\d+)?\s*(%|per\s+class)?\s*$"
"""What a study file may write, for its JSON schema."""

_EXAMPLES = "write top 50%, bottom 30%, middle 40%, random 50%, or a number per class such as top 100"
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(%|per\s+class)?")


@dataclass(frozen=True)
class Keep:
    """The images of each class that are kept.

    `part`: the end of the order, or random; None for selections that have no order. `percent`: of each class, above 0
    and below 100; None if `number` gives the images per class, at least 1.
    """

    part: Part | None
    percent: Decimal | None = None
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> Keep:
        """Return what a text such as `top 50%` means.

        Raises:
            ValueError: it is something else, or keeps nothing or everything.
        """
        first, _, rest = text.strip().partition(" ")
        is_word = first[:1].isalpha()
        if is_word and first not in PARTS:
            raise ValueError(f"expected one of {', '.join(PARTS)}, not {first!r}{did_you_mean(first, PARTS)}")
        amount = _AMOUNT.fullmatch((rest if is_word else text).strip())
        if amount is None:
            raise ValueError(f"{text!r} is not an amount of images; {_EXAMPLES}")
        part, value = cast("Part", first) if is_word else None, Decimal(amount[1])
        if not value:
            raise ValueError(f"{text!r} keeps no image; {_EXAMPLES}")
        if amount[2] == "%":
            if value > 100:
                raise ValueError(f"{text!r} is more than there is; keep less than 100%")
            if value == 100:
                raise ValueError(f"{text!r} keeps every image; keep less than 100%, or use the data set itself")
            return cls(part, percent=value.normalize())
        if value != int(value):
            raise ValueError(f"{text!r} is not a whole number of images; {_EXAMPLES}")
        return cls(part, number=int(value))

    @property
    def amount(self) -> str:
        """`50%`, or `100` images per class."""
        return str(self.number) if self.percent is None else f"{self.percent:f}%"

    @property
    def text(self) -> str:
        """What `parse` reads."""
        return f"{self.part} {self.amount}" if self.part else self.amount

    @property
    def at_random(self) -> Keep:
        """As many images, drawn at random."""
        return Keep("random", self.percent, self.number)

    def counts(self, available: ClassCounts, classes: Sequence[str]) -> ClassCounts:
        """Return the images of each class that are kept, of those that are `available`; half an image counts as one.

        Raises:
            DataError: no image of a class would be kept, or all, or more than there are.
        """
        kept = [self._number(available[label]) for label in range(len(classes))]
        for label, (number, name) in enumerate(zip(kept, classes, strict=True)):
            has = f"the class {name!r} has {available[label]} images"
            if not number:
                raise DataError(f"keep: {self.text} keeps no image, because {has}; keep more")
            if number > available[label]:
                raise DataError(f"keep: {self.text} is more than there is, because {has}; keep fewer")
            if number == available[label]:
                raise DataError(f"keep: {self.text} keeps every image, because {has}; keep fewer")
        return ClassCounts(kept)

    def divides(self, available: ClassCounts, classes: int) -> bool:
        """Whether it keeps some images of each class, of those that are `available`, and leaves some out."""
        return all(0 < self._number(available[label]) < available[label] for label in range(classes))

    def _number(self, available: int) -> int:
        if self.percent is None:
            return int(self.number or 0)
        return int((available * self.percent / 100).to_integral_value(ROUND_HALF_UP))

    def words(self, of: str, by: str) -> str:
        """Return what is kept of the data set `of` in words, such as `the top half of base by prettiness`.

        Without `of` and `by`, they are left out.
        """
        half = self.percent == 50
        share = "half" if half else self.amount if self.percent is not None else f"{self.number} images per class"
        source, order = f" of {of}" if of else "", f" by {by}" if by else ""
        match self.part:
            case "random":
                return f"{self.number} random images per class{source}" if self.number else f"a random {share}{source}"
            case None:
                return f"{share}{source}{order}"
        return f"the {self.part} {share}{source}{order}"
