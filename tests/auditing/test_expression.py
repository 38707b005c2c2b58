import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.auditing.expression import Field, holds, parse
from prettyuseful.errors import GateError

VALUES: dict[str, float | bool | str] = {"a.b": 0.4, "a.named": True, "name": "set"}


def evaluate(text: str) -> bool:
    return holds(parse(text), lambda field: VALUES[str(field)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b < 0.5", True),
        ("a.b >= .5", False),
        ("not a.b >= 0.5", True),
        ("a.named and name == 'set'", True),
        ("a.b > 1 or a.named", True),
        ("(a.b > 1 or a.named) and not a.named", False),
        ("a.b > 1 and a.named or a.named", True),
        ("a.named == true", True),
    ],
)
def test_conditions_are_evaluated(text: str, expected: bool) -> None:
    assert evaluate(text) is expected


@pytest.mark.parametrize("text", ["", "a.b <", "< 3", "a.b < 1 < 2", "(a.b", "a.b)", "a.b $ 3", "not", "a b"])
def test_invalid_conditions_are_rejected(text: str) -> None:
    with pytest.raises(GateError, match="--fail-if"):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_parses_or_raises_gate_error(text: str) -> None:
    try:
        condition = parse(text)
    except GateError:
        return
    assert str(parse(str(condition))) == str(condition)


@given(st.floats(-1e6, 1e6), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.floats(-1e6, 1e6))
def test_comparisons_agree_with_python(left: float, sign: str, right: float) -> None:
    result = holds(parse(f"x {sign} {right!r}"), lambda _: left)
    assert result is eval(f"{left!r} {sign} {right!r}")


def test_names_with_special_characters_are_quoted() -> None:
    assert parse("causes.'high frequencies'.named") == Field(("causes", "high frequencies", "named"))
