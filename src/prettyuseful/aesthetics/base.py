"""The definition of a score: one number for each image, as one frozen row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prettyuseful.aesthetics.models import ClassifierModel, QuestionModel, ScoreModel
from prettyuseful.aesthetics.planes import Planes
from prettyuseful.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score of single images, as one row: more of it is a higher number.

    Attributes:
        name: name in studies, records and reports.
        summary: one line for `prettyuseful list scores`.
        title: heading in the report. Default: the name.
        words: one or two sentences that explain the score in the report. Default: the summary.
        source: the paper or code that defines the score.
        low: lower bound, or None.
        high: upper bound, or None.
        function: returns the score of the planes of one image; `planes.pixels` is (H, W, 3) uint8 of any size.
        parts: for a composite, the names of its scores instead of a function. Its value is the sum of their z-scores
            within the class, see `composite.sum_of_z_scores`.
        model: for a learned score, the model that computes it instead of a function.
        version: must be increased when the function returns other numbers than before.

    Raises:
        DataError: the fields are inconsistent.
    """

    name: str
    summary: str
    title: str = ""
    words: str = ""
    source: str = ""
    low: float | None = None
    high: float | None = None
    function: Callable[[Planes], float] | None = None
    parts: tuple[str, ...] = ()
    model: ScoreModel | QuestionModel | ClassifierModel | None = None
    version: int = 1

    def __post_init__(self) -> None:
        for field, default in (("title", self.name), ("words", self.summary)):
            object.__setattr__(self, field, getattr(self, field) or default)
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise DataError(f"score {self.name!r}: low={self.low!r} must be below high={self.high!r}")
        if sum(bool(way) for way in (self.function, self.parts, self.model)) > 1:
            raise DataError(f"score {self.name!r}: give only one of function, parts and model")

    @property
    def per_image(self) -> bool:
        """Whether `function` computes the score from one image alone, without a model and without other images."""
        return self.function is not None

    @property
    def noun(self) -> str:
        """The title within a sentence: it begins with a small letter, unless its first word is a name."""
        first = self.title.split()[0]
        return self.title if first[1:] != first[1:].lower() else self.title[:1].lower() + self.title[1:]

    def of(self, image: Planes | np.ndarray) -> float:
        """Return the score of one image: its planes, or its pixels (H, W, 3) uint8.

        Raises:
            DataError: the score is not computed from one image alone, or it is not a finite number.
        """
        if self.function is None:
            raise DataError(f"score {self.name!r} cannot be computed from one image alone")
        value = self.function(image if isinstance(image, Planes) else Planes(image))
        if not isinstance(value, float | int | np.number) or not np.isfinite(value):
            raise DataError(f"score {self.name!r} returned {repr(value)[:80]}; return one finite number per image")
        return float(value)
