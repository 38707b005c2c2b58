"""A hosted model is checked by a real server on loopback: what it answers, what it costs, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chat_server import CANARY, Request, Server, blank, draws, paints, png, running_server, sends

from prettyuseful.errors import UserError
from prettyuseful.generators.check_hosted import check_hosted
from prettyuseful.generators.hosted import HostedModel

LOADED, SHOWS, REVISED, SEED, LIMITS = (
    "the endpoint answers with an image",
    "the image shows something",
    "whether prompts are revised",
    "whether a seed is honoured",
    "rate limits in the headers",
)


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.default_reply = paints
        yield server


def check(server: Server, at_most: float | None = None, **fields: Any) -> tuple[dict[str, str], list[str]]:
    """Return what each check found, and what was said before."""
    model = HostedModel.model_validate({"endpoint": server.url, "model": "painter", **fields})
    said: list[str] = []
    results = check_hosted(model, at_most, said.append)
    return {result.what: result.problem or result.note for result in results}, said


def by_seed(request: Request) -> None:
    draws(png(int(request.body.get("seed", len(request.server.requests)))))(request)


def test_an_image_is_described(server: Server) -> None:
    image = json.dumps({"model": "painter-0613", "data": [{**_base64(png(1)), "revised_prompt": "An apple, lit."}]})
    server.replies = [sends(200, image, X_RateLimit_Remaining="7", Date="now")]
    found, said = check(server)
    assert said == [f"asking painter at {server.url} for 1 image, whose price is not known"]
    assert found == {
        LOADED: f"PNG, 16x12, {len(png(1))} bytes, by painter-0613",
        SHOWS: "",
        REVISED: "yes, the prompt became: An apple, lit.",
        SEED: "not tried, because it takes two more images; set cost_per_image",
        LIMITS: "x-ratelimit-remaining: 7",
    }
    assert len(server.requests) == 1


def _base64(data: bytes) -> dict[str, str]:
    import base64

    return {"b64_json": base64.b64encode(data).decode()}


def test_nothing_is_paid_without_permission(server: Server) -> None:
    with pytest.raises(UserError, match=r"costs 0\.04; allow it with --at-most 0\.04, or with --at-most 0\.12 to try"):
        check(server, cost_per_image=0.04)
    with pytest.raises(UserError, match="allow it with --at-most"):
        check(server, 0.03, cost_per_image=0.04)
    assert not server.requests
    found, said = check(server, 0.1, cost_per_image=0.04)
    assert said == [f"asking painter at {server.url} for 1 image, for 0.04"]
    assert found[SEED].endswith("raise --at-most")
    assert len(server.requests) == 1
    check(server, 0.12, cost_per_image=0.04)  # 0.12 / 0.04 is less than 3 in floats
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (by_seed, "yes, two requests gave one image"),
        (paints, "no, two requests with one seed gave different images"),
        (
            lambda request: (sends(400, "unknown field seed") if "seed" in request.body else paints)(request),
            "no: the generator 'painter' at",
        ),
    ],
)
def test_a_seed_is_tried_where_it_costs_nothing(server: Server, reply: Any, expected: str) -> None:
    server.default_reply = reply
    found, _ = check(server, cost_per_image=0)
    assert found[SEED].startswith(expected)
    assert [("seed" in request.body) for request in server.requests][:2] == [False, True]


def test_a_blank_image_is_a_problem(server: Server) -> None:
    server.default_reply = draws(blank())
    assert check(server)[0][SHOWS].startswith("the image is of one colour")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (sends(200, "<html>Sign in</html>"), "answered with a web page; check endpoint"),
        (sends(404, "no such page"), "HTTP 404: no such page; check endpoint"),
        (sends(401, "who are you"), "give the name of the variable as api_key_env"),
        (sends(400, '{"error": {"code": "moderation_blocked"}}'), "refused: HTTP 400"),
        (sends(400, "no such size"), "check model, size and options"),
        (sends(500, "out of order"), "HTTP 500: out of order"),
        (sends(200, "{}"), "the answer holds no image"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_asked_again(server: Server, reply: Any, expected: str) -> None:
    server.default_reply = reply
    with pytest.raises(UserError) as error:
        check(server)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert "run the study again" not in str(error.value)
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_and_a_missing_key(server: Server) -> None:
    with pytest.raises(UserError, match="the connection failed"):
        check(server, endpoint="http://127.0.0.1:9/v1")
    with pytest.raises(UserError, match=r"the environment variable UNSET_KEY \(api_key_env\) is not set"):
        check(server, api_key_env="UNSET_KEY")


def test_the_key_is_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAINTER_KEY", CANARY)
    server.default_reply = draws(png(1), revised_prompt=f"An apple, {CANARY}.")
    found, said = check(server, api_key_env="PAINTER_KEY")
    assert CANARY not in str((found, said))
