from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.made_up import BLUR, made_up_summary

from prettyuseful.analysis.prettiness import PrettyUseful, prettiness_of
from prettyuseful.analysis.summary import Summary

EIGHT = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def sets(rates: dict[str, float], prettiness: dict[str, float], **changes: Any) -> Summary:
    return made_up_summary(rates={"real": 0.9, **rates}, prettiness={"real": 0.0, **prettiness}, **changes)


def ordered(count: int, sign: int = -1) -> Summary:
    """Return data sets whose prettiness falls (`sign` -1) or rises (1) with their accuracy."""
    names = [f"set{i}" for i in range(count)]
    rates = dict(zip(names, EIGHT, strict=False))
    return sets(rates, {name: sign * rate for name, rate in rates.items()})


def of(summary: Summary) -> PrettyUseful:
    assert summary.pretty_useful is not None
    return summary.pretty_useful


def test_every_data_set_has_both_intervals_and_real_images_come_first() -> None:
    summary = sets({"base": 0.6, "curated": 0.4}, {"base": 0.1, "curated": 0.5}, released={"base": "2024-02"})
    result = of(summary)
    assert [point.dataset for point in result.points] == ["real", "base", "curated"]
    assert result.real is result.points[0]
    assert [point.released for point in result.sets] == ["2024-02", None]
    for point, row in zip(result.points, summary.rows, strict=True):
        assert point.useful == row.to_real
        assert point.pretty == row.metrics["prettiness"]
        assert point.pretty.low < point.pretty.mean < point.pretty.high


def test_without_a_score_of_two_data_sets_there_is_nothing() -> None:
    assert made_up_summary().pretty_useful is None
    assert sets({"base": 0.6, "curated": 0.4}, {"base": 0.1}).pretty_useful is None
    one = sets({"base": 0.6}, {"base": 0.1})
    assert one.pretty_useful is None
    assert "prettier" not in " ".join((*one.answer, *one.headline))
    unfinished = sets({"base": 0.6, "curated": 0.4}, {"base": 0.1, "curated": 0.5}, failed=("curated",))
    assert unfinished.pretty_useful is None
    assert prettiness_of((), (), (), ()) is None


def test_real_images_without_a_score_are_left_out() -> None:
    result = of(made_up_summary(prettiness={"base": 0.1, "curated": 0.5}))
    assert result.real is None
    assert len(result.points) == 2


def test_prettier_and_less_useful_is_the_first_sentence() -> None:
    summary = ordered(8)
    rho = of(summary).correlation
    assert rho is not None
    assert (rho.n, round(rho.rho, 6), rho.exact) == (8, -1.0, True)
    assert rho.high < 0
    first = summary.answer[0]
    assert first.startswith(
        "Prettier sets are less useful as training data: the rank correlation of prettiness and accuracy on real test "
        "images is -1.00 [-1.00, "
    )
    assert first.endswith("over 8 generated data sets (p < 0.001, exact permutation test).")
    assert summary.headline[0] == first
    assert summary.headline[1].startswith("The best of 8 generated data sets")
    assert ordered(8, 1).answer[0].startswith("Prettier sets are more useful as training data: ")


def test_an_interval_that_contains_zero_shows_nothing() -> None:
    rates = {f"set{i}": rate for i, rate in enumerate(EIGHT[:6])}
    shuffled = dict(zip(rates, (0.3, 0.1, 0.6, 0.2, 0.5, 0.4), strict=True))
    summary = sets(rates, shuffled)
    assert summary.answer[0].startswith(
        "These results do not show whether prettier sets are less useful as training data: the rank correlation"
    )
    rho = of(summary).correlation
    assert rho is not None
    assert rho.low < 0 < rho.high
    assert rho.p > 0.05


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_sets_cannot_show_it(count: int) -> None:
    summary = ordered(count)
    assert summary.headline[0] == (
        f"{count} independently generated data sets cannot show whether prettier sets are less useful as training "
        "data: with fewer than 5, no rank correlation is significant."
    )


def test_equal_values_cannot_show_it() -> None:
    names = [f"set{i}" for i in range(6)]
    summary = sets(dict.fromkeys(names, 0.5), {name: 0.1 * i for i, name in enumerate(names)})
    assert of(summary).correlation is None
    assert "too many of their values are equal" in summary.headline[0]


