"""A real server on loopback with OpenAI's chat and images APIs that answers, or misbehaves, as a test asks."""

from __future__ import annotations

import base64
import copy
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

from prettyuseful.endpoints.client import RetryPolicy

CANARY = "sk-canary/4f9a7c"
QUICK = RetryPolicy(attempts=3, connect_timeout=2, answer_timeout=1, first_wait=0.01, max_wait=0.02, max_retry_after=5)


class Request(BaseHTTPRequestHandler):
    """One request; the answer is the next of the server's planned replies, or the default reply."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        self.body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.at = time.monotonic()
        server = self.server
        with server.lock:
            server.requests.append(copy.copy(self))  # one handler serves all requests of a connection
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            reply = server.replies.pop(0) if server.replies else server.default_reply
        time.sleep(server.delay)
        with server.lock:
            server.busy -= 1
        try:
            reply(self)
        except OSError:
            self.close_connection = True  # the client closed the connection

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.downloads.append(self.path)
        try:
            server.files.get(self.path, sends(404, "no such file"))(self)
        except OSError:
            self.close_connection = True

    @property
    def image(self) -> Image.Image:
        kind, data = self.body["messages"][0]["content"][0]["image_url"]["url"].split(",")
        assert kind == "data:image/png;base64"
        return Image.open(io.BytesIO(base64.b64decode(data)))

    def send(self, status: int, content: str | bytes, headers: dict[str, str]) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


Reply = Callable[[Request], None]


def sends(status: int, content: str | bytes = "", **headers: str) -> Reply:
    return lambda request: request.send(status, content, {k.replace("_", "-"): v for k, v in headers.items()})


def says(text: str | None, **more: object) -> Reply:
    choice = {"message": {"role": "assistant", "content": text, **more}, "finish_reason": "stop", **more}
    return sends(200, json.dumps({"model": "seer-0613", "choices": [choice]}))


def png(number: int = 0, kind: str = "PNG") -> bytes:
    """Return an image file with a pattern that shows its number, 16 pixels wide."""
    pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def blank() -> bytes:
    """Return an image file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (16, 12), (7, 7, 7)).save(file, "PNG")
    return file.getvalue()


def draws(data: bytes, **more: object) -> Reply:
    """Answer with an image in base64."""
    image = {"b64_json": base64.b64encode(data).decode(), **more}
    return sends(200, json.dumps({"model": "painter-0613", "data": [image]}))


def paints(request: Request) -> None:
    """Answer with an image that differs from those of other requests."""
    draws(png(len(request.server.requests)))(request)


def shade(request: Request) -> None:
    """Answer with a caption that identifies the picture."""
    says(f"shade {np.asarray(request.image)[0, 0, 0]}")(request)


def drops(request: Request) -> None:
    request.close_connection = True


def breaks_off(request: Request) -> None:
    request.send(200, b'{"choices": [', {"Content-Length": "1000"})
    request.close_connection = True


def drips(request: Request) -> None:
    request.send(200, b"", {"Content-Length": "1000"})
    for _ in range(50):
        request.wfile.write(b" ")
        time.sleep(0.05)


def floods(request: Request) -> None:
    request.send(200, b"", {"Content-Length": "1000000000"})
    while True:
        request.wfile.write(b" " * (1 << 16))


def stalls(request: Request) -> None:
    time.sleep(2.5 * QUICK.answer_timeout)
    shade(request)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.downloads: list[str] = []
        self.files: dict[str, Reply] = {}
        self.replies: list[Reply] = []
        self.default_reply: Reply = shade
        self.delay = 0.0
        self.busy = self.busiest = 0

    def handle_error(self, *_: object) -> None:
        pass  # some tests close the connection on purpose

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def running_server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
