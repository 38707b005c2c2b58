"""Requests for images at a real server on loopback: what is kept, asked again, counted and paid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chat_server import QUICK, Server, blank, draws, drops, paints, png, running_server, sends

from prettyuseful.endpoints.images import ImageRequest
from prettyuseful.errors import StepFailedError, UserError
from prettyuseful.generators.budget import Allowance, Budget
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.generators.hosted_images import RequestedImages, request_images, summarise
from prettyuseful.generators.kept_images import KeptImages

SAFETY = sends(400, json.dumps({"error": {"code": "moderation_blocked"}}))


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.default_reply = paints
        yield server


def request(
    server: Server, folder: Path, count: int = 4, allowance: int | None = None, **fields: Any
) -> RequestedImages:
    values = {"endpoint": server.url, "model": "painter", "concurrency": 1, **fields}
    model = HostedModel.model_validate(values)
    requests = [ImageRequest(i, f"a cat {i}", f"cat/{i:06d}") for i in range(count)]
    budget = None
    if allowance is not None:
        allowed = Allowance(images=count, alone=allowance - count, together=0, ledger="x")
        budget = Budget(allowed, "step", None)
    return request_images(model, requests, KeptImages(folder), budget, lambda _: None, QUICK)


def counts(sent: int, refused: int, charged: int, blank: int) -> dict[str, int]:
    return {"requests_sent": sent, "requests_refused": refused, "requests_charged": charged, "blank_images": blank}


def prompts(server: Server) -> list[str]:
    return [request.body["prompt"] for request in server.requests]


def test_images_are_returned_in_order_as_received(server: Server, tmp_path: Path) -> None:
    server.replies = [draws(png(9, "JPEG")), draws(png(8), revised_prompt="better"), draws(png(7, "WEBP")), SAFETY]
    received = request(server, tmp_path)
    assert [image.data for image in received.images] == [png(9, "JPEG"), png(8), png(7, "WEBP"), png(5)]
    assert received.counts == counts(5, 1, 4, 0)
    assert summarise(received, "cat") == {
        "model_served": {"painter-0613": 4},
        "formats_received": {"JPEG": 1, "PNG": 2, "WEBP": 1},
        "sizes_received": {"16x12": 4},
        "requests_sent": {"cat": 5},
        "requests_refused": {"cat": 1},
        "requests_charged": {"cat": 4},
        "prompts_revised": {"cat": 1},
    }


def test_what_has_arrived_is_never_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.replies = [paints, paints, sends(401, "key expired")]
    with pytest.raises(UserError, match="HTTP 401"):
        request(server, tmp_path)
    first = request(server, tmp_path)
    assert prompts(server) == ["a cat 0", "a cat 1", "a cat 2", "a cat 2", "a cat 3"]
    assert first == request(server, tmp_path)
    assert len(server.requests) == 5
    assert first.counts["requests_charged"] == 4


def test_a_damaged_image_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    request(server, tmp_path)
    (path,) = tmp_path.glob("v1-000002-*.image")
    path.write_bytes(b"")
    request(server, tmp_path)
    assert prompts(server)[4:] == ["a cat 2"]


def test_an_image_of_one_colour_is_paid_counted_and_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.replies = [draws(blank())]
    received = request(server, tmp_path)
    assert received.counts == counts(5, 0, 5, 1)
    server.default_reply = draws(blank())
    with pytest.raises(StepFailedError, match=r"failed for 1 of 1 images \(cat/000000\): the image is of one colour"):
        request(server, tmp_path / "other", 1)


def test_a_set_with_a_refused_image_is_not_made_and_the_others_are_kept(server: Server, tmp_path: Path) -> None:
    server.replies = [paints, SAFETY, SAFETY, SAFETY]
    with pytest.raises(StepFailedError, match=r"1 of 4 images \(cat/000001\): refused.*change these prompts"):
        request(server, tmp_path)
    assert len(KeptImages(tmp_path)) == 3


def test_no_request_is_sent_that_the_budget_may_not_pay(server: Server, tmp_path: Path) -> None:
    budget = {"cost_per_image": 0.5, "at_most": 2.5}
    server.replies = [paints, draws(blank()), paints, drops, SAFETY]
    with pytest.raises(StepFailedError, match="at_most would be exceeded") as error:
        request(server, tmp_path, 4, 5, **budget)
    assert "\n" not in str(error.value)
    assert "5 requests of this step for 2.50 were or may have been charged" in str(error.value)
    assert "3 of its 4 images exist and are kept" in str(error.value)
    assert len(server.requests) == 6
    with pytest.raises(StepFailedError, match="at_most would be exceeded"):  # also by the next run
        request(server, tmp_path, 4, 5, **budget)
    assert len(server.requests) == 6
    assert len(request(server, tmp_path, 4, 6, **budget).images) == 4


def test_the_budget_holds_for_simultaneous_requests(server: Server, tmp_path: Path) -> None:
    server.delay, server.default_reply = 0.05, draws(blank())
    with pytest.raises(StepFailedError):
        request(server, tmp_path, 8, 8, concurrency=8, cost_per_image=1, at_most=8)
    assert len(server.requests) == 8


def test_a_rate_limit_is_kept(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    request(server, tmp_path / "kept", 3, per_minute=600, concurrency=3)
    times = [asked.at for asked in server.requests]
    assert times[2] - times[0] > 0.15


def test_the_key_comes_from_the_environment(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAINTER_KEY", "sk-canary/77")
    request(server, tmp_path, 1, api_key_env="PAINTER_KEY", size="16x12", options={"quality": "low"})
    assert server.requests[0].headers["Authorization"] == "Bearer sk-canary/77"
    assert (server.requests[0].body["size"], server.requests[0].body["quality"]) == ("16x12", "low")
    assert not [path for path in tmp_path.iterdir() if b"canary" in path.read_bytes()]