def test_the_correlation_rests_on_independent_sets_only() -> None:
    """Data sets that are made of another one, and those that contain real images, are points but do not count."""
    rates = {f"set{i}": rate for i, rate in enumerate(EIGHT[:6])}
    changed = {"set5": {"of": "set0", "transform": BLUR}}
    summary = sets(rates, {name: -rate for name, rate in rates.items()}, changed=changed)
    result = of(summary)
    assert len(result.sets) == 6
    assert [point.dataset for point in result.independent] == ["set0", "set1", "set2", "set3", "set4"]
    assert result.correlation is not None
    assert result.correlation.n == 5
    mixed = [replace(row, holds_real=True) if row.dataset == "set1" else row for row in summary.rows]
    result = prettiness_of(summary.study.metrics, summary.datasets, mixed, summary.comparisons) or result
    assert "set1" not in {point.dataset for point in result.independent}


def test_planned_comparisons_are_arrows_from_control_to_treated() -> None:
    changed = {"curated": {"generator": "pocket-base", "control": "base"}}
    summary = sets({"base": 0.8, "curated": 0.2}, {"base": 0.1, "curated": 0.9}, changed=changed)
    (arrow,) = of(summary).arrows
    assert (arrow.control, arrow.treated) == ("base", "curated")
    assert arrow.pretty.mean == pytest.approx(0.8)
    assert arrow.pretty.excludes_zero
    assert arrow.useful == next(pair.to_real for pair in summary.comparisons if pair.planned)
    assert summary.answer[1] == (
        "In 1 of 1 pre-registered comparisons of sets that differ significantly in prettiness, the prettier one is "
        "significantly less useful; in 0, it is significantly more useful."
    )
    equal = sets({"base": 0.6, "curated": 0.4}, {"base": 0.1, "curated": 0.1}, changed=changed)
    assert len(of(equal).sentences) == 1
    reversed_ = sets({"base": 0.8, "curated": 0.2}, {"base": 0.9, "curated": 0.1}, changed=changed)
    assert reversed_.answer[1].startswith("In 0 of 1 ")
    assert reversed_.answer[1].endswith("; in 1, it is significantly more useful.")


def test_another_score_takes_the_place_of_prettiness() -> None:
    summary = ordered(6)
    named = [
        m.model_copy(update={"name": "x", "title": "Colourfulness", "score": "x"}) if m.score == "prettiness" else m
        for m in summary.study.metrics
    ]
    rows = [replace(row, metrics={"x": row.metrics["prettiness"]}) for row in summary.rows]
    result = prettiness_of(named, summary.datasets, rows, summary.comparisons)
    assert result is not None
    assert (result.score, result.axis_words) == ("x", "colourfulness")
    assert result.sentences[0].startswith("Sets of higher colourfulness are less useful as training data: ")
    assert replace(result, title="LAION score").axis_words == "LAION score"
    both = [*named, *(metric for metric in summary.study.metrics if metric.score)]
    rows = [replace(row, metrics={**row.metrics, "prettiness": value}) for row in rows for value in [row.metrics["x"]]]
    first = prettiness_of(both, summary.datasets, rows, summary.comparisons)
    assert first is not None
    assert first.score == "prettiness"
    of_a_score = [metric.model_copy(update={"score": "other"}) for metric in named]
    assert prettiness_of(of_a_score, summary.datasets, rows, summary.comparisons) is None


def test_the_error_of_accuracies_is_that_of_their_paired_differences() -> None:
    """All sets are tested on the same images: what these add to every accuracy does not change a rank."""
    rates = {f"set{i}": rate for i, rate in enumerate(EIGHT[:6])}
    summary = sets(rates, dict(zip(rates, (0.3, 0.1, 0.6, 0.2, 0.5, 0.4), strict=True)))

    def width(error: float, row_error: float = 0.1) -> float:
        pairs = [replace(pair, to_real=replace(pair.to_real, error=error)) for pair in summary.comparisons]
        rows = [replace(r, to_real=replace(r.to_real, error=row_error)) for r in summary.rows if r.to_real]
        result = prettiness_of(summary.study.metrics, summary.datasets, rows, pairs if error else ())
        assert result is not None
        assert result.correlation is not None
        return result.correlation.high - result.correlation.low

    assert width(0.001) < width(0.2)
    assert width(0.001, 0.01) == width(0.001, 0.2)
    assert width(0.0, 0.01) < width(0.0, 0.2)
