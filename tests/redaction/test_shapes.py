from __future__ import annotations

import pytest
from tests.redaction.texts import JWT, PEM, PLAIN_IDS, PLAIN_TEXTS

from prettyuseful.redaction.shapes import redact_shapes


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("token hf_canary0123456789abc is wrong", "token [token] is wrong"),
        ("ghp_canary0123456789abcdefghijklm", "[token]"),
        ("github_pat_11CANARY0_0123456789abcdef", "[token]"),
        ("key sk-proj-canary0123456789abcdef.", "key [token]."),
        ("key sk-ant-api03-canary0123456789abcdef", "key [token]"),
        ("AKIACANARY0123456789 denied", "[token] denied"),
        ("xoxb-1234567890-canary", "[token]"),
        ("glpat-canary0123456789abcd", "[token]"),
        (f"jwt {JWT} expired", "jwt [token] expired"),
        ("Authorization: Bearer canary-01", "Authorization: Bearer [secret]"),
        ("{'authorization': 'Bearer canary-01'}", "{'authorization': 'Bearer [secret]'}"),
        ("Authorization: Basic Y2FuYXJ5OnB3", "Authorization: Basic [secret]"),
        ("sent Basic Y2FuYXJ5OnB3", "sent Basic [secret]"),
        ("Cookie: a=canary01; b=canary02", "Cookie: [secret]"),
        ("X-Api-Key: canary01", "X-Api-Key: [secret]"),
        ("Server=x;Uid=me;Password=my canary;Timeout=3", "Server=x;Uid=me;Password=[secret];Timeout=3"),
        ("AccountName=x;AccountKey=Y2FuYXJ5Y2FuYXJ5Y2Fu==", "AccountName=x;AccountKey=[secret]"),
        ('{"api_key": "canary-01", "n": 3}', '{"api_key": "[secret]", "n": 3}'),
        ("run --token canary77 --n 3", "run --token [secret] --n 3"),
        ("curl -u bob:canary77 host", "curl -u bob:[secret] host"),
        ("proxy me:canary77@proxy:3128 refused", "proxy me:[secret]@proxy:3128 refused"),
        ("jdbc:oracle:thin:scott/canary77@//h:1521/s", "jdbc:oracle:thin:scott/[secret]@//h:1521/s"),
        ("password=canary host=db", "password=[secret] host=db"),
        (f"bad key {PEM} in file", "bad key [private key] in file"),
        (f"bad key {' '.join(PEM.split())} in file", "bad key [private key] in file"),
        (f"{PEM} and {PEM[:200]}", "[private key] and [private key]"),
        (f"{PEM[:120]}", "[private key]"),
        (PEM.replace("\n", "\\n"), "[private key]"),
    ],
)
def test_secrets_are_known_by_their_shape(text: str, redacted: str) -> None:
    assert redact_shapes(text) == redacted


@pytest.mark.parametrize("text", PLAIN_TEXTS, ids=PLAIN_IDS)
def test_text_that_only_looks_like_a_secret_is_kept(text: str) -> None:
    assert redact_shapes(text) == text
