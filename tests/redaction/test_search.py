from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from tests.redaction.texts import PEM, RANDOM

from prettyuseful.redaction.search import SecretIndex

VALUES = [RANDOM, "p@ssw0rd", "canary-password", "canary+/=1234 pw", PEM]


@pytest.mark.parametrize("value", VALUES, ids=["token", "short", "password", "signs", "PEM"])
@pytest.mark.parametrize(
    "form",
    [
        lambda value: textwrap.fill(value, 7, break_on_hyphens=False),
        lambda value: textwrap.indent(textwrap.fill(value, 30), "    "),
        lambda value: " ".join(value.splitlines()),
        lambda value: value.replace("\n", ""),
        lambda value: quote(value),
        lambda value: quote(value, safe=""),
        quote_plus,
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(f"me:{value}".encode()).decode(),
        lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
        lambda value: base64.encodebytes(f"name:{value}".encode()).decode(),
        lambda value: json.dumps(value),
        lambda value: repr({"key": value}),
        lambda value: repr(value.encode()),
    ],
)
def test_a_value_is_found_in_every_form(value: str, form: Callable[[str], str]) -> None:
    redacted = SecretIndex([("MY_PASSWORD", value)]).redact(f"before {form(value)} after")
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert "[MY_PASSWORD]" in redacted
    # At most the letters of the user's name and of a frame are left.
    assert len(redacted.removeprefix("before ").removesuffix(" after").replace("[MY_PASSWORD]", "")) < 12


def test_a_part_of_a_random_value_is_replaced() -> None:
    index = SecretIndex([("MY_TOKEN", RANDOM)])
    assert index.redact(f"invalid value {RANDOM[:20]}... of a token") == "invalid value [MY_TOKEN]... of a token"
    assert index.redact(f"> {RANDOM[:15]}\n> {RANDOM[15:]}") == "> [MY_TOKEN]\n> [MY_TOKEN]"
    assert index.redact(f"{RANDOM[:6]} is short") == f"{RANDOM[:6]} is short"


def test_a_part_of_a_hexadecimal_key_is_replaced() -> None:
    key = hashlib.sha256(b"canary").hexdigest()
    index = SecretIndex([("MY_KEY", key)])
    assert index.redact(f"invalid {key[:42]}... of {key[-20:]}") == "invalid [MY_KEY]... of [MY_KEY]"


def test_a_password_with_letters_of_many_languages_is_replaced_in_bytes() -> None:
    password = "p\u00e4ss-\u0436\u0437\u0438-77"
    index = SecretIndex([("MY_PASSWORD", password)])
    assert index.redact(f"{password.encode()!r} {password!a}") == "b'[MY_PASSWORD]' '[MY_PASSWORD]'"


def test_a_part_of_a_value_of_words_is_kept() -> None:
    index = SecretIndex([("MY_PASSWORD", "correct horse battery staple")])
    assert index.redact("a correct horse") == "a correct horse"
    assert index.redact("correct horse\nbattery staple!") == "[MY_PASSWORD]!"


def test_a_password_that_is_a_word_is_replaced_as_a_word() -> None:
    index = SecretIndex([("DB_PASSWORD", "postgres")])
    assert index.redact("postgres, postgresql, post gres") == "[DB_PASSWORD], postgresql, post gres"


def test_a_secret_that_contains_another_one_is_replaced_as_a_whole() -> None:
    index = SecretIndex([("A_TOKEN", "canary"), ("B_TOKEN", "canary-longer")])
    assert index.redact("canary-longer canary") == "[B_TOKEN] [A_TOKEN]"


def test_characters_around_a_value_are_kept() -> None:
    index = SecretIndex([("A_TOKEN", "canary-one"), ("B_TOKEN", "canary-two")])
    assert index.redact("\n canary-\n one,\u200bcanary-two \n") == "\n [A_TOKEN],\u200b[B_TOKEN] \n"
    assert index.redact("") == ""
    assert SecretIndex([]).redact("a text") == "a text"
