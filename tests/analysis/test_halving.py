"""What rungs decide, from made-up records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.made_up import study_file

from prettyuseful.analysis.halving import Halving, decide_halving, with_controls
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import HELD_OUT, RunRecord, TransferResult
from prettyuseful.study.file import Study

GROUPS = 40


def study(names: str = "abcdef", controls: Mapping[str, str] | None = None, **halving: Any) -> Study:
    plans: dict[str, Any] = {name: {"seed": seed} for seed, name in enumerate(names)}
    for name, control in (controls or {}).items():
        plans[name]["control"] = control
    return study_file(plans, halving=halving)


def run(name: str, rung: int, accuracy: float | None, status: str = "complete") -> RunRecord:
    """A run whose classifier is right on this share of 40 groups per class, the first ones."""
    sizes = [1] * 2 * GROUPS
    correct = [int(i < round((accuracy or 0) * GROUPS)) for i in range(GROUPS)] * 2
    test = TransferResult(
        kind="synth_to_real",
        tested_on=HELD_OUT,
        top1=accuracy or 0,
        top5=1,
        per_class=[accuracy or 0] * 2,
        confusion=[[1, 0], [0, 1]],
        groups=[f"{label}/{i}" for label in "xy" for i in range(GROUPS)],
        group_labels=[0] * GROUPS + [1] * GROUPS,
        group_sizes=sizes,
        group_correct=correct,
    )
    return RunRecord.model_validate(
        {
            "status": status,
            "dataset": name,
            "images_per_class": ClassCounts(3),
            "architecture": "small",
            "recipe": "small",
            "probe": "rgb",
            "seed": 0,
            "rung": rung,
            "keys": {},
            "transfers": [] if accuracy is None else [test],
        }
    )


def rung(number: int, **accuracies: float | None) -> list[RunRecord]:
    return [run(n, number, a, "failed" if a is None else "complete") for n, a in accuracies.items()]


FIRST = rung(1, a=0.9, b=0.875, c=0.5, d=0.85, e=0.2, f=0.1)


def decided(study: Study, runs: list[RunRecord]) -> Halving:
    halving = decide_halving(study, runs)
    assert halving is not None
    return halving


def test_the_best_go_on_and_a_missing_run_is_waited_for() -> None:
    assert decided(study(), FIRST[:5]).current == tuple("abcdef")
    halving = decided(study(), FIRST)
    assert (halving.current, halving.finished) == (("a", "b"), False)
    assert decided(study(), [*FIRST[:5], run("f", 1, None, "missing")]).rungs == ()
    assert "2 data sets are on rung 2 of 3 (33% of the images)" in halving.sentences[0]


def test_each_dropped_data_set_says_whether_it_was_clearly_worse() -> None:
    halving = decided(study(rungs=2), FIRST)
    assert [dropped.dataset for dropped in halving.dropped] == list("dcef")
    near, *far = halving.dropped
    assert not near.clearly_worse
    assert near.words.endswith("not significant: the rule keeps a fixed number of data sets")
    assert all(dropped.clearly_worse for dropped in far)
    assert "from a" in far[0].words
    assert near.behind is not None
    assert near.behind.level == pytest.approx(1 - 0.05 / 5)
    (sentence,) = halving.sentences
    assert sentence.startswith("Successive halving stopped 4 of 6 data sets with a part of the images")
    assert "3 of them were significantly below" in sentence
    assert "1 were not" in sentence


def test_a_control_goes_on_with_its_data_set() -> None:
    treated = study(controls={"a": "e", "e": "f"})
    assert with_controls(["a"], treated) == ("a", "e", "f")
    (first,) = decided(treated, FIRST).rungs
    assert (first.kept, first.controls) == (("a", "b", "e", "f"), ("e", "f"))


def test_later_rungs_are_decided_among_those_on_them() -> None:
    second = rung(2, a=0.5, b=0.9)
    halving = decided(study(keep=0.4), [*FIRST, *rung(2, a=0.5, b=0.9, d=0.8)])
    assert halving.finished
    assert (halving.rungs[0].kept, halving.current) == (("a", "b", "d"), ("b", "d"))
    assert (halving.dropped[0].dataset, halving.dropped[0].rung) == ("a", 2)
    assert set(halving.datasets_by_rung[1]) == set("abd")
    assert decided(study(), [*FIRST, *second]).dropped[0].rung == 1


def test_a_data_set_whose_run_failed_is_dropped() -> None:
    halving = decided(study(rungs=2), rung(1, a=0.9, b=None, c=0.5, d=0.4, e=0.3, f=None))
    failed = [dropped for dropped in halving.dropped if dropped.accuracy is None]
    assert [dropped.dataset for dropped in failed] == ["b", "f"]
    assert failed[0].words == "its classifier could not be trained"
    assert "2 could not be trained" in halving.sentences[0]
    assert decided(study(rungs=2), rung(1, **dict.fromkeys("abcdef"))).current == ()


def test_a_study_without_halving_has_none() -> None:
    assert decide_halving(study_file({"a": {}}), FIRST) is None
