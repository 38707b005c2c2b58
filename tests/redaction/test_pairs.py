from __future__ import annotations

import pytest

from prettyuseful.redaction.pairs import logins, secrets_in_pairs


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("api-key=canary", "canary"),
        ("a=1,api-key=canary,b=2", "canary"),
        ("x-api-key: canary7, b: 2", "canary7"),
        ("password = 'a canary'", "a canary"),
        ("- password: a canary", "a canary"),
        ("{'token': b'canary'}", "canary"),
        ("Authorization: Basic canary", "canary"),
        ("--api-token canary", "canary"),
        ('--password "a canary"', "a canary"),
        ("-u me:canary", "canary"),
        ("--user 'me:canary'", "canary"),
    ],
)
def test_secrets_beside_names(value: str, secret: str) -> None:
    assert secret in set(secrets_in_pairs(value))


@pytest.mark.parametrize(
    "value", ["", "a=b", "name: x", "--token --n 3", "the password: please", "-u me", "https://a/b", "max_tokens=77"]
)
def test_values_without_secrets(value: str) -> None:
    assert set(secrets_in_pairs(value)) == set()


@pytest.mark.parametrize(
    ("text", "passwords"),
    [
        ("me:canary@host", ["canary"]),
        ("a me:canary@[::1]:80 b, you:other@10.0.0.1:6379/x", ["canary", "other"]),
        ("jdbc:oracle:thin:scott/canary@//h/s", ["canary"]),
        ("scott/canary@h:1521/s", ["canary"]),
        ("scott/canary@(DESCRIPTION=x)", ["canary"]),
        ("image:1.2@sha256:0123456789abcdef", []),
        ("git@host:owner/name", []),
        ("owner/name@v1", []),
        ("a/b/c@h:1521", []),
        ("@", []),
    ],
)
def test_passwords_before_a_host(text: str, passwords: list[str]) -> None:
    assert [text[start:end] for start, end in logins(text)] == passwords


def test_long_secrets_are_bounded_by_the_length_of_the_value_only() -> None:
    secrets = [f"key-{number:03}-" + "a/" * 300 for number in range(100)]
    assert set(secrets) <= set(secrets_in_pairs("\n".join(f"token={secret}" for secret in secrets)))
    assert sum(map(len, secrets_in_pairs("".join(f"password=a{n}" for n in range(6_000))))) < 1_000_000
