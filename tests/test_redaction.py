from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.redaction import redact


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "CAPTION_KEY", "DB_PASSWORD", "my_api_key"])
def test_values_of_secret_environment_variables_are_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "canary+/1234")
    assert redact("GET /x?k=canary+/1234 failed, canary+/1234") == f"GET /x?k=[{name}] failed, [{name}]"


@pytest.mark.parametrize(
    ("name", "value"), [("TOKENIZERS_PARALLELISM", "falsehood"), ("AUTH", "on"), ("EDITOR", "canary-editor")]
)
def test_other_environment_variables_are_kept(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert redact(f"a {value} b") == f"a {value} b"


def test_a_path_to_a_credentials_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gcp.json").write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gcp.json"))
    assert redact(f"cannot read {tmp_path}/gcp.json") == f"cannot read {tmp_path}/gcp.json"


def test_the_hub_token_in_its_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("hf_canary1234\n")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert redact("Bearer hf_canary1234") == "Bearer [HF_TOKEN]"


def test_credentials_in_urls_are_replaced() -> None:
    assert redact("proxy http://me:pass@host:80/a@b fails") == "proxy http://[credentials]@host:80/a@b fails"


def test_a_secret_that_contains_another_one_is_replaced_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "canary")
    monkeypatch.setenv("B_TOKEN", "canary-longer")
    assert redact("canary-longer canary") == "[B_TOKEN] [A_TOKEN]"
