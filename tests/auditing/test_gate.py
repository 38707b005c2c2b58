from __future__ import annotations

import pytest

from prettyuseful.auditing.gate import Gate
from prettyuseful.auditing.result import Audit
from prettyuseful.checks.places import DataReport
from prettyuseful.errors import GateError


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("synth_to_rael.high < 1", "did you mean 'synth_to_real'"),
        ("synth_to_real.high <", "a field or a value is missing"),
        ("synth_to_real.hihg < 0.5", "unknown name 'hihg' in synth_to_real.hihg; did you mean 'high'"),
        ("causes.coverge.named", "did you mean 'coverage'"),
        ("causes.coverage.nmaed", "did you mean 'named'"),
        ("per_class.any.synth_to_reel.mean > 0", "did you mean 'synth_to_real'"),
        ("metrics.coverage.mena < 1", "did you mean 'mean'"),
        ("metrics.covrage.mean < 1", "unknown name 'covrage' in metrics.covrage.mean; did you mean 'coverage'"),
        ("controls.vendi-per-clas.mean < 1", "did you mean 'vendi-per-class'"),
        ("data.leeked > 0", "unknown name 'leeked' in data.leeked; did you mean 'leaked'"),
    ],
)
def test_invalid_conditions_are_rejected_when_parsed(condition: str, message: str) -> None:
    with pytest.raises(GateError, match=message):
        Gate.parse(condition)


def test_unmeasured_and_unknown_fields_are_reported(audit_result: Audit) -> None:
    with pytest.raises(GateError, match="was not measured"):
        Gate.parse("causes.coverage.named").satisfied_by(audit_result)
    with pytest.raises(GateError, match=r"this audit has no per_class\.yellow"):
        Gate.parse("per_class.yellow.synth_to_real.mean > 1").satisfied_by(audit_result)


@pytest.mark.parametrize(
    "condition",
    [
        "task.chance > 0.5 or real_to_real.seeds == 1",
        "causes.copies.per_class.cat > 0.1 and difference.differs",
        "effective_real_images_per_class.censored == 'below'",
        "controls.coverage.low < 0.1",
    ],
)
def test_conditions_may_use_every_field_of_the_json(condition: str) -> None:
    Gate.parse(condition)


def test_an_unsatisfied_condition_returns_no_lines(audit_result: Audit) -> None:
    assert Gate.parse("not synth_to_real.high >= 0").satisfied_by(audit_result) == []


def test_a_satisfied_condition_lists_the_set_and_its_values(full_audit: Audit) -> None:
    condition = "synth_to_real.high < 0.6 and task.chance >= 0.5"
    assert Gate.parse(condition).satisfied_by(full_audit) == ["first: synth_to_real.high is 0.5, task.chance is 0.5"]
    assert len(Gate.parse("synth_to_real.high < 0.9").satisfied_by(full_audit)) == 2


@pytest.mark.parametrize(
    ("condition", "satisfied"),
    [
        ("causes.high-frequencies.named", True),  # the first of the two directions is used
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
def test_fields_come_from_the_set_or_the_whole_audit(full_audit: Audit, condition: str, satisfied: bool) -> None:
    first_only = full_audit.model_copy(update={"synthetic": full_audit.synthetic[:1]})
    assert bool(Gate.parse(condition).satisfied_by(first_only)) is satisfied


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("difference.differs", "difference.differs was not measured"),  # not measured for the second set
        ("metrics.density.mean < 1", "metrics.density.mean was not measured; use --budget full"),
        ("metrics.kid.mean < 1", "this audit has no metrics.kid.mean ('kid' is missing)"),
        ("causes.copies.named", "this audit has no causes.copies.named ('copies' is missing)"),
        ("synth_to_real < 1", "synth_to_real is not a number, text or true/false; name one of its fields"),
        ("task.split.seed == 0", "this audit has no task.split.seed"),
    ],
)
def test_fields_without_a_value_are_reported_in_one_line(full_audit: Audit, condition: str, message: str) -> None:
    sets = full_audit.synthetic if condition == "difference.differs" else full_audit.synthetic[:1]
    with pytest.raises(GateError) as error:
        Gate.parse(condition).satisfied_by(full_audit.model_copy(update={"synthetic": sets}))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_data_checks_are_fields_of_each_set(full_audit: Audit) -> None:
    first, second = full_audit.synthetic
    first, second = (
        images.model_copy(update={"data": {"leaked": count}}) for images, count in ((first, 3), (second, 0))
    )
    audit = full_audit.model_copy(update={"synthetic": (first, second)})
    assert Gate.parse("data.leaked > 0").satisfied_by(audit) == ["first: data.leaked is 3"]
    with pytest.raises(GateError, match=r"data\.leaked was not measured"):
        Gate.parse("data.leaked > 0").satisfied_by(full_audit)


def test_a_condition_on_data_checks_alone_has_their_fields() -> None:
    report = DataReport(sets=(), data={"leaked": 2, "repeated": 0}, findings=())
    gate = Gate.parse("data.leaked > 1 and not data.repeated", (DataReport,))
    assert gate.satisfied_by_data(report) == ["data.leaked is 2, data.repeated is 0"]
    assert Gate.parse("data.leaked > 2", (DataReport,)).satisfied_by_data(report) == []
    with pytest.raises(GateError, match="unknown field 'gap'; valid fields: schema_version, sets, data, findings"):
        Gate.parse("gap.mean < 0", (DataReport,))
