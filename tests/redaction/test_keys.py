from __future__ import annotations

import pytest

from prettyuseful.redaction.keys import is_secret_key


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Pwd",
        "bindpw",
        "PSW",
        "passcode",
        "api_key",
        "X-Api-Key",
        "AccountKey",
        "client secret",
        "access_token",
        "sig",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_key(name)


@pytest.mark.parametrize("name", ["key", "keys", "max_tokens", "pad_token", "tokenizer", "author", "passes", "a" * 90])
def test_other_names(name: str) -> None:
    assert not is_secret_key(name)
