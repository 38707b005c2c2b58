"""The secrets in small files that libraries read: the hub's token, credentials of AWS and Google, netrc."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.redaction.keys import is_secret_key
from prettyuseful.redaction.values import secret_parts
from prettyuseful.redaction.variables import MIN_LENGTH, holds_path_of_secrets

_MAX_BYTES = 65_536
_SETTING = re.compile(r"^\s*(?:export\s+)?([\w.-]{1,60})\s*=\s*(\S.*?)\s*$", re.MULTILINE)
_NETRC = re.compile(r"(?<!\S)password\s+(\S+)")


@dataclass(frozen=True)
class CredentialsFile:
    """A file with secrets, and what changes when it is written. `name`: what its secrets are called in messages."""

    name: str
    path: str
    modified: int
    size: int


def credentials_files(variables: Mapping[str, str]) -> tuple[CredentialsFile, ...]:
    """Return the regular, small files with secrets that exist."""
    return tuple(file for name, path in _candidates(variables) if (file := _describe(name, path)))


def secrets_in_files(files: Iterable[CredentialsFile]) -> Iterator[tuple[str, str]]:
    """Yield name and value of the secrets in files."""
    for file in files:
        with suppress(OSError, UnicodeDecodeError), open(file.path, "rb", opener=_open_at_once) as content:
            for secret in _secrets(file.name, content.read(_MAX_BYTES).decode("utf-8")):
                if len(secret) >= MIN_LENGTH:
                    yield file.name, secret


def _candidates(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    home = variables.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    cache = variables.get("XDG_CACHE_HOME") or f"{home}/.cache"
    hub = variables.get("HF_HOME") or f"{cache}/huggingface"
    yield "HF_TOKEN", variables.get("HF_TOKEN_PATH") or f"{hub}/token"
    yield "HF_TOKEN", f"{hub}/stored_tokens"
    yield "AWS_SECRET_ACCESS_KEY", variables.get("AWS_SHARED_CREDENTIALS_FILE") or f"{home}/.aws/credentials"
    yield "RAY_AUTH_TOKEN", f"{home}/.ray/auth_token"
    yield "NETRC", variables.get("NETRC") or f"{home}/.netrc"
    yield "GOOGLE_APPLICATION_CREDENTIALS", f"{home}/.config/gcloud/application_default_credentials.json"
    for name, value in variables.items():
        if value.startswith(("/", "~")) and name != "HF_TOKEN_PATH" and holds_path_of_secrets(name):
            yield name, value


def _describe(name: str, path: str) -> CredentialsFile | None:
    with suppress(OSError, ValueError, RuntimeError):
        file = Path(path).expanduser()
        facts = file.stat()
        if stat.S_ISREG(facts.st_mode) and facts.st_size <= _MAX_BYTES:
            return CredentialsFile(name, str(file), facts.st_mtime_ns, facts.st_size)
    return None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, should it have become a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _secrets(name: str, text: str) -> Iterator[str]:
    yield from secret_parts(text)
    if name == "NETRC":
        yield from _NETRC.findall(text)
        return
    settings = _SETTING.findall(text)
    yield from (value for key, value in settings if is_secret_key(key))
    if not settings and len(text.split()) == 1:  # the file holds the secret alone
        yield text.strip()
