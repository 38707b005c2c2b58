"""The definition of a metric: one frozen row, which study files, steps, intervals, reports and docs use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.jackknife import leave_out_blocks
from prettyuseful.redaction import redact_line

Per = Literal["synthetic image", "real image", "set", "class"]
Reads = Literal["both", "synthetic", "texts", "logits", "scores"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LEAST_RATIO = 1e-3


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric, as one row.

    Attributes:
        name: name in studies, records and reports.
        summary: one line for `prettyuseful list metrics`.
        function: a function of arrays; `reads` selects its arguments and `per` its return value.
        per: what the function returns.

            - "synthetic image" or "real image": an array with one finite value per image. The function is called class
              by class. The metric is the mean over classes of the mean over images. Sums over the images of one source
              group are stored with six decimals.
            - "set": one finite number for all classes together.
            - "class": one finite number per class. The function is called class by class. The metric is the mean.
        reads: the arguments of the function. Labels are integers from 0.

            - "both": `function(real, synthetic)`, features (N, d) and (M, d).
            - "synthetic": `function(synthetic)`, features (M, d).
            - "texts": `function(images, texts)`, features (M, d) of the images and of the text of each image's class.
              This needs an encoder with a shared space for images and texts.
            - "logits": `function(logits, labels)`, logits (M, classes) of the classifier trained on the study's real
              images, and labels (M,).
            - "scores": `function(real, synthetic)`, scores (N,) and (M,) of single images; `family` is the name of the
              score, see `prettyuseful.aesthetics`.
        part: attribute of the returned object that contains the value, for a function that returns several metrics.
        title: heading in the report. Default: the name.
        words: one or two sentences that explain the metric in the report. Default: the summary.
        source: the paper or code that defines the metric.
        low: lower bound of the metric, or None.
        high: upper bound of the metric, or None.
        share: every value is 0 or 1.
        k: number of neighbours, passed to the function as `k`, or None.
        fewest: smallest number of images per class, real and synthetic.
        depends_on_number: the value also depends on how many images are compared, so the report states their number
            where data sets differ in it.
        family: one step measures all metrics of a family. Those with one value per image share one function, which is
            called once for all of them. Default: the name.
        comes_with: another metric; a study that lists that one also measures this one.
        leave_out: for `per="set"` and `per="class"`, a faster or better equivalent of
            `metrics.jackknife.leave_out_blocks`. Its arguments are the arrays of the function followed by one array
            (N,) of block numbers 0..B-1 for each. It returns (B,) values. In a class, a block may be in one array only.
        ratio: for `per="class"`, the function returns two numbers, and the metric is the ratio of their means over
            classes, so that a class in which the second one is near 0 has little weight. `leave_out` returns (B, 2).
            Ratios lie between 0.001 and 1000; that of two zeros is 1.

    Raises:
        DataError: the fields are inconsistent.
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
    depends_on_number: bool = False
    family: str = ""
    comes_with: str | None = None
    leave_out: Callable[..., np.ndarray] | None = None
    ratio: bool = False

    def __post_init__(self) -> None:
        for field, default in (("title", self.name), ("words", self.summary), ("family", self.name)):
            object.__setattr__(self, field, getattr(self, field) or default)
        if self.share:
            object.__setattr__(self, "low", 0.0)
            object.__setattr__(self, "high", 1.0)
        try:
            problem = self._problem()
        except TypeError as error:
            problem = redact_line(str(error))
        if problem:
            raise DataError(f"metric {self.name!r}: {problem}")

    def _problem(self) -> str | None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            return "invalid name; use letters, digits, '-' and '_', with a letter or digit first"
        if self.per not in get_args(Per):
            return f"invalid per={self.per!r}; choose {', '.join(get_args(Per))}"
        if self.reads not in get_args(Reads):
            return f"invalid reads={self.reads!r}; choose {', '.join(get_args(Reads))}"
        if self.per == "real image" and self.reads != "both":
            return 'per="real image" requires reads="both"'
        if self.share and not self.per_image:
            return 'share=True requires per="synthetic image" or per="real image"'
        if self.leave_out is not None and self.per_image:
            return 'leave_out requires per="set" or per="class"'
        if self.ratio and self.per != "class":
            return 'ratio=True requires per="class"'
        if self.low is not None and self.high is not None and not self.low < self.high:
            return f"low={self.low!r} must be below high={self.high!r}"
        if self.k is not None and not 1 <= self.k < self.fewest:
            return f"k={self.k} must be at least 1 and below fewest={self.fewest}"
        return None

    @property
    def per_image(self) -> bool:
        """Whether the metric has one value per image."""
        return self.per in ("synthetic image", "real image")

    @property
    def score(self) -> str | None:
        """The score of single images that the metric reads, or None."""
        return self.family if self.reads == "scores" else None

    @property
    def covers(self) -> str:
        """The source of variation that the metric's interval covers, in words."""
        if self.per == "real image":
            return "the choice of real test images"
        if self.per == "synthetic image":
            return "the choice of measured images" + (", given the real reference" if self.reads == "both" else "")
        both = self.reads in ("both", "scores")
        return f"the choice of {'images on both sides' if both else 'measured images'}, equally many"

    def call(self, *arrays: np.ndarray) -> Any:
        """Call the function. Its return value serves all metrics of the family."""
        return self.function(*arrays) if self.k is None else self.function(*arrays, k=self.k)

    def values(self, returned: Any, count: int) -> np.ndarray:
        """Return the values per image, (count,) float64, from the return value of the function.

        Raises:
            DataError: the function did not return one finite number per image.
        """
        values = self._as_array(returned)
        if values.shape != (count,) or not np.isfinite(values).all():
            raise DataError(
                f"metric {self.name!r} returned an array of shape {values.shape} for {count} images; return one finite "
                f"number per {self.per}"
            )
        return values

    def number(self, *arrays: np.ndarray) -> float:
        """Call the function and return its number.

        Raises:
            DataError: the function did not return one finite number.
        """
        value = self._as_array(self.call(*arrays))
        if value.shape != () or not np.isfinite(value):
            raise DataError(f"metric {self.name!r} returned {value!r}; return one finite number per {self.per}")
        return float(value)

    def leave_out_numbers(self, arrays: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> np.ndarray:
        """Return the numbers (B,) with block 0..B-1 left out of all arrays at once, for the jackknife.

        Args:
            arrays: arguments of the function.
            blocks: for each array, the block number (N,) of each of its rows.
        """
        if self.leave_out is not None:
            return self.leave_out(*arrays, *blocks)
        return leave_out_blocks(self.number, arrays, blocks)

    def class_number(self, *arrays: np.ndarray) -> np.ndarray:
        """Call the function for one class and return its number, (1,), or both numbers of a ratio, (2,).

        Raises:
            DataError: the function did not return as many finite numbers.
        """
        if not self.ratio:
            return np.array([self.number(*arrays)])
        values = self._as_array(self.call(*arrays))
        if values.shape != (2,) or not np.isfinite(values).all():
            raise DataError(f"metric {self.name!r} returned {values!r}; return two finite numbers per {self.per}")
        return values

    def combine(self, numbers: np.ndarray) -> np.ndarray:
        """Return the metric (...) from numbers (..., 1 or 2) as `class_number` returns them, or from their means."""
        if not self.ratio:
            return np.asarray(numbers[..., 0])
        above, below = np.maximum(numbers[..., 0], 0), np.maximum(numbers[..., 1], 0)
        least = _LEAST_RATIO * np.maximum(above, below)
        least = np.where(least > 0, least, 1.0)
        return np.asarray(np.maximum(above, least) / np.maximum(below, least))

    def _as_array(self, returned: Any) -> np.ndarray:
        try:
            part = returned if self.part is None else getattr(returned, self.part)
            return np.asarray(part, np.float64)
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"metric {self.name!r} returned {repr(returned)[:80]}: {redact_line(str(error))}; return one finite "
                f"number per {self.per}"
            ) from error
