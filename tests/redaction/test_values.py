from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from tests.redaction.texts import PEM, RANDOM

from prettyuseful.redaction.values import is_path, secret_parts

BODY = "\n".join(PEM.splitlines()[1:-1])


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Server=x;Password=a b c;", "a b c"),
        ("host=x password='a b'", "a b"),
        ("redis://:canary@host", "canary"),
        (PEM, BODY),
        (PEM.replace("\n", "\\n"), BODY),
        (json.dumps([{"private_key": PEM}]), PEM),
        (json.dumps({"auths": {"host": {"auth": "Y2FuYXJ5OnB3"}}}), "Y2FuYXJ5OnB3"),
        (base64.b64encode(json.dumps({"client_secret": "canary" * 8}).encode()).decode(), "canary" * 8),
        (f"a={RANDOM},b", RANDOM),
    ],
)
def test_secret_parts_of_values(value: str, secret: str) -> None:
    assert secret in set(secret_parts(value))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{",
        "[" * 100_000,
        "a=b;c=d",
        "/usr/bin:/bin",
        "name=value",
        "https://example.com/a",
        "aGVsbG8=" * 9,
        f"data/{RANDOM}/0001.png",
        f"{RANDOM}.jpg",
        f"/x/y/{RANDOM}/z",
        f"images/{RANDOM}=.png",
    ],
    ids=range(12),
)
def test_values_without_secrets(value: str) -> None:
    assert list(secret_parts(value)) == []


def test_paths_need_not_exist(tmp_path: Path) -> None:
    assert is_path(str(tmp_path / "missing"))
    assert not is_path(str(tmp_path / "missing"), exists=True)
    assert is_path(str(tmp_path), exists=True)
    assert not is_path("/no-such-folder/x")
    assert not is_path("name")
    assert not is_path("/")
