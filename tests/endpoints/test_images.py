"""Images from a real server on loopback, which misbehaves in every way that a test asks for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from tests.chat_server import (
    CANARY,
    QUICK,
    Reply,
    Server,
    breaks_off,
    draws,
    drips,
    drops,
    floods,
    paints,
    png,
    running_server,
    sends,
    stalls,
)

from prettyuseful.endpoints.images import ImageRequest, ImagesEndpoint, ReceivedImage
from prettyuseful.errors import PrettyUsefulError, StepFailedError, UserError

BLACK = Image.new("RGB", (16, 12))


class Log:
    """Counts what happens to requests."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def sent(self, index: int) -> None:
        self.events.append(("sent", index))

    def free(self, index: int) -> None:
        self.events.append(("free", index))

    def refused(self, index: int) -> None:
        self.events.append(("refused", index))


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.default_reply = paints
        yield server


def ask(server: Server, count: int = 1, log: Log | None = None, key: str | None = None) -> dict[int, ReceivedImage]:
    received: dict[int, ReceivedImage] = {}

    def receive(request: ImageRequest, image: ReceivedImage, pixels: Image.Image) -> None:
        assert pixels.size == (image.width, image.height)
        received[request.index] = image

    options = {"size": "16x12", "quality": "low"}
    endpoint = ImagesEndpoint(server.url, "painter", options, 1, key, QUICK, None, log or Log())
    endpoint.ask([ImageRequest(i, f"prompt {i}", f"cat/{i}") for i in range(count)], receive)
    return received


def failure(server: Server, count: int = 1, log: Log | None = None, key: str | None = None) -> PrettyUsefulError:
    with pytest.raises(PrettyUsefulError) as error:
        ask(server, count, log, key)
    assert "\n" not in str(error.value)
    assert f"the generator 'painter' at {server.url} " in str(error.value)
    return error.value


def test_each_image_is_one_request_with_all_options(server: Server) -> None:
    images = ask(server, 2, key=CANARY)
    assert [request.path for request in server.requests] == ["/v1/images/generations"] * 2
    assert server.requests[1].body == {
        "model": "painter",
        "prompt": "prompt 1",
        "n": 1,
        "size": "16x12",
        "quality": "low",
    }
    assert server.requests[0].headers["Authorization"] == f"Bearer {CANARY}"
    assert images[0] == ReceivedImage(png(1), "PNG", 16, 12, "painter-0613", None)
    assert images[1].data == png(2)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_format_is_that_of_the_bytes_whatever_the_server_says(server: Server, kind: str) -> None:
    data = png(3, kind)
    reply = {"output_format": "png", "data": [{"b64_json": base64.b64encode(data).decode()}]}
    server.replies = [sends(200, json.dumps(reply), Content_Type="image/gif")]
    image = ask(server)[0]
    assert (image.data, image.format, image.served) == (data, kind, "not said")


def test_a_revised_prompt_is_kept_and_an_equal_one_is_not(server: Server) -> None:
    server.replies = [
        draws(png(1), revised_prompt=f"A better {CANARY} prompt"),
        draws(png(2), revised_prompt="prompt 1 "),
        draws(png(3), revised_prompt=[1]),
    ]
    images = ask(server, 3, key=CANARY)
    assert [images[i].revised for i in range(3)] == ["A better *** prompt", None, None]


@pytest.mark.parametrize("url", ["{}/files/a.png", "/files/a.png", "data:image/png;base64,{data}"])
def test_an_image_may_be_linked_on_the_same_server(server: Server, url: str) -> None:
    root = server.url.removesuffix("/v1")
    server.files["/files/a.png"] = sends(200, png(5))
    link = url.format(root, data=base64.b64encode(png(5)).decode())
    server.default_reply = sends(200, json.dumps({"data": [{"url": link}]}))
    assert ask(server)[0].data == png(5)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://cdn.example/a.png", "cdn.example"),
        ("http://127.0.0.1:9/a.png", "127.0.0.1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("file:///etc/passwd", "not said"),
        ("http://me:secret@127.0.0.1/a", "127.0.0.1"),
        ("//elsewhere/a.png", "elsewhere"),
        ("http://[broken/a", "not said"),
    ],
)
def test_nothing_is_fetched_from_another_server(server: Server, url: str, host: str) -> None:
    server.default_reply = sends(200, json.dumps({"data": [{"url": url}]}))
    error = failure(server, 3)
    assert isinstance(error, UserError)
    assert f"on another server ({host}), which is not fetched" in str(error)
    assert len(server.requests) == 1
    assert server.downloads == []


def test_a_redirect_of_an_image_is_not_followed(server: Server) -> None:
    server.files["/a.png"] = sends(302, "", Location="http://127.0.0.1:9/b.png")
    server.default_reply = sends(200, json.dumps({"data": [{"url": "/a.png"}]}))
    error = failure(server)
    assert isinstance(error, UserError)
    assert "redirects are not followed" in str(error)


def test_a_download_is_tried_again_without_another_request(server: Server) -> None:
    def once(request: object) -> None:
        server.files["/a.png"] = sends(200, png(1))
        sends(503, "busy")(request)  # type: ignore[arg-type]

    server.files["/a.png"] = once
    server.default_reply = sends(200, json.dumps({"data": [{"url": "/a.png"}]}))
    assert ask(server)[0].data == png(1)
    assert (len(server.requests), len(server.downloads)) == (1, 2)


