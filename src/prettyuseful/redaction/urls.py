"""Secrets in URLs: user and password, tokens in the path (webhooks), and secret parameters (presigned URLs)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

from prettyuseful.redaction.keys import is_secret_key
from prettyuseful.redaction.pairs import secrets_in_pairs
from prettyuseful.redaction.randomness import looks_random

_URL = re.compile(r"://[^\s\"'<>`]+")
_MAX_SCHEME = 20  # characters
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\](?::\d{1,5})?|localhost|[\w.-]+:\d{1,5}|[\w-]+(?:\.[\w-]+)+")
# Services whose URLs contain an access token behind this part of the path.
_WEBHOOK = re.compile(
    r"hooks\.slack\.com/[a-z]+/|discord(?:app)?\.com/api/(?:v\d+/)?webhooks/|/webhookb2/|outlook\.office\.com/webhook/"
    r"|hooks\.zapier\.com/hooks/|/with/key/|api\.telegram\.org/bot",
    re.IGNORECASE,
)
_ANY_WEBHOOK = re.compile(r"/(?:web)?hooks?/", re.IGNORECASE)
_MIN_SEGMENT = 8
_MIN_WEBHOOK = 16  # characters of the path behind `/webhook/`; less is a name
_PATH_TOKEN = re.compile(r"[A-Za-z0-9_~%+=-]{20,}+(?!\.[A-Za-z0-9]{1,5}(?![A-Za-z0-9]))")
_ENCODED_EQUALS = re.compile(r"%(?:25)?3[Dd]")
_PARAMETER = re.compile(r"[^?&#;]+")
_UNCLEAR_PARAMETERS = ("key", "code", "auth", "k", "hash")
_MIN_UNCLEAR = 16  # characters of such a parameter; less is a name
_USER_SCHEMES = ("ssh", "sftp", "rsync")  # a password is never a part of these without a colon
# Their paths are names of files.
_BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "file", "memory")

Span = tuple[int, int, str]
"""Start, end and kind of a secret."""


def redact_urls(text: str) -> str:
    """Replace secrets in the URLs of a text by `[credentials]` or `[secret]`."""
    return _URL.sub(_redact_url, text)


def secrets_in_url(url: str) -> Iterator[str]:
    """Yield the secret parts of a URL, also as they are before percent-encoding."""
    before, separator, rest = url.partition("://")
    scheme = _SCHEME.search(before[-_MAX_SCHEME:])
    if not separator:
        return
    for start, end, kind in _spans(scheme[0].lower() if scheme else "", rest):
        secret = rest[start:end]
        if kind == "credentials":
            secret = secret.partition(":")[2] or secret
        yield secret
        yield from (part for part in secret.split("/") if kind == "secret" and len(part) >= _MIN_SEGMENT)
        if (decoded := unquote(secret)) != secret:
            yield decoded


def _redact_url(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - _MAX_SCHEME) : match.start()]
    scheme = _SCHEME.search(before)
    rest, parts, done = match[0][3:], ["://"], 0
    for start, end, kind in _spans(scheme[0].lower() if scheme else "", rest):
        parts += rest[done:start], f"[{kind}]"
        done = end
    return "".join([*parts, rest[done:]])


def _spans(scheme: str, rest: str) -> Iterator[Span]:
    """Yield the secrets of a URL in order; `rest` is its text after `://`."""
    if credentials := _credentials_length(scheme, rest):
        yield 0, credentials, "credentials"
    query = min((position for mark in "?#" if (position := rest.find(mark, credentials)) >= 0), default=len(rest))
    if scheme not in _BUCKETS:
        yield from _path_spans(rest[:query], credentials)
    for match in _PARAMETER.finditer(rest, query):
        name, separator, value = match[0].partition("=")
        if separator and value and _is_secret_parameter(name, value):
            yield match.end() - len(value), match.end(), "secret"


def _credentials_length(scheme: str, rest: str) -> int:
    """Return the length of `user:password` before the @ of a host; 0 without. A password may contain / ? # and @."""
    last = rest.rfind("@")
    if last < 1:
        return 0
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    if scheme.endswith(_USER_SCHEMES) and last == len(user) and ":" not in user and not looks_random(user):
        return 0  # a name of an account, such as git
    if at and (_HOST.fullmatch(host) or last == len(user) or (scheme in _BUCKETS and ":" not in user)):
        return len(user)
    if at:
        return last
    _, colon, port = authority.rpartition(":")
    before_query = rest.rfind("@", 0, len(re.split(r"[?#]", rest, maxsplit=1)[0]))
    end = before_query if before_query > 0 else last
    if colon and not authority.endswith("]") and not (port.isdigit() and len(port) <= 5):
        return end
    is_single_word = authority and authority != "localhost" and not re.search(r"[.:]", authority)
    if is_single_word and scheme not in _BUCKETS and _HOST.match(rest, end + 1):
        return end
    return 0


def _path_spans(url: str, start: int) -> Iterator[Span]:
    if match := _WEBHOOK.search(url, start):
        if len(url) > match.end():
            yield match.end(), len(url), "secret"
        return
    if match := _ANY_WEBHOOK.search(url, start):
        rest = url[match.end() :]
        if len(rest) >= _MIN_WEBHOOK and any(map(str.isdigit, rest)):
            yield match.end(), len(url), "secret"
            return
    for match in _PATH_TOKEN.finditer(url, max(start, url.find("/", start))):
        if looks_random(match[0]) and match[0].strip("0123456789abcdef"):
            yield match.start(), match.end(), "secret"


def _is_secret_parameter(name: str, value: str) -> bool:
    if name.lower() in _UNCLEAR_PARAMETERS:
        return len(value) >= _MIN_UNCLEAR and any(map(str.isdigit, value))
    return is_secret_key(name) or looks_random(value) or any(secrets_in_pairs(_decoded(value)))


def _decoded(value: str) -> str:
    """Return a parameter that is a connection string, else an empty text."""
    return unquote_plus(value) if _ENCODED_EQUALS.search(value) else ""
