"""Finds known values in a text: whole, wrapped, encoded, and large parts of random ones, in one pass for all values."""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, KeysView
from itertools import pairwise
from urllib.parse import quote

from prettyuseful.redaction.randomness import looks_random

_HEAD = 6  # characters of a value by which it is looked up in the text
_PART_HEAD = 8  # the same in the text without white space
_PART = 12  # characters of a random value that are replaced where the rest of it is missing
_MAX_PARTS = 200_000
_MAX_PART_SOURCE = 16_384  # characters of a value whose parts are known
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")  # of a key; a digest of a file is no secret at all
_WORD = re.compile(r"[A-Z]?[a-z]{1,15}|[A-Z]{1,15}|\d{1,15}")

_Span = tuple[int, int, str]


class _Forms:
    """Forms of values, found by their first characters and their length."""

    def __init__(self, head: int) -> None:
        self.head = head
        self._by_head: dict[str, dict[int, dict[str, str]]] = {}

    def add(self, name: str, form: str) -> None:
        if len(form) >= self.head:
            by_length = self._by_head.setdefault(form[: self.head], {})
            by_length.setdefault(len(form), {}).setdefault(form, name)

    @property
    def heads(self) -> KeysView[str]:
        return self._by_head.keys()

    def at(self, text: str, start: int) -> Iterator[tuple[str, str]]:
        """Yield name and form of each form that stands at a position of the text, the longest first."""
        by_length = self._by_head.get(text[start : start + self.head], {})
        for length in sorted(by_length, reverse=True):
            form = text[start : start + length]
            if name := by_length[length].get(form):
                yield name, form


