"""What a metric is: one frozen row that study files, planning, steps, intervals, reports and docs derive from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from prettyuseful.errors import DataError, one_line
from prettyuseful.metrics.jackknife import without_blocks

Per = Literal["synthetic image", "real image", "set", "class"]
Reads = Literal["both", "synthetic", "texts", "logits"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric, as one row.

    `name`: what studies, records and reports call it. `summary`: one line, for `prettyuseful list metrics`. `title`
    and `words`: its heading in the report and what it is, in a sentence or two; the name and the summary by default.
    `source`: the paper or code that defines it.

    `function` takes arrays, by what the metric `reads`; labels are whole numbers from 0:
    - "both": `function(real, synthetic)`, features (N, d) and (M, d);
    - "synthetic": `function(synthetic)`, features (M, d);
    - "texts": `function(images, texts)`, features (M, d) of images and of the text of each image's class. Only
      encoders that have images and texts in one space can serve;
    - "logits": `function(logits, labels)`, (M, classes) of the classifier trained on the study's real images and (M,).

    `per` says what it returns:
    - "synthetic image", "real image": an array with a finite value for each; called class by class. The metric is the
      mean over classes of the mean over images. Sums over images of one source are kept to six decimals;
    - "set": one finite number of all classes together;
    - "class": one finite number of one class; called class by class. The metric is the mean over classes.
    `part`: the attribute of what the function returns that holds this, if it returns several metrics at once.

    `low`, `high`: bounds, None where there is none. `share`: every value is 0 or 1. `k`: neighbours per image, which
    the function takes as `k`. `fewest`: images per class that it needs at least, on either side.

    `family`: rows of one family share one function and are measured together, in one step. `comes_with`: the metric
    that brings this one along wherever it is asked for. `without`: for "set", a faster way to
    `metrics.jackknife.without_blocks`: from the arrays, and as many arrays (N,) of blocks 0..B-1, to (B,) values.

    Raises:
        DataError: fields that do not fit together.
    """

    name: str
    summary: str
    function: Callable[..., Any]
    per: Per
    reads: Reads = "both"
    part: str | None = None
    title: str = ""
    words: str = ""
    source: str = ""
    low: float | None = None
    high: float | None = None
    share: bool = False
    k: int | None = None
    fewest: int = 3
    family: str = ""
    comes_with: str | None = None
    without: Callable[..., np.ndarray] | None = None

    def __post_init__(self) -> None:
        for field, default in (("title", self.name), ("words", self.summary), ("family", self.name)):
            object.__setattr__(self, field, getattr(self, field) or default)
        if self.share:
            object.__setattr__(self, "low", 0.0)
            object.__setattr__(self, "high", 1.0)
        try:
            problem = self._problem()
        except TypeError as error:
            problem = one_line(str(error))
        if problem:
            raise DataError(f"metric {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            return "a name may hold letters, digits, '-' and '_'"
        if self.per not in get_args(Per):
            return f"per is {self.per!r}; known: {', '.join(get_args(Per))}"
        if self.reads not in get_args(Reads):
            return f"reads is {self.reads!r}; known: {', '.join(get_args(Reads))}"
        if self.per == "real image" and self.reads != "both":
            return 'it has a value per real image, so it reads "both"'
        if self.share and not self.per_image:
            return "a share is a mean over images; let per be 'synthetic image' or 'real image'"
        if self.without is not None and self.per != "set":
            return 'without goes with per="set"'
        if self.low is not None and self.high is not None and not self.low < self.high:
            return f"low is {self.low!r} and high {self.high!r}; low must be below high"
        if self.k is not None and not 1 <= self.k < self.fewest:
            return f"k={self.k} neighbours need k from 1, and fewest above k"
        return None

    @property
    def per_image(self) -> bool:
        """Whether each image has a value."""
        return self.per in ("synthetic image", "real image")

    @property
    def covers(self) -> str:
        """What its interval is about: what could have been drawn otherwise."""
        if self.per == "real image":
            return "the choice of real test images"
        if self.per == "synthetic image":
            return "the choice of measured images" + (", given the real reference" if self.reads == "both" else "")
        return f"the choice of {'images on both sides' if self.reads == 'both' else 'measured images'}, equally many"

    def call(self, *arrays: np.ndarray) -> Any:
        """What the function returns; the rows of its family share it."""
        return self.function(*arrays) if self.k is None else self.function(*arrays, k=self.k)

    def values(self, returned: Any, count: int) -> np.ndarray:
        """The (count,) float64 values per image in what the function returned.

        Raises:
            DataError: it returned something else.
        """
        found = self._array_of(returned)
        if found.shape != (count,) or not np.isfinite(found).all():
            raise DataError(
                f"metric {self.name!r} returned an array of shape {found.shape} for {count} images; return one finite "
                f"number for each {self.per}"
            )
        return found

    def number(self, *arrays: np.ndarray) -> float:
        """The number of these arrays.

        Raises:
            DataError: the function returned something else.
        """
        found = self._array_of(self.call(*arrays))
        if found.shape != () or not np.isfinite(found):
            raise DataError(f"metric {self.name!r} returned {found!r}; return one finite number for each {self.per}")
        return float(found)

    def numbers_without(self, arrays: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> np.ndarray:
        """(B,) numbers when block 0..B-1 is left out of every array at once; `blocks`: (N,) int for each array."""
        if self.without is not None:
            return self.without(*arrays, *blocks)
        return without_blocks(self.number, arrays, blocks)

    def _array_of(self, returned: Any) -> np.ndarray:
        try:
            part = returned if self.part is None else getattr(returned, self.part)
            return np.asarray(part, np.float64)
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"metric {self.name!r} returned {repr(returned)[:80]}: {one_line(str(error))}; return one finite "
                f"number for each {self.per}"
            ) from error
