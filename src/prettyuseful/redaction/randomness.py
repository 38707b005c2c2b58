"""Tells random text, as keys and tokens are, from words, names, versions and hashes."""

from __future__ import annotations

import re

_MIN_LENGTH = 20
_MIN_WORD = 12
# UUIDs and digests of common lengths: they name contents and give no access.
_IDENTIFIER = re.compile(
    r"(?<![A-Za-z0-9])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9a-f]{128}|[0-9a-f]{96}|[0-9a-f]{64}|[0-9a-f]{56}|[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{24})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z0-9]+")
_CHANGE = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")
_NAME_PART = re.compile(r"[A-Z][a-z]{2,}|[a-z]{3,}|[A-Z]{3,}(?![a-z])")
_MIN_OUTSIDE_WORDS = 0.25  # of letters and digits, outside words such as those of `TwoWayMultiLabelLoss`; random: 0.7
_MIN_CHANGES = 0.4  # of letters with another kind of character before them; random letters and digits have 0.62
_MIN_CHANGES_ONE_CASE = 0.2  # random lower-case letters and digits have 0.4


def looks_random(text: str) -> bool:
    """Return whether a text without white space looks as if its letters and digits were drawn at random."""
    if len(text) < _MIN_LENGTH:
        return False
    text = _IDENTIFIER.sub("", text)
    words = _WORD.findall(text)
    length = sum(map(len, words))
    if length < _MIN_LENGTH or max(map(len, words)) < _MIN_WORD:
        return False
    letters = "".join(words)
    if letters != letters.lower() and letters != letters.upper():
        outside_words = len(_NAME_PART.sub("", letters))
        changes = len(_CHANGE.findall(text))
        return changes >= _MIN_CHANGES * (length - len(words)) and outside_words >= _MIN_OUTSIDE_WORDS * length
    # Of one case: names with numbers look alike, but have separators.
    word = max(words, key=len)
    digits = sum(map(str.isdigit, word))
    changes = len(_CHANGE.findall(word))
    return len(word) >= _MIN_LENGTH and 3 <= digits <= len(word) - 3 and changes >= _MIN_CHANGES_ONE_CASE * len(word)
