from __future__ import annotations

import pytest

from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import Audit
from prettyuseful.errors import GateError


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("synth_to_rael.high < 1", "did you mean 'synth_to_real'"),
        ("synth_to_real.high <", "a field or a value is missing"),
        ("synth_to_real.hihg < 0.5", "there is no 'hihg' in synth_to_real.hihg; did you mean 'high'"),
        ("causes.coverge.named", "did you mean 'coverage'"),
        ("causes.coverage.nmaed", "did you mean 'named'"),
        ("per_class.any.synth_to_reel.mean > 0", "did you mean 'synth_to_real'"),
        ("metrics.coverage.mena < 1", "did you mean 'mean'"),
        ("metrics.covrage.mean < 1", "there is no 'covrage' in metrics.covrage.mean; did you mean 'coverage'"),
        ("controls.vendi-per-clas.mean < 1", "did you mean 'vendi-per-class'"),
    ],
)
def test_a_gate_that_cannot_be_read_is_told_before_any_work(condition: str, told: str) -> None:
    with pytest.raises(GateError, match=told):
        Gate.of(condition)


def test_a_gate_on_what_was_not_measured_is_one_clear_line(found: Audit) -> None:
    with pytest.raises(GateError, match="was not measured"):
        Gate.of("causes.coverage.named").met_by(found)
    with pytest.raises(GateError, match=r"there is no per_class\.yellow"):
        Gate.of("per_class.yellow.synth_to_real.mean > 1").met_by(found)


@pytest.mark.parametrize(
    "condition",
    [
        "task.chance > 0.5 or real_to_real.seeds == 1",
        "causes.copies.per_class.cat > 0.1 and difference.differs",
        "effective_real_images_per_class.censored == 'below'",
        "controls.coverage.low < 0.1",
    ],
)
def test_a_gate_may_ask_for_all_that_the_json_has(condition: str) -> None:
    Gate.of(condition)


def test_a_gate_that_is_not_met_is_silent(found: Audit) -> None:
    assert Gate.of("not synth_to_real.high >= 0").met_by(found) == []


def test_a_set_that_meets_it_is_named_with_the_values_that_it_asks_for(full: Audit) -> None:
    condition = "synth_to_real.high < 0.6 and task.chance >= 0.5"
    assert Gate.of(condition).met_by(full) == ["first: synth_to_real.high is 0.5, task.chance is 0.5"]
    assert len(Gate.of("synth_to_real.high < 0.9").met_by(full)) == 2


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("causes.high-frequencies.named", True),  # of the two directions, the first one counts
        ("causes.high-frequencies.direction == 'lost'", True),
        ("causes.high-frequencies.accuracy_cost.mean > 0.1", False),
        ("causes.high-frequencies.per_class.'hot dog' > 0.7", True),
        ("per_class.'hot dog'.real_to_synth.mean == 0.4", True),
        ("metrics.coverage.mean < controls.coverage.low", True),
        ("difference.differs and difference.p_value < 0.05", True),
        ("effective_real_images_per_class.censored == 'below'", True),
        ("real_to_real.mean < 0.9", False),
    ],
)
def test_fields_are_those_of_the_set_or_of_the_whole_audit(full: Audit, condition: str, met: bool) -> None:
    alone = full.model_copy(update={"synthetic": full.synthetic[:1]})
    assert bool(Gate.of(condition).met_by(alone)) is met


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("difference.differs", "difference.differs was not measured"),  # of the second set
        ("metrics.density.mean < 1", "metrics.density.mean was not measured; take --budget full"),
        ("metrics.kid.mean < 1", "there is no metrics.kid.mean here, it ends at 'kid'"),
        ("causes.copies.named", "there is no causes.copies.named here, it ends at 'copies'"),
        ("synth_to_real < 1", "synth_to_real is no number, word or truth; name one of its fields"),
        ("task.split.seed == 0", "there is no task.split.seed here"),
    ],
)
def test_a_field_without_a_value_is_one_clear_line(full: Audit, condition: str, words: str) -> None:
    sets = full.synthetic if condition == "difference.differs" else full.synthetic[:1]
    with pytest.raises(GateError) as error:
        Gate.of(condition).met_by(full.model_copy(update={"synthetic": sets}))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
