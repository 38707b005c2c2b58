"""A safe language of conditions, such as `a.b < 0.5 and not (c == "x" or d.e)`; conditions are never run as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prettyuseful.errors import GateError

Scalar = float | bool | str

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_PART = r"""(?:\w[\w-]*|'[^']*'|"[^"]*")"""
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.-]))"
    rf"|(?P<sign><=|>=|==|!=|<|>|\(|\))|(?P<field>{_PART}(?:\.{_PART})*))"
)
_KEYWORDS = ("and", "or", "not")
_BOOLEANS = {"true": True, "false": False}
_MAX_DEPTH = 50


@dataclass(frozen=True)
class Field:
    """A field path such as `causes.'hot dog'.named`: parts separated by dots, quoted if they hold other characters."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(part if re.fullmatch(r"\w[\w-]*", part) else quoted(part) for part in self.parts)


@dataclass(frozen=True)
class Constant:
    value: Scalar

    def __str__(self) -> str:
        return format_scalar(self.value)


@dataclass(frozen=True)
class Comparison:
    left: Field | Constant
    sign: str
    right: Field | Constant

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


@dataclass(frozen=True)
class Negation:
    operand: Condition

    def __str__(self) -> str:
        return f"not {_parenthesised(self.operand)}"


@dataclass(frozen=True)
class Junction:
    """A conjunction (`and`) or disjunction (`or`) of conditions."""

    operator: Literal["and", "or"]
    operands: tuple[Condition, ...]

    def __str__(self) -> str:
        return f" {self.operator} ".join(map(_parenthesised, self.operands))


Condition = Field | Constant | Comparison | Negation | Junction


def parse(text: str) -> Condition:
    """Parse a condition. Comparisons have the highest precedence, then `not`, `and` and `or`.

    Raises:
        GateError: `text` is not a valid condition.
    """
    return _Parser(text).parse()


def holds(condition: Condition, value_of: Callable[[Field], Scalar]) -> bool:
    """Return whether the condition holds. As in Python, `and` and `or` evaluate only as many operands as they need."""

    def evaluate(operand: Field | Constant) -> Scalar:
        return operand.value if isinstance(operand, Constant) else value_of(operand)

    match condition:
        case Comparison():
            return COMPARISONS[condition.sign](evaluate(condition.left), evaluate(condition.right))
        case Negation():
            return not holds(condition.operand, value_of)
        case Junction():
            combine = all if condition.operator == "and" else any
            return combine(holds(operand, value_of) for operand in condition.operands)
        case _:
            return bool(evaluate(condition))


def leaves(condition: Condition) -> Iterator[Field | Constant | Comparison]:
    """Yield the comparisons and single operands of a condition, from left to right."""
    match condition:
        case Negation():
            yield from leaves(condition.operand)
        case Junction():
            for operand in condition.operands:
                yield from leaves(operand)
        case _:
            yield condition


def format_scalar(value: Scalar) -> str:
    """Write a value as in a condition, numbers with at most six digits."""
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}"


def quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _parenthesised(condition: Condition) -> str:
    return f"({condition})" if isinstance(condition, Junction) else str(condition)


class _Parser:
    """A recursive-descent parser; `position` is the index of the next token."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.position, self.depth = text, list(_tokens(text)), 0, 0

    def parse(self) -> Condition:
        condition = self._disjunction()
        if self.position < len(self.tokens):
            raise self._error("unexpected text")
        return condition

    def _disjunction(self) -> Condition:
        parts = [self._conjunction()]
        while self._accept("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._accept("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _negation(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._error(f"more than {_MAX_DEPTH} nested levels")
        condition = Negation(self._negation()) if self._accept("not") else self._comparison()
        self.depth -= 1
        return condition

    def _comparison(self) -> Condition:
        if self._accept("("):
            inner = self._disjunction()
            if not self._accept(")"):
                raise self._error("missing ')'")
            return inner
        left = self._operand()
        if self._next not in COMPARISONS:
            return left
        comparison = Comparison(left, self._advance(), self._operand())
        if self._next in COMPARISONS:
            raise self._error("chained comparison, join two comparisons with 'and'")
        return comparison

    def _operand(self) -> Field | Constant:
        kind = self.tokens[self.position][0] if self.position < len(self.tokens) else "end"
        if kind not in ("number", "field") or self._next in _KEYWORDS:
            raise self._error("a field or a value is missing")
        token = self._advance()
        if kind == "number":
            return Constant(float(token))
        if token in _BOOLEANS:
            return Constant(_BOOLEANS[token])
        parts = tuple(part.strip(part[0]) if part[0] in "'\"" else part for part in re.findall(_PART, token))
        return Constant(parts[0]) if len(parts) == 1 and token[0] in "'\"" else Field(parts)

    @property
    def _next(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def _advance(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1][1]

    def _accept(self, token: str) -> bool:
        matches = self._next == token
        self.position += matches
        return matches

    def _error(self, problem: str) -> GateError:
        start = self.tokens[self.position][2] if self.position < len(self.tokens) else len(self.text)
        return _error(self.text, start, problem)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the kind, text and start position of each token."""
    start, end = 0, len(text.rstrip())
    while start < end:
        match = _TOKEN.match(text, start)
        if match is None:
            raise _error(text, start, "unknown symbol")
        kind = str(match.lastgroup)
        yield kind, match[kind], match.start(kind)
        start = match.end()


def _error(text: str, start: int, problem: str) -> GateError:
    rest = text[start:].strip()
    return GateError(
        f"--fail-if: {problem} {f'at {rest[:40]!r}' if rest else 'at the end'}; "
        "example: 'synth_to_real.high < 0.5 and not causes.labels.named'"
    )
