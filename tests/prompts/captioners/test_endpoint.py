"""Captions from a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from PIL import Image
from tests.chat_server import (
    CANARY,
    QUICK,
    Reply,
    Server,
    breaks_off,
    drips,
    drops,
    floods,
    running_server,
    says,
    sends,
    shade,
    stalls,
)

from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import Picture
from prettyuseful.prompts.captioners.endpoint import EndpointCaptioner
from prettyuseful.prompts.captioners.source import CaptionerSource, open_captioner


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


def captioner(server: Server, concurrency: int = 1, key: str | None = None, url: str = "") -> EndpointCaptioner:
    return EndpointCaptioner(url or server.url, "seer", "Describe this {class}.", 99, 16, concurrency, key, QUICK)


def pictures(count: int) -> list[Picture]:
    return [Picture(Image.new("RGB", (20, 30), (i, 0, 0)), "cat", f"cat/{i}.png") for i in range(count)]


def shades(count: int) -> list[str]:
    return [f"shade {i}" for i in range(count)]


def failure(server: Server, count: int = 1, key: str | None = None) -> PrettyUsefulError:
    with pytest.raises(PrettyUsefulError) as error:
        captioner(server, key=key).captions(pictures(count))
    assert "\n" not in str(error.value)
    assert f"the captioner 'seer' at {server.url} " in str(error.value)
    return error.value


def test_request_contains_picture_and_question(server: Server) -> None:
    assert captioner(server, key=CANARY).captions(pictures(1)) == ["shade 0"]
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {CANARY}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.image.size == (16, 24)
    assert request.body["messages"][0]["content"][1] == {"type": "text", "text": "Describe this cat."}
    assert {name: request.body[name] for name in ("model", "max_tokens", "temperature")} == {
        "model": "seer",
        "max_tokens": 99,
        "temperature": 0,
    }


def test_no_authorization_header_without_a_key(server: Server) -> None:
    captioner(server).captions(pictures(1))
    assert "Authorization" not in server.requests[0].headers


def test_captions_are_in_order_and_concurrency_is_limited(server: Server) -> None:
    server.delay = 0.02
    server.replies = [shade, sends(500)]
    assert captioner(server, concurrency=4).captions(pictures(24)) == shades(24)
    assert server.busiest == 4


def test_no_pictures_cause_no_requests(server: Server) -> None:
    assert captioner(server).captions([]) == []
    assert server.requests == []


TRANSIENT_FAILURES: dict[str, tuple[Reply, str]] = {
    "500": (sends(500, '{"error": {"message": "out of\\nmemory"}}'), "HTTP 500: out of memory"),
    "502": (sends(502, "<html>bad gateway</html>"), "HTTP 502: <html>bad gateway</html>"),
    "408": (sends(408), "HTTP 408; tried"),
    "409": (sends(409), "HTTP 409"),
    "425": (sends(425), "HTTP 425"),
    "429": (sends(429, '{"detail": "slow down"}'), "HTTP 429: slow down"),
    "stall": (stalls, "no answer within 1 s"),
    "drip": (drips, "no answer within 1 s"),
    "drop": (drops, "the connection failed (RemoteProtocolError: "),
    "half": (breaks_off, "the connection failed (RemoteProtocolError: "),
    "garbage": (sends(200, "not { JSON"), "not a chat completion (not { JSON)"),
    "bytes": (sends(200, b"\xff\xfe\x00"), "not a chat completion"),
    "deep": (sends(200, "[" * 100_000), "not a chat completion"),
    "flood": (floods, "not a chat completion"),
    "gzip": (sends(200, "no gzip", Content_Encoding="gzip"), "the connection failed (DecodingError: "),
    "error in 200": (sends(200, '{"error": {"message": "no worker"}}'), "not a chat completion (no worker)"),
    "list": (sends(200, '{"choices": [{"message": {"content": [1]}}]}'), "not a chat completion"),
    "no choice": (sends(200, '{"choices": []}'), "not a chat completion"),
    "empty": (says(" \n"), "the answer is empty"),
    "null": (says(None), "the answer is empty"),
    "refusal": (says(None, refusal="not this one"), "the model refused (not this one)"),
    "filter": (says("A cat.", finish_reason="content_filter"), "the model refused (content filter)"),
    "sorry": (says("I'm sorry, but I can't."), "the model refused"),
}


@pytest.mark.parametrize("failure_name", TRANSIENT_FAILURES)
def test_transient_failures_are_retried(server: Server, failure_name: str) -> None:
    server.replies = [TRANSIENT_FAILURES[failure_name][0]]
    assert captioner(server).captions(pictures(1)) == ["shade 0"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("failure_name", sorted(TRANSIENT_FAILURES.keys() - {"stall", "drip"}))
def test_retries_are_limited_and_the_error_names_the_picture(server: Server, failure_name: str) -> None:
    server.default_reply, expected = TRANSIENT_FAILURES[failure_name]
    error = failure(server)
    assert isinstance(error, StepFailedError)
    assert expected in str(error)
    assert "failed for 1 of 1 pictures (cat/0.png)" in str(error)
    assert "tried 3 times" in str(error)
    assert len(server.requests) == QUICK.attempts


def test_missing_server_is_a_one_line_error(server: Server) -> None:
    server.server_close()
    assert "the connection failed (ConnectError: " in str(failure(server))


@pytest.mark.parametrize(
    ("status", "key", "expected"),
    [
        (401, None, "give the name of the variable as api_key_env"),
        (401, CANARY, "check the key in the environment variable of api_key_env"),
        (403, CANARY, "and its permissions"),
        (404, None, "check endpoint (a base URL that usually ends in /v1) and model"),
        (405, None, "check endpoint"),
        (301, None, "set endpoint to the final address"),
    ],
)
def test_wrong_configuration_stops_after_one_request(
    server: Server, status: int, key: str | None, expected: str
) -> None:
    server.default_reply = sends(status, '{"error": "no"}', Location="http://127.0.0.1:9/")
    error = failure(server, 20, key)
    assert isinstance(error, UserError)
    assert f"HTTP {status}: no; " in str(error)
    assert expected in str(error)
    assert len(server.requests) == 1


def test_rejected_picture_is_not_retried_and_others_continue(server: Server) -> None:
    server.replies = [shade, sends(400, '{"error": {"message": "policy"}}'), shade, sends(413, "too large")]
    error = failure(server, 5)
    assert isinstance(error, UserError)
    assert "failed for 2 of 5 pictures (cat/1.png, cat/3.png): HTTP 400: policy, HTTP 413: too large; " in str(error)
    assert len(server.requests) == 5


def test_remaining_pictures_are_not_sent_after_too_many_failures(server: Server) -> None:
    server.default_reply = sends(400, "no")
    assert "for 8 of 30 pictures (cat/0.png, cat/1.png, cat/2.png, cat/3.png, cat/4.png and 3 more)" in (
        message := str(failure(server, 30))
    )
    assert "the remaining pictures were not sent" in message
    assert len(server.requests) == 8


@pytest.mark.parametrize(("status", "kind"), [(429, "seconds"), (503, "date")])
def test_retry_after_is_respected(server: Server, status: int, kind: str) -> None:
    wait = "0.7" if kind == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.replies = [sends(status, "", Retry_After=wait)]
    assert captioner(server).captions(pictures(2)) == shades(2)
    first, second, _ = server.requests
    assert second.at - first.at >= 0.7


def test_retry_after_pauses_all_requests(server: Server) -> None:
    server.replies = [sends(429, "", Retry_After="1")]
    server.delay = 0.05
    assert captioner(server, concurrency=2).captions(pictures(6)) == shades(6)
    early = [request for request in server.requests if request.at - server.requests[0].at < 0.9]
    assert len(early) < 5  # of 7


@pytest.mark.parametrize("wait", ["soon", "nan", "inf", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo"])
def test_invalid_retry_after_is_ignored(server: Server, wait: str) -> None:
    server.replies = [sends(429, "", Retry_After=wait)]
    assert captioner(server).captions(pictures(1)) == ["shade 0"]
    assert server.requests[1].at - server.requests[0].at < 3


def test_too_long_retry_after_is_an_error(server: Server) -> None:
    server.default_reply = sends(429, "quota", Retry_After="3600")
    error = failure(server, 20)
    assert isinstance(error, StepFailedError)
    assert "asks for a wait of 3600 s (HTTP 429: quota)" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "echo",
    [
        sends(401, f"bad key {CANARY} " * 9),
        sends(401, json.dumps({"error": {"message": f"bad key {CANARY}"}}).replace("/", "\\/")),
        sends(401, "x" * 178 + CANARY),
        sends(400, json.dumps({"errors": [CANARY]})),
        sends(500, CANARY),
        sends(200, CANARY),
        says(f"A cat on {CANARY}."),
        says(f"I'm sorry, {'no ' * 20}{CANARY}."),
        says(None, refusal=CANARY),
        sends(429, CANARY, Retry_After="99"),
        sends(200, json.dumps({"model": CANARY, "choices": [{"message": {"content": " "}}]})),
    ],
)
def test_key_appears_in_no_error_log_or_record(
    server: Server, echo: Reply, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CAPTION_KEY", CANARY)
    caplog.set_level(logging.DEBUG)
    server.default_reply = echo
    source = CaptionerSource(model="seer", endpoint=server.url, api_key_env="CAPTION_KEY")
    opened_captioner = open_captioner(source.pin(), Numerics())
    assert isinstance(opened_captioner, EndpointCaptioner)
    opened_captioner.chat.retry_policy = QUICK
    with pytest.raises(PrettyUsefulError) as error:
        opened_captioner.captions(pictures(1))
    assert server.requests[0].headers["Authorization"] == f"Bearer {CANARY}"
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    texts = [
        str(error.value),
        caplog.text,
        repr(source),
        repr(opened_captioner),
        str(opened_captioner.applied()),
        source.model_dump_json(),
    ]
    assert not [text for text in texts if "canary" in text]


def test_applied_returns_the_settings(server: Server) -> None:
    used = captioner(server, key=CANARY)
    used.captions(pictures(1))
    assert used.applied() == {
        "model": "seer",
        "endpoint": server.url,
        "served": ["seer-0613"],
        "temperature": 0,
        "instruction": "Describe this {class}.",
        "max_tokens": 99,
        "image_size": 16,
    }


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense://x"])
def test_proxies_are_not_used_for_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert captioner(server).captions(pictures(1)) == ["shade 0"]
    named = captioner(server, url=server.url.replace("127.0.0.1", "localhost"))
    assert named.captions(pictures(1)) == ["shade 0"]


def test_proxies_are_used_for_other_machines(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    assert captioner(server, url="http://caption.invalid/v1").captions(pictures(1)) == ["shade 0"]
    assert server.requests[0].path == "http://caption.invalid/v1/chat/completions"


def test_invalid_proxy_is_a_one_line_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", f"nonsense://me:{CANARY}@host")
    with pytest.raises(UserError, match="correct HTTPS_PROXY") as error:
        captioner(server, url="http://caption.invalid/v1").captions(pictures(1))
    assert CANARY not in str(error.value)


def test_works_inside_a_running_event_loop(server: Server) -> None:
    async def notebook() -> list[str]:
        return captioner(server).captions(pictures(2))

    assert asyncio.run(notebook()) == shades(2)
