"""Removes secrets from messages of libraries and user-defined code before they are printed or stored.

`variables` and `files` know secrets by their values, `values` finds the secret parts of a value, `search` finds these
values in a text, and `shapes` and `urls` know secrets by what they look like.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from prettyuseful.errors import one_line
from prettyuseful.redaction.files import CredentialsFile, credentials_files, secrets_in_files
from prettyuseful.redaction.keys import is_secret_key
from prettyuseful.redaction.randomness import looks_random
from prettyuseful.redaction.search import SecretIndex
from prettyuseful.redaction.shapes import redact_shapes
from prettyuseful.redaction.urls import redact_urls
from prettyuseful.redaction.variables import secrets_in_variables

__all__ = ["contains_secret", "redact", "redact_line", "redact_strings"]

_MAX_LINE_SOURCE = 1_000_000  # characters; a longer text is cut before it becomes a line
_MIN_ITEM = 4  # characters of the value of a secret setting; a shorter one is empty or a switch


def redact(text: str) -> str:
    """Return `text` with secrets replaced by `[NAME]` or by their kind, such as `[token]`.

    Secrets are the values of environment variables whose name or value looks like one (see `variables`), tokens in
    files of libraries (see `files`), credentials and tokens in URLs, and well-known kinds of tokens and keys. A value
    is found also if it was wrapped, indented, or encoded as base64, as a part of a URL, or as JSON.
    """
    return redact_shapes(redact_urls(_index().redact(text)))


def redact_line(text: str, limit: int | None = None) -> str:
    """Return `text` without secrets on one line of at most `limit` characters.

    Secrets are replaced before the text is folded and cut, since a part of a secret may not be recognised.
    """
    if len(text) > _MAX_LINE_SOURCE:
        text = text[:_MAX_LINE_SOURCE].rpartition(" ")[0] + " ..."
    return one_line(redact(text))[:limit]


def redact_strings(value: Any) -> Any:
    """Return plain data (mappings, lists, texts, numbers) with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact_strings(key): _redact_item(key, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_strings(part) for part in value]
    return value


def contains_secret(text: str) -> bool:
    """Return whether a text certainly contains a secret: a random value, a well-known kind of token, a password in a
    URL. Unlike `redact`, it does not count passwords that are words, which may stand in a text by chance."""
    return redact_shapes(redact_urls(_index(only_random=True).redact(text))) != text


def _redact_item(key: Any, value: Any) -> Any:
    """Redact a value with its key: a key such as `password` says that the value is a secret."""
    is_secret = isinstance(key, str) and isinstance(value, str) and is_secret_key(key) and len(value) >= _MIN_ITEM
    return "[secret]" if is_secret else redact_strings(value)


def _index(only_random: bool = False) -> SecretIndex:
    """Return the index of the secrets that this process knows now."""
    variables = tuple(os.environ.items())
    return _make_index(variables, credentials_files(dict(variables)), only_random)


@lru_cache(maxsize=2)
def _make_index(
    variables: tuple[tuple[str, str], ...], files: tuple[CredentialsFile, ...], only_random: bool
) -> SecretIndex:
    secrets = [*secrets_in_variables(dict(variables)), *secrets_in_files(files)]
    return SecretIndex((name, value) for name, value in secrets if not only_random or looks_random(value))
