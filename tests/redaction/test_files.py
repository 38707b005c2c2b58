from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.redaction.texts import PEM

from prettyuseful.redaction.files import credentials_files, secrets_in_files


def secrets(home: Path, **variables: str) -> set[tuple[str, str]]:
    return set(secrets_in_files(credentials_files({"HOME": str(home), **variables})))


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        (".cache/huggingface/token", "hf_canary1234\n", {("HF_TOKEN", "hf_canary1234")}),
        (".cache/huggingface/stored_tokens", "[me]\nhf_token = hf_canary1234\n", {("HF_TOKEN", "hf_canary1234")}),
        (
            ".aws/credentials",
            "[default]\naws_access_key_id = AKIA\naws_secret_access_key = canary+/1\nregion = eu-west-1\n",
            {("AWS_SECRET_ACCESS_KEY", "canary+/1")},
        ),
        (".netrc", "machine host login me password canary-01", {("NETRC", "canary-01")}),
        (".ray/auth_token", "canary-01", {("RAY_AUTH_TOKEN", "canary-01")}),
    ],
)
def test_files_of_libraries(path: str, content: str, expected: set[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(content)
    assert secrets(tmp_path) == expected


def test_files_that_variables_name(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("canary-01\n")
    (tmp_path / "gcp.json").write_text(json.dumps({"private_key": PEM, "project_id": "a-project"}))
    (tmp_path / "hub").write_text("hf_canary1234")
    assert secrets(tmp_path, DB_PASSWORD_FILE=str(tmp_path / "db")) == {("DB_PASSWORD_FILE", "canary-01")}
    google = secrets(tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "gcp.json"))
    assert ("GOOGLE_APPLICATION_CREDENTIALS", PEM) in google
    assert not any(value == "a-project" for _, value in google)
    assert secrets(tmp_path, HF_TOKEN_PATH=str(tmp_path / "hub")) == {("HF_TOKEN", "hf_canary1234")}


def test_only_small_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("canary" * 20_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    names = ("pipe", "large", "binary", "missing", "")
    assert secrets(tmp_path, **{f"X{i}_TOKEN_FILE": str(tmp_path / name) for i, name in enumerate(names)}) == set()
