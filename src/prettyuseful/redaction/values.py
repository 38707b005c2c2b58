"""Finds the secret parts of a value that stands in an environment variable or in a file with credentials."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from prettyuseful.redaction.keys import is_secret_key
from prettyuseful.redaction.pairs import logins, secrets_in_pairs
from prettyuseful.redaction.randomness import looks_random
from prettyuseful.redaction.urls import secrets_in_url

MAX_VALUE = 65_536  # characters of a value that are looked at
_MAX_DEPTH = 8  # of JSON
_MAX_CODINGS = 2  # of a value that is encoded as a part of a URL, which may be encoded again
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?:[^-]|-(?!----))*)")
_KEY_HEADER = re.compile(r"^.*:.*$", re.MULTILINE)  # of an encrypted key
_PAIR = re.compile(r"\s*([^=;]{1,60}?)\s*=\s*([^;]+)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_TOKEN = re.compile(r"[A-Za-z0-9+/_.~-]{20,}+={0,2}(?!\.\w)")
_PATH_PART = re.compile(r"[a-z][a-z_-]{2,}|.*\.[a-z]\w{0,4}")  # a word, or a name with an extension


def secret_parts(value: str, depth: int = 0) -> Iterator[str]:
    """Yield the parts of a value that are secret whatever the value is called.

    These are the passwords of URLs and connection strings, tokens in URLs, private keys, values of keys such as
    `private_key` in JSON, and random text. JSON and keys are found also if the value is their base64 form.
    """
    value = value[:MAX_VALUE]
    for match in _PRIVATE_KEY.finditer(value.replace("\\n", "\n")):
        yield _KEY_HEADER.sub("", match[1]).strip()
    if "://" in value:
        for url in re.split(r"[\s,\"']+", value):
            yield from secrets_in_url(url)
    for match in _PAIR.finditer(value) if ";" in value else ():
        if is_secret_key(match[1]):
            yield match[2].strip().strip("'\"")
    yield from secrets_in_pairs(value)
    yield from (value[start:end] for start, end in logins(value))
    if depth < _MAX_CODINGS and (decoded := unquote_plus(value)) != value and _PERCENT.search(value):
        yield from secret_parts(decoded, depth + 1)
    if value.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            yield from _secrets_in_json(json.loads(value), depth)
    elif depth == 0 and _BASE64.fullmatch(value):
        with suppress(ValueError):
            decoded = base64.b64decode(value.translate({45: 43, 95: 47}) + "==").decode()
            if decoded.isprintable() or "\n" in decoded:
                yield from secret_parts(decoded, 1)
    for match in _TOKEN.finditer(value):
        if looks_random(match[0]) and not is_path(match[0]) and not _reads_like_path(match[0]):
            yield match[0]


def is_path(value: str, exists: bool = False) -> bool:
    """Return whether a value is an absolute path. Only its first folder must exist, unless `exists` is true."""
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(value)
        return path.is_absolute() and len(path.parts) > 1 and (path if exists else Path(*path.parts[:2])).exists()
    return False


def _reads_like_path(text: str) -> bool:
    """Return whether a text is a file name, a relative path, or a path on another machine, and not base64."""
    is_absolute = text.startswith("/") and text.count("/") > 2
    return is_absolute or any(map(_PATH_PART.fullmatch, text.split("/")))


def _secrets_in_json(content: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, str) and (is_secret_key(key) or key == "auth"):
                yield value
            else:
                yield from _secrets_in_json(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            yield from _secrets_in_json(value, depth + 1)
    elif isinstance(content, str):
        yield from secret_parts(content, 1)