class SecretIndex:
    """The values of secrets by name, prepared for the search."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        self._exact, self._compact = _Forms(_HEAD), _Forms(_PART_HEAD)
        self._parts: dict[str, str] = {}
        for name, value in sorted(set(secrets)):
            for form in _forms(value):
                self._exact.add(name, form)
                compact = _without_gaps(form)
                if not _WORD.fullmatch(compact):
                    self._compact.add(name, compact)
            self._add_parts(name, value)
        self._compact_heads = {*self._compact.heads, *(part[:_PART_HEAD] for part in self._parts)}

    def redact(self, text: str) -> str:
        """Return `text` with each value replaced by `[NAME]`."""
        spans = sorted([*self._exact_spans(text), *self._compact_spans(text)], key=lambda span: (span[0], -span[1]))
        parts: list[str] = []
        done = 0
        for start, end, name in _merge(spans):
            parts += text[done:start], f"[{name}]"
            done = end
        return "".join([*parts, text[done:]])

    def _add_parts(self, name: str, value: str) -> None:
        compact = _without_gaps(value)[:_MAX_PART_SOURCE]
        if len(compact) < 2 * _PART or not (looks_random(compact) or _HEXADECIMAL.fullmatch(compact)):
            return
        for start in range(len(compact) - _PART + 1):
            part = compact[start : start + _PART]
            if len(self._parts) >= _MAX_PARTS:
                return
            if part not in self._parts and _is_distinctive(part):
                self._parts.setdefault(part, name)

    def _exact_spans(self, text: str) -> Iterator[_Span]:
        heads, done = self._exact.heads, 0
        for start in [i for i in range(len(text) - _HEAD + 1) if text[i : i + _HEAD] in heads]:
            if start < done:
                continue
            for name, form in self._exact.at(text, start):
                if _stands_alone(text, start, form):
                    done = start + len(form)
                    yield start, done, name
                    break

    def _compact_spans(self, text: str) -> Iterator[_Span]:
        """Yield what is found in the text without white space, as places in the text with it."""
        if not self._compact_heads:
            return
        compact = _CompactText(text)
        start, end, found = 0, -1, ""
        for place, length, name in self._compact_matches(compact.text):
            if name == found and place <= end:
                end = max(end, place + length)
                continue
            if found:
                yield compact.place(start), compact.place(end - 1) + 1, found
            start, end, found = place, place + length, name
        if found:
            yield compact.place(start), compact.place(end - 1) + 1, found

    def _compact_matches(self, text: str) -> Iterator[_Span]:
        """Yield start, length and name of each match: a whole value, or a part of a random one."""
        heads, done = self._compact_heads, 0
        for start in [i for i in range(len(text) - _PART_HEAD + 1) if text[i : i + _PART_HEAD] in heads]:
            if start < done:
                continue
            if match := next(self._compact.at(text, start), None):
                done = start + len(match[1])
                yield start, len(match[1]), match[0]
            elif name := self._parts.get(text[start : start + _PART]):
                last = self._last_part(text, start)
                done = last + 1
                yield start, last + _PART - start, name

    def _last_part(self, text: str, start: int) -> int:
        """Return where the last of the parts stands that follow each other without a gap from `start` on."""
        while text[start + _PART : start + 2 * _PART] in self._parts:
            start += _PART
        further = (shift for shift in range(_PART, 0, -1) if text[start + shift : start + shift + _PART] in self._parts)
        return start + next(further, 0)


class _CompactText:
    """A text without white space and invisible characters, and where its characters stood before."""

    def __init__(self, text: str) -> None:
        self._starts, self._places, pieces, length, place = [0], [0], [], 0, 0
        for gap in _GAPS.finditer(text):
            pieces.append(text[place : gap.start()])
            length += gap.start() - place
            place = gap.end()
            self._starts.append(length)
            self._places.append(place)
        self.text = "".join([*pieces, text[place:]])

    def place(self, position: int) -> int:
        """Return where the character at this position stood."""
        run = bisect_right(self._starts, position) - 1
        return self._places[run] + position - self._starts[run]


def _without_gaps(text: str) -> str:
    # No other printable character than the space is a gap, and most forms have no gap.
    return _GAPS.sub("", text) if " " in text or not text.isprintable() else text


def _forms(value: str) -> set[str]:
    """Return the forms in which a value may stand in a text."""
    whole = quote(value, safe="")
    first, *codes = whole.split("%")
    lower = "%".join([first, *(code[:2].lower() + code[2:] for code in codes)])
    # As `quote` and `quote_plus` give them.
    encoded = {whole, whole.replace("%2F", "/"), whole.replace("%20", "+")}
    encoded |= {lower, lower.replace("%2f", "/"), lower.replace("%20", "+")}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    escaped |= {ascii(value)[1:-1], repr(value.encode("utf-8", "replace"))[2:-1]}
    return {value, *encoded, *escaped, html.escape(value), *_base64_forms(value.encode("utf-8", "replace"))}


def _base64_forms(content: bytes) -> Iterator[str]:
    """Yield the base64 form, and the part of it that does not depend on what stands before and after the content."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(content).decode()
        for shift in range(3):
            text = encode(b"\0" * shift + content).decode()
            form = text[-(-8 * shift // 6) : 8 * (shift + len(content)) // 6]
            if len(form) >= _PART_HEAD:
                yield form


def _is_distinctive(part: str) -> bool:
    """Return whether a part of a random value is not likely to occur in another text."""
    has_digit = any(map(str.isdigit, part))
    changes = sum(before.isupper() != after.isupper() for before, after in pairwise(part))
    return len(set(part)) > _PART // 2 and not part.isdigit() and (has_digit or changes > _PART // 4)


def _stands_alone(text: str, start: int, form: str) -> bool:
    """Return whether a form may be replaced here: one that is a word or a number only if it is no part of another."""
    if not _WORD.fullmatch(form):
        return True
    before, after = text[start - 1 : start], text[start + len(form) : start + len(form) + 1]
    return not (before.isalnum() or after.isalnum())


def _merge(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield spans that do not overlap; overlapping ones get the name of the longest."""
    current: list[_Span] = []
    end = -1
    for span in spans:
        if current and span[0] >= end and not (span[0] == end and span[2] == current[0][2]):
            yield _union(current, end)
            current = []
        current.append(span)
        end = max(end, span[1]) if len(current) > 1 else span[1]
    if current:
        yield _union(current, end)


def _union(spans: list[_Span], end: int) -> _Span:
    return spans[0][0], end, max(spans, key=lambda span: span[1] - span[0])[2]