UNUSABLE: dict[str, tuple[Reply, str]] = {
    "not base64": (sends(200, '{"data": [{"b64_json": "####"}]}'), "the image is not valid base64"),
    "no image": (sends(200, '{"data": []}'), "the answer holds no image ({"),
    "no json": (sends(200, "hello"), "the answer holds no image (hello)"),
    "deep": (sends(200, "[" * 100_000), "the answer holds no image"),
    "text": (draws(b"this is text"), "not an image"),
    "web page": (draws(b"<html>sorry</html>"), "a web page"),
    "cut off": (draws(png(1)[:200]), "broken image"),
    "empty": (draws(b""), "the file is empty"),
    "nothing": (sends(200, '{"data": [{"b64_json": null}]}'), "neither b64_json nor url"),
    "missing file": (sends(200, '{"data": [{"url": "/missing"}]}'), "the image cannot be downloaded (HTTP 404)"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_answer_without_an_image_is_asked_again_a_few_times(server: Server, name: str) -> None:
    reply, expected = UNUSABLE[name]
    server.default_reply = reply
    assert expected in str(failure(server))
    assert len(server.requests) == 3
    server.replies, server.default_reply = [reply], paints
    assert len(ask(server)) == 1


def test_an_image_of_a_format_that_is_not_kept_stops_everything(server: Server) -> None:
    server.default_reply = draws(png(1, "GIF"))
    error = failure(server, 5)
    assert isinstance(error, UserError)
    assert "made a GIF image; ask for PNG, JPEG or WebP" in str(error)
    assert len(server.requests) == 1


def test_huge_answers_are_not_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.endpoints.images._MAX_ANSWER_BYTES", 3 << 20)
    server.default_reply = floods
    assert "the answer has more than 3 MB" in str(failure(server))
    monkeypatch.setattr("prettyuseful.endpoints.images.MAX_IMAGE_BYTES", 100)
    server.default_reply = paints
    assert "the image has more than" in str(failure(server))


TRANSIENT: dict[str, tuple[Reply, bool]] = {  # whether the request may have been charged
    "500": (sends(500, "oops"), False),
    "429": (sends(429, "slow down", Retry_After="0.1"), False),
    "drop": (drops, True),
    "half": (breaks_off, True),
    "stall": (stalls, True),
    "drip": (drips, True),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_transient_failures_are_retried_and_lost_answers_may_be_charged(server: Server, name: str) -> None:
    reply, is_charged = TRANSIENT[name]
    server.replies, log = [reply], Log()
    assert ask(server, log=log)[0].format == "PNG"
    assert log.events == [("sent", 0), *([] if is_charged else [("free", 0)]), ("sent", 0)]


def test_a_server_that_cannot_be_reached_charges_nothing(server: Server) -> None:
    server.server_close()
    log = Log()
    assert isinstance(failure(server, log=log), StepFailedError)
    assert log.events == [("sent", 0), ("free", 0)] * 3


REFUSALS = {
    "openai": (400, {"error": {"code": "moderation_blocked", "message": "Your request was rejected"}}),
    "dall-e": (400, {"error": {"code": "content_policy_violation", "message": "no"}}),
    "azure": (400, {"error": {"code": "contentFilter", "message": "no", "inner_error": {}}}),
    "words": (400, {"error": {"message": "rejected as a result of our safety system"}}),
    "403": (403, {"error": {"code": "moderation_blocked", "message": "no"}}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_prompt_is_asked_three_times_and_then_the_step_fails(server: Server, name: str) -> None:
    status, content = REFUSALS[name]
    log = Log()
    server.replies = [sends(status, json.dumps(content))]
    assert len(ask(server, log=log)) == 1
    assert log.events == [("sent", 0), ("refused", 0), ("sent", 0)]
    server.requests.clear()
    server.default_reply = sends(status, json.dumps(content))
    error = failure(server, 2)
    assert isinstance(error, StepFailedError)
    assert "failed for 2 of 2 images (cat/0, cat/1): refused: HTTP" in str(error)
    assert "tried 3 times; change these prompts, or leave the class out of the task" in str(error)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (sends(200, "<!DOCTYPE html><title>Sign in</title>"), "answered with a web page; check endpoint"),
        (sends(404, "<html>not found</html>"), "HTTP 404: <html>not found</html>; check endpoint"),
        (sends(301, "", Location="http://127.0.0.1:9/"), "redirects are not followed"),
        (sends(401, '{"error": "no"}'), "give the name of the variable as api_key_env"),
    ],
)
def test_a_wrong_endpoint_is_one_line_after_one_request(server: Server, reply: Reply, expected: str) -> None:
    server.default_reply = reply
    error = failure(server, 20)
    assert isinstance(error, UserError)
    assert expected in str(error)
    assert len(server.requests) == 1


def test_a_setting_that_the_server_rejects_is_an_error_of_the_user(server: Server) -> None:
    server.default_reply = sends(400, '{"error": {"message": "Invalid value: 16x12. Supported: 1024x1024."}}')
    error = failure(server, 20)
    assert isinstance(error, UserError)
    assert "HTTP 400: Invalid value: 16x12. Supported: 1024x1024." in str(error)
    assert "check model, size and options" in str(error)
    assert len(server.requests) == 8


@pytest.mark.parametrize("echo", [sends(401, CANARY), sends(400, CANARY), sends(200, CANARY), draws(CANARY.encode())])
def test_the_key_is_in_no_error(server: Server, echo: Callable[..., None]) -> None:
    server.default_reply = echo
    assert "canary" not in str(failure(server, key=CANARY))
