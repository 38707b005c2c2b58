"""Secrets that are known by what they look like: private keys, well-known tokens, headers, and `password=...`."""

from __future__ import annotations

import base64
import re
from binascii import Error
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from prettyuseful.redaction.keys import is_secret_key
from prettyuseful.redaction.pairs import USER_OPTION, logins
from prettyuseful.redaction.randomness import looks_random

_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"(?:[A-Za-z0-9+/=\s]|\\n|\\r)*")
_MAX_KEY = 20_000  # characters


def _has_mixed_characters(text: str) -> bool:
    return any(map(str.isdigit, text)) or (text != text.lower() and text != text.upper())


@dataclass(frozen=True)
class _TokenKind:
    """A kind of token: `start` of a word, at least `length` of `characters`, and a further check."""

    start: str
    characters: str
    length: int
    check: Callable[[str], bool] = _has_mixed_characters

    @property
    def pattern(self) -> str:
        # The literal start comes first, so that the search jumps to it.
        return rf"{self.start}(?<![A-Za-z0-9]{self.start})[{self.characters}]{{{self.length},}}+"


def _is_sk_token(text: str) -> bool:
    return looks_random(text) or bool(re.search(r"[A-Za-z0-9]{16,}", text) and re.search(r"\d", text))


_KINDS = (
    _TokenKind("hf_", "A-Za-z0-9", 16),
    _TokenKind("api_org_", "A-Za-z0-9", 20),
    *(
        _TokenKind(start, "A-Za-z0-9", 20)
        for start in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_", "dop_v1_", "r8_")
    ),
    _TokenKind("github_pat_", "A-Za-z0-9_", 20),
    _TokenKind("sk-", "A-Za-z0-9_-", 20, _is_sk_token),
    *(_TokenKind(start, "A-Za-z0-9", 16) for start in ("sk_live_", "rk_live_", "sk_test_", "gsk_", "whsec_")),
    *(_TokenKind(start, "A-Z0-9", 16) for start in ("AKIA", "ASIA")),
    *(_TokenKind(f"xox{kind}-", "A-Za-z0-9-", 10) for kind in "abeoprs"),
    _TokenKind("xapp-", "A-Za-z0-9-", 20),
    *(_TokenKind(start, "A-Za-z0-9_-", 20) for start in ("glpat-", "gldt-", "glrt-", "nvapi-", "pypi-", "dckr_pat_")),
    _TokenKind("AIza", "A-Za-z0-9_-", 30),
    _TokenKind(r"ya29\.", "A-Za-z0-9_-", 20),
    _TokenKind(r"SG\.", "A-Za-z0-9_.-", 40),
)
_TOKENS = tuple((re.compile(kind.pattern), kind.check) for kind in _KINDS)
_JWT = re.compile(r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?")

# The value ends where a quote, a separator or a bracket stands; a connection string ends at a semicolon.
_HEADER = re.compile(
    r"(authorization[\"']?\s{0,3}[:=]\s{0,3}b?[\"']?)((?:bearer|basic|token|digest|negotiate|apikey)\s{1,3})?([^\s\"',;<>\[\]{}()]+)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic)(\s{1,3})([A-Za-z0-9._~+/=-]{8,}+)", re.IGNORECASE)
_COOKIE = re.compile(r"(\bcookie[\"']?\s{0,3}:\s{0,3}b?[\"']?)([^\s=\"';]{1,80}+=[^\n\"']+)", re.IGNORECASE)
_IN_CONNECTION = re.compile(r"(;\s{0,3}([A-Za-z ]{3,30}?)\s{0,3}=\s{0,3})([^;\n\"'\[]{1,200})", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"(?:password|passwd|passphrase|pwd|pass|secret|key|token|signature|credential|sig)"
    r"([\"']?\s{0,3}[:=]\s{0,3}b?[\"']?)([^\s\"'`,;&<>()\[\]{}|]++)(?!\()",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(--([A-Za-z][\w-]{1,60})[ \t]{1,3}[\"']?)([^\s\"'-][^\s\"']*)")
_MIN_PASSWORD = 4  # characters; less is a number or a switch
# A name with a top-level domain, an address, or anything with a port: not the version in `name@1.2`.
_HOST_NAME = re.compile(
    r"//|localhost\b|\[|\d{1,3}(?:\.\d{1,3}){3}\b|[\w.-]+:\d{2,5}\b|[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"
)
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")
_PLACEHOLDER = re.compile(r"\$.*|\w*\*+|\.\.\..*|%\w.*|None|True|False|null|true|false|none", re.DOTALL)


def redact_shapes(text: str) -> str:
    """Replace private keys by `[private key]`, tokens by `[token]` and values of secret settings by `[secret]`."""
    text = _redact_private_keys(text)
    for pattern, check in _TOKENS:
        text = pattern.sub(partial(_redact_token, check), text)
    text = _JWT.sub("[token]", text)
    text = _HEADER.sub(_redact_header, text)
    text = _SCHEME.sub(_redact_scheme, text)
    text = _COOKIE.sub(lambda match: f"{match[1]}[secret]", text)
    text = _IN_CONNECTION.sub(_redact_in_connection, text)
    text = _ASSIGNMENT.sub(_redact_assignment, text)
    text = _OPTION.sub(_redact_option, text)
    text = USER_OPTION.sub(_redact_user_option, text)
    return _redact_logins(text)


def _redact_token(check: Callable[[str], bool], match: re.Match[str]) -> str:
    return "[token]" if check(match[0]) else match[0]


def _redact_private_keys(text: str) -> str:
    begins = [*_KEY_BEGIN.finditer(text)]
    ends = [match.end() for match in _KEY_END.finditer(text)] if begins else []
    parts: list[str] = []
    done = 0
    for begin in begins:
        if begin.start() < done:
            continue
        following = bisect_right(ends, begin.end())
        if following < len(ends) and ends[following] - begin.end() < _MAX_KEY:
            end = ends[following]
        else:  # a key that was cut off
            body = _KEY_BODY.match(text, begin.end(), begin.end() + _MAX_KEY)
            end = max(begin.end(), body.start() + len(body[0].rstrip())) if body else begin.end()
        parts += text[done : begin.start()], "[private key]"
        done = end
    return "".join([*parts, text[done:]])


def _looks_secret(value: str) -> bool:
    """Return whether the value of a secret setting is a secret, and no word, number or placeholder."""
    if len(value) < 6 or _PLACEHOLDER.fullmatch(value):
        return False
    has_digit, has_letter = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    return (
        (has_digit and has_letter) or looks_random(value) or (has_letter and bool(re.search(r"[!@#$%^*+/=~]", value)))
    )


def _redact_header(match: re.Match[str]) -> str:
    name, scheme, value = match[1], match[2] or "", match[3]
    is_secret = len(value) >= 4 if scheme and value.lower() not in ("token", "authentication") else _looks_secret(value)
    return f"{name}{scheme}[secret]" if is_secret and not _PLACEHOLDER.fullmatch(value) else match[0]


def _redact_scheme(match: re.Match[str]) -> str:
    is_secret = _is_basic(match[3]) if match[1].lower() == "basic" else _looks_secret(match[3])
    return f"{match[1]}{match[2]}[secret]" if is_secret else match[0]


def _is_basic(value: str) -> bool:
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (Error, ValueError):
        return False
    return b":" in decoded and decoded.isascii() and decoded.decode().isprintable()


def _redact_in_connection(match: re.Match[str]) -> str:
    is_secret = is_secret_key(match[2]) and not _PLACEHOLDER.match(match[3]) and not match[3].startswith(("<", "{"))
    is_secret &= len(match[3].strip()) >= _MIN_PASSWORD
    return f"{match[1]}[secret]" if is_secret else match[0]


def _redact_assignment(match: re.Match[str]) -> str:
    separator, value = match[1], match[2]
    before = match.string[max(0, match.start() - 60) : match.start(1)]
    name = _NAME.search(before)
    if name is None or not is_secret_key(name[0]):
        return match[0]
    is_password = separator == "=" and name[0].lower().endswith(("password", "passwd", "pwd", "pass"))
    is_plain = len(value) < 4 or _PLACEHOLDER.fullmatch(value)
    if _looks_secret(value) or (is_password and not is_plain):
        return match[0][: match.start(2) - match.start()] + "[secret]"
    return match[0]


def _redact_option(match: re.Match[str]) -> str:
    return f"{match[1]}[secret]" if is_secret_key(match[2]) and _looks_secret(match[3]) else match[0]


def _redact_user_option(match: re.Match[str]) -> str:
    return match[0][: match.start(1) - match.start()] + "[secret]" if _looks_secret(match[1]) else match[0]


def _redact_logins(text: str) -> str:
    parts: list[str] = []
    done = 0
    for start, end in logins(text):
        if start >= done and _looks_secret(text[start:end]) and _HOST_NAME.match(text, end + 1):
            parts += text[done:start], "[secret]"
            done = end
    return "".join([*parts, text[done:]])
