"""Secrets that stand in a value beside a name or a user: options, headers, settings, and logins without a scheme."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prettyuseful.redaction.keys import is_secret_key

_QUOTED = r"""b?(?:"([^"\n]{1,4096})"|'([^'\n]{1,4096})')"""
# The value is only looked at, because it may contain the next pair.
_PAIR = re.compile(
    rf"""(?<![\w.-])([\w.-]{{1,60}})["']?[ \t]{{0,3}}([:=])[ \t]{{0,3}}(?={_QUOTED}|([^\n]{{1,4096}}))"""
)
_OPTION = re.compile(rf"""(?<!\S)--?([A-Za-z][\w-]{{1,60}})[ \t]{{1,3}}(?={_QUOTED}|([^\s-]\S{{0,4096}}))""")
_SCHEME = re.compile(r"(?:bearer|basic|token|digest|apikey)\s+(\S+)", re.IGNORECASE)
_END = re.compile(r"[,;&})\]\"']")
USER_OPTION = re.compile(
    r"(?<!\S)(?:-u|-U|--user|--proxy-user)(?:[ =]['\"]?|(?=[a-z]))[^\s:'\"]{1,64}:([^\s'\"]{1,256})"
)
"""The option of curl and similar programs that takes `user:password`."""
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,250})"
_AT_HOST = re.compile(rf"@(?={HOST}(?::\d{{1,5}})?(?![\w:@]))")
_LOGIN = re.compile(r"(?<![^\s,;\"'(=])[^\s:@/,;\"'(=]{1,64}:([^\s@/\"']{1,256})\Z")
_AT_ORACLE = re.compile(rf"@(?=//|\(DESCRIPTION|{HOST}:\d{{2,5}}(?!\d))", re.IGNORECASE)
_ORACLE = re.compile(r"(thin:|oci8?:|(?<![\w/.:-]))[\w$#-]{1,60}/([^\s@/\"']{1,256})\Z")
_LONG = 512  # characters of a secret
_MAX_SHARES = 4  # long secrets that a character of the value is in, on average: a pair contains all that follow it
_REACH = 330  # characters before an @

Span = tuple[int, int]
"""Start and end of a password."""


def secrets_in_pairs(value: str) -> Iterator[str]:
    """Yield the values of secret names in settings, headers, options and literals, such as `--token X`.

    A plain word after a colon within a line may be prose, and is left out.
    """
    left = _MAX_SHARES * len(value)
    for secret in dict.fromkeys(_values_of_secret_names(value)):
        if len(secret) > _LONG:
            left -= len(secret)
        if len(secret) <= _LONG or left >= 0:
            yield secret


def _values_of_secret_names(value: str) -> Iterator[str]:
    for match in _PAIR.finditer(value):
        if not is_secret_key(match[1]):
            continue
        if quoted := match[3] or match[4]:
            yield quoted
            continue
        if not (rest := match[5].strip()):
            continue
        before = value[value.rfind("\n", 0, match.start()) + 1 : match.start()]
        if scheme := _SCHEME.match(rest):
            yield scheme[1]
        word = rest.split(maxsplit=1)[0]
        before_separator = _END.split(word, maxsplit=1)[0]
        if match[2] == "=" or not before.strip(" -{") or not before_separator.isalpha():
            yield from (word, before_separator, word.rstrip(",;&})]\"'"), rest)
    for match in _OPTION.finditer(value):
        if is_secret_key(match[1]):
            yield match[2] or match[3] or match[4]
    for match in USER_OPTION.finditer(value):
        yield match[1]


def logins(text: str) -> Iterator[Span]:
    """Yield where passwords stand in `user:password@host` and in Oracle's `user/password@//host`, in order."""
    spans = set[Span]()
    for mark, pattern in ((_AT_HOST, _LOGIN), (_AT_ORACLE, _ORACLE)):
        for match in mark.finditer(text):
            start = max(0, match.start() - _REACH, text.rfind("@", 0, match.start()) + 1)
            if found := pattern.search(text[start : match.start()]):
                spans.add((start + found.start(found.lastindex or 1), match.start()))
    yield from sorted(spans)
