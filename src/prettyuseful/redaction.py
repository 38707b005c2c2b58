"""Removes secrets from messages of libraries and user-defined code before they are printed or stored."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SECRET_NAMES = re.compile(r"token(?!iz)|secret|passw|credential|auth|key(_id)?$", re.IGNORECASE)
_MIN_LENGTH = 6  # characters; shorter values are settings such as `true`, which occur in any text
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redact(text: str) -> str:
    """Return `text` with secrets replaced by `[NAME]`.

    Secrets are the values of environment variables with names such as `..._TOKEN`, the token of the Hugging Face hub,
    and user and password in URLs.
    """
    for name, value in sorted(_secrets(), key=lambda secret: -len(secret[1])):
        text = text.replace(value, f"[{name}]")
    return _URL_CREDENTIALS.sub("[credentials]", text)


def _secrets() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        # A path is no secret: SSH_AUTH_SOCK, GOOGLE_APPLICATION_CREDENTIALS.
        if len(value) >= _MIN_LENGTH and _SECRET_NAMES.search(name) and not _is_path(value):
            yield name, value
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    with suppress(OSError, UnicodeDecodeError):
        token = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").read_text("utf-8").strip()
        if len(token) >= _MIN_LENGTH:
            yield "HF_TOKEN", token


def _is_path(value: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(value).is_absolute() and Path(value).exists()
    return False
