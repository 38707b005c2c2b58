"""The result of an audit, as models with the structure of the JSON that `prettyuseful audit --json` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.causes import CauseId, Direction
from prettyuseful.diagnosis.findings import CauseEstimate, ShareEstimate
from prettyuseful.diagnosis.formats import FormatFinding
from prettyuseful.formatting import count, percent, points

NotMeasured = Literal["not_measured"]
NOT_MEASURED: NotMeasured = "not_measured"
Budget = Literal["quick", "standard", "full"]
_CURVE_FRACTIONS = (0.02, 0.1, 0.3, 1.0)  # of the images per class; the points of the curve of real images
_FINE_FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)  # where a classifier costs little


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(_Frozen):
    """A mean with its 95% interval. Accuracies are fractions (0-1).

    `seeds`: the value for each training seed; empty for values that do not depend on one.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()


class EffectiveImages(_Frozen):
    """How many real images per class give the same accuracy (effective real images).

    `low`, `high`: ends of the 95% interval; null where they lie outside the tested numbers. `censored`: whether the
    accuracy lies outside the curve of real images. It is `none` if not; `below` if fewer real images than the smallest
    tested number are enough; `above` if more than the largest tested number are needed; `plateau` if the accuracy is as
    high as with any number from the estimate on. The estimate is then the nearest tested number. `smallest`, `largest`:
    the ends of the curve: real images per class, or their mean over unequal classes.
    """

    estimate: float
    low: float | None
    high: float | None
    censored: Literal["none", "below", "above", "plateau"]
    smallest: float
    largest: float


class Difference(_Frozen):
    """The distance of the synthetic images from the real ones, with its 95% interval.

    Unit: the mean distance between two classes of real images. `differs`: the difference is significant, or a cause is
    reported. `unexplained`: the share of the difference that the reported causes do not explain.
    """

    mean: float
    low: float
    high: float
    p_value: float
    differs: bool
    unexplained: ShareEstimate | NotMeasured = NOT_MEASURED


class AuditedCause(CauseEstimate):
    """One cause of the difference in one direction.

    `per_class`: the effect in each class. `few_classes`: the classes that are affected, if only a few are.
    `accuracy_cost`: the decrease of accuracy when real training images undergo the equivalent change `like`. `gain`:
    the increase of accuracy when the cause is removed from the data set, by dropping images or undoing the change. Both
    are paired differences, and only budget `full` measures them.
    """

    per_class: Mapping[str, float]
    few_classes: tuple[str, ...]
    accuracy_cost: Value | NotMeasured
    gain: Value | NotMeasured


class UnjudgedCause(_Frozen):
    """A cause that the images of an audit cannot show, and the reason; `classes`: if this is about a few classes."""

    id: CauseId
    direction: Direction
    reason: str
    classes: tuple[str, ...] = ()


class ClassResult(_Frozen):
    """The accuracies of one class: mean, minimum and maximum over the training seeds (not a confidence interval)."""

    name: str
    synth_to_real: Value | NotMeasured
    real_to_synth: Value | NotMeasured
    real_to_real: Value | NotMeasured


class SyntheticSet(_Frozen):
    """The results of one synthetic data set.

    `images_per_class`: images used of each class, a number or a list of numbers. `left_out`: images not used,
    because there are fewer real ones of their class, or because they belong to no class of the task.
    `synth_to_real`: accuracy on real test images after training on this data set; all accuracies are means over
    classes. `real_to_synth`: accuracy on this data set after training on real images. `real_to_real`: accuracy
    after training on exactly as many real images of each class. `gap`: `synth_to_real` minus `real_to_real`,
    paired. `causes`: of the difference from real images, the largest first; `not_judged`: causes that these images
    cannot show. `format`: how the files of this data set differ in format from those of the real images, null if
    they do not; causes are those that remain when both sides have the same format. `per_class`: accuracies of each
    class. `metrics`: distribution metrics of the data set with real test images as reference; `controls`: the same
    metrics of equally many real images; `metric_images_per_class`: images of each class on either side that a
    metric was measured on. `data`: for each data check, the number of images (or classes) that it found in this
    data set and in the real images. `lists`: for each list of images, such as `labels` or `repeats`, the number of
    its images. `list_file`: path of the CSV file with these lists.
    """

    name: str
    images_per_class: ClassCounts
    left_out: int
    synth_to_real: Value | NotMeasured
    real_to_synth: Value | NotMeasured
    real_to_real: Value | NotMeasured
    gap: Value | NotMeasured
    effective_real_images_per_class: EffectiveImages | NotMeasured
    difference: Difference | NotMeasured
    causes: tuple[AuditedCause, ...] | NotMeasured
    not_judged: tuple[UnjudgedCause, ...] = ()
    per_class: tuple[ClassResult, ...]
    metrics: Mapping[str, Value | NotMeasured]
    controls: Mapping[str, Value | NotMeasured]
    metric_images_per_class: Mapping[str, ClassCounts]
    data: Mapping[str, int] | NotMeasured = NOT_MEASURED
    format: FormatFinding | NotMeasured | None = NOT_MEASURED
    lists: Mapping[str, int] | NotMeasured = NOT_MEASURED
    list_file: str | None = None


class AuditedSelection(_Frozen):
    """The accuracy after training on a selection of images minus that on random selections of equal size.

    `of`: the data sets that are selected from; for several, it is the mean effect. `selection`, `control`: the names of
    the selections and of their random controls in the study. `words`, `random_words`: what is selected, such as `the
    prettier half of generated` and `a random half`. `difference`: its interval is at the level at which Holm's
    procedure tests it; `p_value`: adjusted in the same way. `detectable`: the true difference that is found in 80% of
    cases.
    """

    of: tuple[str, ...]
    selection: tuple[str, ...]
    control: tuple[str, ...]
    words: str
    random_words: str
    difference: Value
    p_value: float | NotMeasured
    detectable: float | NotMeasured


