"""Conditions as users write them: `a.b < 0.5 and not (c == "x" or d.e)`. Nothing in them is ever run as code."""

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
_WORDS = ("and", "or", "not")
_TRUTH = {"true": True, "false": False}
_DEEPEST = 50


@dataclass(frozen=True)
class Field:
    """A field by its parts, which dots divide; a part with other characters than these stands in quotes."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(part if re.fullmatch(r"\w[\w-]*", part) else quoted(part) for part in self.parts)


@dataclass(frozen=True)
class Constant:
    value: Scalar

    def __str__(self) -> str:
        return shown(self.value)


@dataclass(frozen=True)
class Comparison:
    left: Field | Constant
    sign: str
    right: Field | Constant

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


@dataclass(frozen=True)
class Negation:
    of: Condition

    def __str__(self) -> str:
        return f"not {_bracketed(self.of)}"


@dataclass(frozen=True)
class Junction:
    """All of them hold (`and`), or any (`or`)."""

    word: Literal["and", "or"]
    of: tuple[Condition, ...]

    def __str__(self) -> str:
        return f" {self.word} ".join(map(_bracketed, self.of))


Condition = Field | Constant | Comparison | Negation | Junction


def parse(text: str) -> Condition:
    """The condition that `text` is. `or` binds least, then `and`, `not`, and comparisons most.

    Raises:
        GateError: it is none.
    """
    return _Parser(text).whole()


def holds(condition: Condition, value_of: Callable[[Field], Scalar]) -> bool:
    """Whether it holds. What no longer matters, after a part of an `and` or `or` that decides it, is not looked at."""

    def value(side: Field | Constant) -> Scalar:
        return side.value if isinstance(side, Constant) else value_of(side)

    match condition:
        case Comparison():
            return COMPARISONS[condition.sign](value(condition.left), value(condition.right))
        case Negation():
            return not holds(condition.of, value_of)
        case Junction():
            decide = all if condition.word == "and" else any
            return decide(holds(part, value_of) for part in condition.of)
        case _:
            return bool(value(condition))


def leaves(condition: Condition) -> Iterator[Field | Constant | Comparison]:
    """The comparisons and lone operands that it is made of."""
    match condition:
        case Negation():
            yield from leaves(condition.of)
        case Junction():
            for part in condition.of:
                yield from leaves(part)
        case _:
            yield condition


def shown(value: Scalar) -> str:
    """As it is written in a condition; numbers with at most six digits."""
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}"


def quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _bracketed(condition: Condition) -> str:
    return f"({condition})" if isinstance(condition, Junction) else str(condition)


class _Parser:
    """Recursive descent."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.depth = text, list(_tokens(text)), 0, 0

    def whole(self) -> Condition:
        found = self._any()
        if self.at < len(self.tokens):
            raise self._wrong("this does not belong here")
        return found

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _all(self) -> Condition:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _negation(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._wrong(f"more than {_DEEPEST} levels")
        found = Negation(self._negation()) if self._take("not") else self._comparison()
        self.depth -= 1
        return found

    def _comparison(self) -> Condition:
        if self._take("("):
            inner = self._any()
            if not self._take(")"):
                raise self._wrong("a ) is missing")
            return inner
        left = self._operand()
        if self._next not in COMPARISONS:
            return left
        found = Comparison(left, self._advance(), self._operand())
        if self._next in COMPARISONS:
            raise self._wrong("one comparison at a time; join two with and")
        return found

    def _operand(self) -> Field | Constant:
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else "end"
        if kind not in ("number", "field") or self._next in _WORDS:
            raise self._wrong("a field or a value is missing")
        token = self._advance()
        if kind == "number":
            return Constant(float(token))
        if token in _TRUTH:
            return Constant(_TRUTH[token])
        parts = tuple(part.strip(part[0]) if part[0] in "'\"" else part for part in re.findall(_PART, token))
        return Constant(parts[0]) if len(parts) == 1 and token[0] in "'\"" else Field(parts)

    @property
    def _next(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _advance(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _take(self, word: str) -> bool:
        taken = self._next == word
        self.at += taken
        return taken

    def _wrong(self, why: str) -> GateError:
        return _wrong(self.text, self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text), why)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and place of each."""
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(text, at, "no field, value or sign")
        kind = str(match.lastgroup)
        yield kind, match[kind], match.start(kind)
        at = match.end()


def _wrong(text: str, at: int, why: str) -> GateError:
    rest = text[at:].strip()
    return GateError(
        f"--fail-if: {why}, {f'at {rest[:40]!r}' if rest else 'at its end'}; it is written like "
        "'synth_to_real.high < 0.5 and not causes.labels.named'"
    )
