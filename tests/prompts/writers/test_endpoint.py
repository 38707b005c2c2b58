"""Prompts from a real server on loopback; tests/prompts/captioners/test_endpoint.py makes it misbehave."""

from __future__ import annotations

import pytest
from tests.chat_server import CANARY, QUICK, running_server, says, sends

from prettyuseful.errors import StepFailedError, UserError
from prettyuseful.prompts.writers.base import WritingRequest
from prettyuseful.prompts.writers.endpoint import EndpointWriter

REQUESTS = [WritingRequest(f"write {i}", 40 + i, f"'cat', {i}") for i in range(3)]


def writer(url: str) -> EndpointWriter:
    return EndpointWriter(url, "poet", 0.7, 99, 1, CANARY, QUICK)


def test_a_request_holds_text_temperature_and_seed() -> None:
    with running_server() as server:
        server.default_reply = lambda request: says(request.body["messages"][0]["content"] + "\nline")(request)
        used = writer(server.url)
        assert used.answers(REQUESTS) == [f"write {i}\nline" for i in range(3)]
        assert server.requests[1].body == {
            "model": "poet",
            "messages": [{"role": "user", "content": "write 1"}],
            "max_tokens": 99,
            "temperature": 0.7,
            "seed": 41,
        }
        assert used.applied() == {
            "model": "poet",
            "endpoint": server.url,
            "served": ["seer-0613"],
            "temperature": 0.7,
            "max_tokens": 99,
        }


def test_failures_name_the_request_and_not_the_key() -> None:
    with running_server() as server:
        server.replies, server.default_reply = [says(" ")], sends(500, CANARY)
        with pytest.raises(
            StepFailedError, match=r"the writer 'poet' at .* failed for 3 of 3 requests \('cat', 0, "
        ) as e:
            writer(server.url).answers(REQUESTS)
        assert "canary" not in str(e.value)
        server.default_reply = sends(200, "<html>login</html>")
        with pytest.raises(UserError, match="answered with a web page"):
            writer(server.url).answers(REQUESTS)
