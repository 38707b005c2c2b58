"""What an audit says: the JSON that it prints, as frozen models of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from prettyuseful.diagnosis.findings import CauseFinding
from prettyuseful.formatting import percent, points

NotMeasured = Literal["not_measured"]
NOT_MEASURED: NotMeasured = "not_measured"
Budget = Literal["quick", "full"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Value(_Frozen):
    """A mean with its 95 % interval. `seeds`: by each training seed, where there are any. Accuracies are 0-1."""

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...] = ()


class EffectiveImages(_Frozen):
    """How many real images per class teach as much.

    `censored`: `below` the fewest that were tried, `above` the most, on the `plateau` where more do not help, `none`.
    `low` and `high` are null where they lie beyond what was tried.
    """

    estimate: float
    low: float | None
    high: float | None
    censored: Literal["none", "below", "above", "plateau"]


class Difference(_Frozen):
    """How far the images are from real ones, in standard deviations of real against real; `differs`: it is clear."""

    mean: float
    low: float
    high: float
    p_value: float
    differs: bool


class AuditedCause(CauseFinding):
    """One cause in one direction, with classes by name.

    `per_class`: the effect by class; `few_classes`: those that stand out, where only they do. `accuracy_cost`: by how
    much accuracy falls when real images go through `like`. `gain`: by how much it rises when the set loses the images,
    or the colours, that the cause is about. Both are paired and measured by budget `full`.
    """

    per_class: Mapping[str, float]
    few_classes: tuple[str, ...]
    accuracy_cost: Value | NotMeasured
    gain: Value | NotMeasured


class ClassResult(_Frozen):
    """The three transfers of one class: mean, lowest and highest of the training seeds, which is no interval."""

    name: str
    synth_to_real: Value | NotMeasured
    real_to_synth: Value | NotMeasured
    real_to_real: Value | NotMeasured


class SyntheticSet(_Frozen):
    """What was found of one synthetic set.

    `left_out`: images that were not looked at, since every set is cut to equally many per class. `gap`: `synth_to_real`
    minus `real_to_real`, paired. `causes`: the first is the one that explains most. `metrics`: of the set against real
    test images; `controls`: of other real images in its place.
    """

    name: str
    images_per_class: int
    left_out: int
    synth_to_real: Value | NotMeasured
    real_to_synth: Value | NotMeasured
    gap: Value | NotMeasured
    effective_real_images_per_class: EffectiveImages | NotMeasured
    difference: Difference | NotMeasured
    causes: tuple[AuditedCause, ...] | NotMeasured
    per_class: tuple[ClassResult, ...]
    metrics: Mapping[str, Value | NotMeasured]
    controls: Mapping[str, Value | NotMeasured]


class Split(_Frozen):
    """Images of all classes. `hold_out`, the share that was held out, and its `seed` are null if `--test` was given."""

    train: int
    test: int
    hold_out: float | None
    seed: int | None


class Groups(_Frozen):
    """What is resampled and split whole: how many groups the test images are in, and who said so."""

    test: int
    by: Literal["file", "near-duplicates"]


class AuditedTask(_Frozen):
    """The real images. `chance`: the accuracy of guessing. `test_images_per_class`: what classifiers are tested on."""

    name: str
    classes: tuple[str, ...]
    chance: float
    real_images: int
    test_images_per_class: int
    split: Split
    groups: Groups


class Audit(_Frozen):
    """Whether sets of images are useful training data. Fractions are 0-1; what was left out says `not_measured`.

    `real_to_real`: what equally many real images teach. `answer`: the findings in sentences; `notes`: what was done to
    the sets first. `problems`: what is missing, and `complete` if nothing is. `report`: the HTML file.
    """

    schema_version: Literal[1] = 1
    budget: Budget
    complete: bool
    task: AuditedTask
    images_per_class: int
    real_to_real: Value | NotMeasured
    synthetic: tuple[SyntheticSet, ...]
    answer: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    report: str

    def as_json(self) -> dict[str, Any]:
        """What `prettyuseful audit --json` prints."""
        return self.model_dump(mode="json")

    def rows(self) -> list[tuple[str, ...]]:
        """A table for people: headings first, then the real images, then a row for each set."""
        real = ("real", str(self.images_per_class), _or_not_measured(self.real_to_real, percent), "", "", "")
        sets = [
            (
                one.name,
                str(one.images_per_class),
                _or_not_measured(one.synth_to_real, percent),
                _or_not_measured(one.real_to_synth, percent),
                _or_not_measured(one.gap, points),
                worth(one.effective_real_images_per_class),
            )
            for one in self.synthetic
        ]
        return [
            ("trained on", "n/class", "tested on real", "real-trained on it", "gap", "worth, real/class"),
            real,
            *sets,
        ]

    def _repr_html_(self) -> str:
        """For notebooks."""
        head, *body = self.rows()
        table = "".join(_html_row(row, "td") for row in body)
        told = "".join(f"<p>{escape(line)}</p>" for line in (*self.answer, *self.notes, *self.problems))
        heads = _html_row(head, "th")
        return f"<table><thead>{heads}</thead><tbody>{table}</tbody></table>{told}<p>{escape(self.report)}</p>"


def _or_not_measured(value: Value | NotMeasured, text: Callable[[Value], str]) -> str:
    return "not measured" if value == NOT_MEASURED else text(value)


def worth(value: EffectiveImages | NotMeasured) -> str:
    if value == NOT_MEASURED:
        return "not measured"
    sign = {"below": "< ", "above": "> ", "plateau": ">= ", "none": ""}[value.censored]
    low, high = ("..." if end is None else f"{end:.3g}" for end in (value.low, value.high))
    return f"{sign}{value.estimate:.3g} [{low}, {high}]"


def audit_schema() -> dict[str, Any]:
    """The JSON schema of an audit."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Audit.model_json_schema(mode="serialization")}


def _html_row(cells: tuple[str, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
