"""Secrets of every kind are replaced in texts; what only looks like one is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.redaction.texts import COMMON_VARIABLES, PEM, PLAIN_IDS, PLAIN_TEXTS, RANDOM, our_texts

from prettyuseful.redaction import contains_secret, redact, redact_line, redact_strings


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "CAPTION_KEY", "DB_PASSWORD", "my_api_key"])
def test_values_of_secret_environment_variables_are_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "canary+/1234")
    assert redact("GET /x?k=canary+/1234 failed, canary+/1234") == f"GET /x?k=[{name}] failed, [{name}]"


def test_a_change_of_the_environment_counts_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert redact("hf-canary-1234") == "hf-canary-1234"
    (tmp_path / "token").write_text("hf-canary-1234\n")
    assert redact("hf-canary-1234") == "[HF_TOKEN]"
    monkeypatch.setenv("OTHER_TOKEN", "other-canary-1234")
    assert redact("other-canary-1234") == "[OTHER_TOKEN]"


def test_a_path_to_a_credentials_file_is_kept_and_its_secrets_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gcp.json").write_text(json.dumps({"private_key": PEM, "project_id": "a-project"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gcp.json"))
    assert redact(f"cannot read {tmp_path}/gcp.json") == f"cannot read {tmp_path}/gcp.json"
    assert redact(PEM.splitlines()[2]) == "[GOOGLE_APPLICATION_CREDENTIALS]"
    assert redact("a-project") == "a-project"


def test_a_url_with_a_known_password_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me:canary-pw@db/x")
    assert redact("cannot open postgres://me:canary-pw@db/x") == "cannot open postgres://[credentials]@db/x"


@pytest.mark.parametrize("text", PLAIN_TEXTS, ids=PLAIN_IDS)
def test_text_that_only_looks_like_a_secret_is_kept(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMMON_VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert redact(text) == text


def test_our_own_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMMON_VARIABLES.items():
        monkeypatch.setenv(name, value)
    changed = {}
    for name, text in our_texts():
        if (redacted := redact(text)) != text:
            pairs = zip(text.splitlines(), redacted.splitlines(), strict=False)
            changed[name] = next(pair for pair in pairs if pair[0] != pair[1])
    assert changed == {}


@pytest.mark.parametrize("text", [RANDOM, PEM, "http://me:pw@host/", "key hf_canary0123456789abc"])
def test_a_text_certainly_contains_a_secret(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", RANDOM)
    assert contains_secret(f"a text with {text} in it")


def test_a_word_is_not_certainly_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "flowers")
    assert redact("red flowers") == "red [MY_PASSWORD]"
    assert not contains_secret("red flowers")


@pytest.mark.parametrize(
    "part",
    [
        "a=",
        "a=b,",
        "token='",
        "password=a",
        "password: ",
        "password=x{}",
        "password: x{} ",
        "--token x",
        "%25253D",
        "x@h:22/",
    ],
)
def test_no_value_of_a_variable_takes_long(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTINGS", "".join(part.format(i) for i in range(100_000 // len(part))))
    started = time.process_time()
    redact("a text")
    assert time.process_time() - started < 1


def test_a_line_is_redacted_before_it_is_folded_and_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "canary pass\nword")
    assert redact_line("wrong:\n canary pass\nword\x1b[0m") == "wrong: [MY_PASSWORD] [0m"
    assert redact_line("a " * 40 + "canary pass\nword", 84) == "a " * 40 + "[MY_"
    assert "canary" not in redact_line("x" * 5_000_000 + " canary pass\nword")


def test_texts_within_values_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "canary-word")
    value = {"a": ["canary-word", 1, None, {"api_key": "sk-abc"}], "url": "http://me:pw@host/"}
    expected = {"a": ["[MY_PASSWORD]", 1, None, {"api_key": "[secret]"}], "url": "http://[credentials]@host/"}
    assert redact_strings(value) == expected


@pytest.mark.parametrize(
    "part",
    [
        "an ordinary sentence about images and classes. ",
        "eyJ",
        "://",
        "a://b:c",
        "-----BEGIN RSA PRIVATE KEY-----",
        "password=",
        "Authorization: Bearer ",
        "sk-",
        "a.",
        "@",
        "A0b",
        " ",
        "https://host/" + RANDOM + "?a=",
        "Server=x;",
        'Password="',
        "cookie: a",
        "a:bcdef7@h.com ",
        "a/bcdef7@//h ",
        "@//",
        "x@h:22/",
        "--token x",
        "-u a:b7cdefg ",
        "https://h/a?x=%3D",
        "password: ",
    ],
)
def test_no_text_takes_long(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        monkeypatch.setenv(f"NUMBER_{number}_TOKEN", f"{RANDOM[:20]}{number:04}{RANDOM[20:]}")
    redact("the variables are read")
    text = part * (300_000 // len(part))
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 1
