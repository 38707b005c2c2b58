"""Takes secrets out of what libraries and other people's classes say, before it is shown or kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_NAMES = re.compile(r"token(?!iz)|secret|passw|credential|auth|key(_id)?$", re.IGNORECASE)
_SHORTEST = 6  # characters; shorter values are settings such as `true`, and would be found in any text
_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redacted(text: str) -> str:
    """The text with the values of environment variables that sound secret, the hub's token, and user and password in
    URLs replaced by `[NAME]`."""
    for name, value in sorted(_secrets(), key=lambda secret: -len(secret[1])):
        text = text.replace(value, f"[{name}]")
    return _IN_URL.sub("[credentials]", text)


def _secrets() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        # What names a file is no secret itself: SSH_AUTH_SOCK, GOOGLE_APPLICATION_CREDENTIALS.
        if len(value) >= _SHORTEST and _NAMES.search(name) and not _is_path(value):
            yield name, value
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    with suppress(OSError, UnicodeDecodeError):
        token = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").read_text("utf-8").strip()
        if len(token) >= _SHORTEST:
            yield "HF_TOKEN", token


def _is_path(value: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(value).is_absolute() and Path(value).exists()
    return False
