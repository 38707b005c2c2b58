"""What all endpoints share; tests/endpoints/test_images.py and tests/prompts/captioners/test_endpoint.py make servers
misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx2
import pytest
from tests.chat_server import CANARY, QUICK, Server, running_server, sends, stalls

from prettyuseful.endpoints.client import EndpointClient, EndpointRole, ItemFailedError, RetryableError, error_message
from prettyuseful.errors import StepFailedError, UserError

WORDS = EndpointRole("judge", "things", "model")


@dataclass(frozen=True)
class Thing:
    name: str


THINGS = [Thing(f"thing {i}") for i in range(6)]


def client(server: Server, concurrency: int = 1, max_bytes: int = 1000) -> EndpointClient:
    return EndpointClient(server.url, "seer", WORDS, concurrency, CANARY, QUICK, max_bytes)


def test_a_failure_that_is_bounded_is_repeated_less_often_and_gives_its_own_advice() -> None:
    asked: list[str] = []

    async def ask(_: httpx2.AsyncClient, thing: Thing) -> None:
        asked.append(thing.name)
        raise RetryableError("no", attempts=2, advice="ask for something else")

    with running_server() as server, pytest.raises(StepFailedError, match=r"tried 2 times; ask for something else, th"):
        client(server).ask_all(THINGS[:2], ask)
    assert asked == ["thing 0"] * 2 + ["thing 1"] * 2


def test_after_a_fatal_error_what_is_asked_is_waited_for_and_nothing_else_is_asked() -> None:
    finished, asked = list[str](), list[str]()

    async def ask(_: httpx2.AsyncClient, thing: Thing) -> None:
        asked.append(thing.name)
        if thing.name == "thing 0":
            await asyncio.sleep(0.05)
            raise UserError("wrong")
        await asyncio.sleep(0.15)
        finished.append(thing.name)

    with running_server() as server, pytest.raises(UserError, match="wrong"):
        client(server, concurrency=3).ask_all(THINGS, ask)
    assert sorted(asked) == ["thing 0", "thing 1", "thing 2"]
    assert sorted(finished) == ["thing 1", "thing 2"]


def test_an_unexpected_exception_is_not_hidden_in_a_group() -> None:
    async def ask(_: httpx2.AsyncClient, __: Thing) -> None:
        raise ZeroDivisionError

    with running_server() as server, pytest.raises(ZeroDivisionError):
        client(server).ask_all(THINGS, ask)


def test_answers_are_read_up_to_the_limit() -> None:
    async def ask(http: httpx2.AsyncClient, _: Thing) -> int:
        return len((await client(server, max_bytes=99).send(http, "POST", f"{server.url}/x", b"{}")).content)

    with running_server() as server:
        server.default_reply = sends(200, "x" * 5000)
        assert client(server).ask_all(THINGS[:1], ask) == [100]


def test_a_lost_answer_is_told_apart_from_a_server_that_was_not_reached() -> None:
    kinds: list[str] = []

    async def ask(http: httpx2.AsyncClient, _: Thing) -> None:
        try:
            await client(server).send(http, "POST", f"{server.url}/x", b"{}")
        except RetryableError as error:
            kinds.append(type(error).__name__)
            raise ItemFailedError("lost", rejected=False) from None

    with running_server() as server:
        server.default_reply = stalls
        with pytest.raises(StepFailedError):
            client(server).ask_all(THINGS[:1], ask)
    with pytest.raises(StepFailedError):
        client(server).ask_all(THINGS[:1], ask)
    assert kinds == ["RetryableError", "NotConnectedError"]


def test_the_message_of_an_error_is_found_in_json() -> None:
    assert error_message(b'{"error": {"message": "no"}}') == "no"
    assert error_message(b'{"detail": "no"}') == "no"
    assert error_message(b"no") == "no"
    assert error_message(b'{"other": 1}') == '{"other": 1}'