class Split(_Frozen):
    """The numbers of real training and test images, over all classes.

    `hold_out`: the fraction (0-1) of the real images that is held out for testing; `seed`: the seed of this split. Both
    are null if test images were given (`--test`).
    """

    train: int
    test: int
    hold_out: float | None
    seed: int | None


class Groups(_Frozen):
    """Groups of related images, which are split and resampled as a whole.

    `test`: number of groups of test images. `by`: the groups come from the user's file, or from near-duplicate search.
    """

    test: int
    by: Literal["file", "near-duplicates"]


class AuditedTask(_Frozen):
    """The real images.

    `chance`: accuracy of guessing (0-1). `real_images`: number of images, without images given by `--test`.
    `test_images_per_class`: real test images of each class, a number or a list of numbers.
    """

    name: str
    classes: tuple[str, ...]
    chance: float
    real_images: int
    test_images_per_class: ClassCounts
    split: Split
    groups: Groups


class Audit(_Frozen):
    """The result of an audit. Accuracies and other fractions are 0-1; values that were not measured are `not_measured`.

    `complete`: nothing is missing or failed; otherwise `problems` has one sentence for each problem. `classifiers`:
    what the accuracies are measured with, such as a linear probe on a frozen encoder. `encoders`: the frozen encoders,
    by name; results are those of the first configuration. `images_per_class`: real training images of each class, a
    number or a list of numbers. `real_to_real`: accuracy after training on them. A synthetic set with other numbers has
    a `real_to_real` of its own. `answer`: the results in sentences. `notes`: how the data sets were prepared. `report`:
    path of the HTML report. `data`: for each data check, the number of images (or classes) that it found in all data
    sets. `findings`: what was found, errors first. `selections`: what the selections of an experiment gain or cost,
    mean effects over several sets first.
    """

    schema_version: Literal[1] = 1
    budget: Budget
    complete: bool
    task: AuditedTask
    images_per_class: ClassCounts
    real_to_real: Value | NotMeasured
    synthetic: tuple[SyntheticSet, ...]
    answer: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    report: str
    data: Mapping[str, int] | NotMeasured = NOT_MEASURED
    findings: tuple[Finding, ...] = ()
    classifiers: str = ""
    encoders: tuple[str, ...] = ()
    selections: tuple[AuditedSelection, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the document that `prettyuseful audit --json` prints."""
        return self.model_dump(mode="json")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Findings of the data checks that may mislead. Those that make numbers wrong are in the answer."""
        return tuple(finding.words for finding in self.findings if finding.severity == "warning")

    def table_rows(self) -> list[tuple[str, ...]]:
        """Return a text table: the column headings, the real images, and one row for each synthetic data set.

        There is a row of real images for each number of images that a synthetic data set is compared with.
        """
        headings = (
            "trained on",
            "images/class",
            "accuracy on real",
            "accuracy of real-trained",
            "difference from real",
            "effective real/class",
        )
        real = {self.images_per_class: self.real_to_real}
        real |= {entry.images_per_class: entry.real_to_real for entry in self.synthetic}
        return [
            headings,
            *(("real", str(n), _format_value(real[n], percent), "", "", "") for n in sorted(real)),
            *(_table_row(entry) for entry in self.synthetic),
        ]

    def _repr_html_(self) -> str:
        headings, *rows = self.table_rows()
        head = _html_row(headings, "th")
        body = "".join(_html_row(row, "td") for row in rows)
        text = "".join(f"<p>{escape(line)}</p>" for line in (*self.warnings, *self.answer, *self.notes, *self.problems))
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{text}<p>{escape(self.report)}</p>"


def curve_sizes(images_per_class: int, fine: bool = False) -> list[int]:
    """Return the numbers of real images per class that the curve of real images has in an audit; more if `fine`."""
    fractions = _FINE_FRACTIONS if fine else _CURVE_FRACTIONS
    return sorted({max(1, round(fraction * images_per_class)) for fraction in fractions})


def _table_row(synthetic_set: SyntheticSet) -> tuple[str, ...]:
    return (
        synthetic_set.name,
        str(synthetic_set.images_per_class),
        _format_value(synthetic_set.synth_to_real, percent),
        _format_value(synthetic_set.real_to_synth, percent),
        _format_value(synthetic_set.gap, points),
        _format_effective_images(synthetic_set.effective_real_images_per_class),
    )


def _format_value(value: Value | NotMeasured, formatter: Callable[[Value], str]) -> str:
    return "not measured" if value == NOT_MEASURED else formatter(value)


def _format_effective_images(value: EffectiveImages | NotMeasured) -> str:
    """Format as `1.7 [< 1, 2.8]`; one-sided as `< 1 [< 2.8]` or `>= 24 [> 17]`."""
    if value == NOT_MEASURED:
        return "not measured"
    low = f"< {count(value.smallest)}" if value.low is None else count(value.low)
    high = f"> {count(value.largest)}" if value.high is None else count(value.high)
    match value.censored:
        case "none":
            return f"{count(value.estimate)} [{low}, {high}]"
        case "below":
            return f"< {count(value.estimate)}" + ("" if value.high is None else f" [< {high}]")
    return f">= {count(value.estimate)}" + ("" if value.low is None else f" [> {low}]")


def audit_schema() -> dict[str, Any]:
    """Return the JSON schema of an audit."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Audit.model_json_schema(mode="serialization")}


def _html_row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
