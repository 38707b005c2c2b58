from __future__ import annotations

import pytest

from prettyuseful.endpoints.access import base_url, read_key, reject_secrets
from prettyuseful.errors import UserError


def test_the_path_of_the_api_is_no_part_of_the_base_url() -> None:
    assert base_url("http://localhost:8000/v1/chat/completions") == "http://localhost:8000/v1"
    assert base_url("http://localhost:8000/v1/") == "http://localhost:8000/v1"


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_key(None) is None
    monkeypatch.setenv("SOME_KEY", " abc \n")
    assert read_key("SOME_KEY") == "abc"
    monkeypatch.setenv("SOME_KEY", 'a "b"')
    with pytest.raises(UserError, match="characters that no key has"):
        read_key("SOME_KEY")
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(UserError, match="SOME_KEY"):
        read_key("SOME_KEY")


@pytest.mark.parametrize(
    ("endpoint", "variable"),
    [
        ("http://me:secret@host/v1", None),
        ("ftp://host", None),
        ("http://host/v1?key=secret", None),
        (None, "sk-secret"),
    ],
)
def test_secrets_are_refused_and_not_repeated(endpoint: str | None, variable: str | None) -> None:
    with pytest.raises(ValueError, match=r"endpoint must|api_key_env must") as error:
        reject_secrets(endpoint, variable)
    assert "secret" not in str(error.value)
    reject_secrets("https://host/v1", "SOME_KEY")
