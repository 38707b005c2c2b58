"""Questions to a real server on loopback that returns log-probabilities, or does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import log
from typing import Any

import pytest
from PIL import Image
from tests.chat_server import CANARY, QUICK, Reply, Server, running_server, says, sends

from prettyuseful.encoders.endpoint_questions import EndpointQuestions
from prettyuseful.encoders.questions import Answer, Question
from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


def thinks(**probabilities: float) -> Reply:
    """Answer with these probabilities of the first token; `_` stands for a blank."""
    top = [{"token": token.replace("_", " "), "logprob": log(p)} for token, p in probabilities.items()]
    return says(next(iter(probabilities)), logprobs={"content": [{**top[0], "top_logprobs": top}]})


def questions(count: int = 1) -> list[Question]:
    return [
        Question(Image.new("RGB", (20 + i, 40)), f"is this a cat, number {i}?", f"cat/{i}.png") for i in range(count)
    ]


def ask(server: Server, count: int = 1, concurrency: int = 1) -> list[Answer]:
    return EndpointQuestions(server.url, "seer", concurrency, CANARY, QUICK).answers(questions(count), 16)


def error_of(server: Server, reply: Reply) -> PrettyUsefulError:
    server.default_reply = reply
    with pytest.raises(PrettyUsefulError) as error:
        ask(server)
    assert "\n" not in str(error.value)
    assert CANARY not in str(error.value)
    assert f"the vision-language model 'seer' at {server.url} " in str(error.value)
    return error.value


def test_spellings_of_yes_and_no_are_added_up(server: Server) -> None:
    server.default_reply = thinks(Yes=0.3, yes=0.2, _YES=0.1, No=0.15, _no=0.05, Maybe=0.2)
    (answer,) = ask(server)
    assert answer.yes == pytest.approx(0.6 / 0.8)
    assert answer.valid == pytest.approx(0.8)
    (request,) = server.requests
    wanted = {"model": "seer", "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20}
    assert {name: request.body[name] for name in wanted} == wanted
    assert request.image.size == (16, 32)
    assert request.body["messages"][0]["content"][1]["text"] == "is this a cat, number 0?"
    assert request.headers["Authorization"] == f"Bearer {CANARY}"


def test_an_answer_that_is_not_among_the_tokens_is_impossible(server: Server) -> None:
    server.replies = [thinks(Yes=0.4, The=0.6), thinks(no=0.9)]
    assert [answer.yes for answer in ask(server, 2)] == [1.0, 0.0]


def test_answers_are_in_order_after_repeated_requests(server: Server) -> None:
    def by_width(request: Any) -> None:
        p = request.image.size[1] / 100
        thinks(Yes=p, No=1 - p)(request)

    server.default_reply, server.replies = by_width, [sends(500), sends(429)]
    found = ask(server, 6, concurrency=3)
    assert [answer.yes for answer in found] == sorted((answer.yes for answer in found), reverse=True)
    assert found[0].yes > found[-1].yes


@pytest.mark.parametrize("logprobs", [None, {}, {"content": []}])
def test_a_server_without_log_probabilities_is_one_clear_line(server: Server, logprobs: Any) -> None:
    error = error_of(server, says("Yes", logprobs=logprobs))
    assert isinstance(error, UserError)
    assert "returns no log-probabilities (logprobs and top_logprobs); use a server that does, such as vLLM" in str(
        error
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (thinks(Maybe=0.9), "neither yes nor no is among the 1 most likely"),
        (says("Yes", logprobs={"content": [{"top_logprobs": [{"token": "Yes"}]}]}), "cannot be read"),
        (says("Yes", logprobs={"content": ["Yes"]}), "cannot be read"),
        (says("Yes", logprobs={"content": [{"token": "Yes", "logprob": float("nan")}]}), "cannot be read"),
        (sends(200, "nonsense"), "not a chat completion"),
    ],
)
def test_an_answer_that_cannot_be_read_names_the_image(server: Server, reply: Reply, words: str) -> None:
    error = error_of(server, reply)
    assert isinstance(error, StepFailedError)
    assert words in str(error)
    assert "cat/0.png" in str(error)


def test_a_server_that_rejects_log_probabilities_says_so(server: Server) -> None:
    error = error_of(server, sends(400, json.dumps({"error": {"message": "logprobs is not supported"}})))
    assert "logprobs is not supported" in str(error)
    assert "check model and these pictures" in str(error)
