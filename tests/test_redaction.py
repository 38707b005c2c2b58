from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.redaction import redacted


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "CAPTION_KEY", "DB_PASSWORD", "my_api_key"])
def test_values_of_secret_names_are_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "canary+/1234")
    assert redacted("GET /x?k=canary+/1234 failed, canary+/1234") == f"GET /x?k=[{name}] failed, [{name}]"


@pytest.mark.parametrize(
    ("name", "value"), [("TOKENIZERS_PARALLELISM", "falsehood"), ("AUTH", "on"), ("EDITOR", "canary-editor")]
)
def test_settings_are_no_secrets(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redacted(f"a {value} b") == f"a {value} b"


def test_a_file_of_credentials_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gcp.json").write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gcp.json"))
    assert redacted(f"cannot read {tmp_path}/gcp.json") == f"cannot read {tmp_path}/gcp.json"


def test_the_hubs_token_in_its_file_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("hf_canary1234\n")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert redacted("Bearer hf_canary1234") == "Bearer [HF_TOKEN]"


def test_credentials_in_urls_are_replaced() -> None:
    assert redacted("proxy http://me:pass@host:80/a@b fails") == "proxy http://[credentials]@host:80/a@b fails"


def test_a_secret_that_holds_another_is_replaced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "canary")
    monkeypatch.setenv("B_TOKEN", "canary-longer")
    assert redacted("canary-longer canary") == "[B_TOKEN] [A_TOKEN]"
