from __future__ import annotations

import pytest
from tests.redaction.texts import PLAIN_IDS, PLAIN_TEXTS, RANDOM

from prettyuseful.redaction.urls import redact_urls, secrets_in_url


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("proxy http://me:pass@host:80/a@b fails", "proxy http://[credentials]@host:80/a@b fails"),
        ("https://user:pa/ss@host.com/x", "https://[credentials]@host.com/x"),
        ("https://user:p@s/s@host.com/x", "https://[credentials]@host.com/x"),
        ("https://user:p?a#ss@host.com/x", "https://[credentials]@host.com/x"),
        ("s3://AKEY:sec/ret/x@bucket/path", "s3://[credentials]@bucket/path"),
        ("https://to/ken@host.com/x", "https://[credentials]@host.com/x"),
        ("ssh://git@github.com:22/x/y.git", "ssh://git@github.com:22/x/y.git"),
        ("git+ssh://git@github.com/x/y.git", "git+ssh://git@github.com/x/y.git"),
        ("svn+ssh://me:pw@host/x", "svn+ssh://[credentials]@host/x"),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dsa%3BPWD%3Dcanary&x=1", "mssql+pyodbc:///?odbc_connect=[secret]&x=1"),
        ("redis://:canary@host:6379/0", "redis://[credentials]@host:6379/0"),
        ("https://h.com/a?token=abc&x=1", "https://h.com/a?token=[secret]&x=1"),
        ("https://h.com/a?X-Amz-Signature=abc0&x=1", "https://h.com/a?X-Amz-Signature=[secret]&x=1"),
        (f"https://h.com/a?x={RANDOM}", "https://h.com/a?x=[secret]"),
        (f"https://h.com/in/{RANDOM}.", "https://h.com/in/[secret]."),
        ("https://hooks.slack.com/services/T0/B0/canary", "https://hooks.slack.com/services/[secret]"),
        ("https://discord.com/api/webhooks/12/canary", "https://discord.com/api/webhooks/[secret]"),
        ("https://alerts.example.com/hook/canary0123456789", "https://alerts.example.com/hook/[secret]"),
        ("https://h.com/a?key=name&code=12", "https://h.com/a?key=name&code=12"),
        (f"s3://bucket/{RANDOM}/a", f"s3://bucket/{RANDOM}/a"),
        ("https://[::1]:8000/a@b", "https://[::1]:8000/a@b"),
    ],
)
def test_secrets_in_urls_are_replaced(text: str, redacted: str) -> None:
    assert redact_urls(text) == redacted


@pytest.mark.parametrize("text", PLAIN_TEXTS, ids=PLAIN_IDS)
def test_other_urls_are_kept(text: str) -> None:
    assert redact_urls(text) == text


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgres://user:pass%2Fword@host/db", {"pass%2Fword", "pass/word"}),
        ("https://canary@host.com/", {"canary"}),
        ("https://host.com/a?sig=a%3D&x=1", {"a%3D", "a="}),
        ("https://hooks.slack.com/services/T0/B0/canary01", {"T0/B0/canary01", "canary01"}),
        ("https://host.com/a?x=1", set()),
        ("a path is s3://bucket/folder/name@v1.0", set()),
        ("no URL", set()),
    ],
)
def test_the_secrets_of_a_url(url: str, secrets: set[str]) -> None:
    assert set(secrets_in_url(url)) == secrets
