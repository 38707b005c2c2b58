"""A model hub on the loopback interface: the requests of huggingface_hub and diffusers, with the hub's error codes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.hf_api
import pytest


def commit(key: str) -> str:
    """Return a fixed commit hash for "owner/name" or "owner/name@revision"."""
    return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Hub:
    """The state of the hub.

    Attributes:
        repositories: folders by id and by id@revision.
        gated: ids whose files cannot be downloaded.
        sent: names of the files that were downloaded.
        commits: commits by key, where they differ from `commit(key)`.
    """

    address: str
    repositories: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    commits: dict[str, str] = field(default_factory=dict)

    def sha(self, key: str) -> str:
        return self.commits.get(key, commit(key))

    def push(self, name: str, folder: Path) -> None:
        """Add a commit to the branch main; the previous commit stays available."""
        before = self.sha(name)
        self.repositories[f"{name}@{before}"] = self.repositories[name]
        self.commits[f"{name}@{before}"] = before
        self.repositories[name] = folder
        self.commits[name] = commit(f"{before} {folder}")

    def key(self, name: str, revision: str | None) -> str | None:
        """Return the key of a request by the name of a branch or by a commit, or None."""
        keys = [key for key in self.repositories if key.partition("@")[0] == name]
        wanted = name if revision in (None, "main") else f"{name}@{revision}"
        return next((key for key in keys if key == wanted or self.sha(key) == revision), None)


@contextmanager
def serve() -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = server.hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def use_local_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Start a hub and make this process use it, with the cache folder `cache`."""
    with serve() as hub:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        template = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", hub.address)
        # Transformers keeps its own client with the address of the first hub.
        monkeypatch.setattr("transformers.utils.hub._hf_api", None, raising=False)
        yield hub


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


class _Handler(BaseHTTPRequestHandler):
    _API = re.compile(
        r"/api/models/(?P<id>[^/]+/[^/?]+)(/(?P<kind>revision|tree)/(?P<revision>[^/?]+)(/(?P<folder>[^?]+))?)?(\?.*)?"
    )
    _FILE = re.compile(r"/(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        match = self._API.fullmatch(self.path) or self._FILE.fullmatch(self.path)
        if match is None or match["id"] not in hub.repositories:
            self._answer(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
            return
        key = hub.key(match["id"], match["revision"])
        if key is None:
            self._answer(404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
            return
        folder = hub.repositories[key]
        if match.re is self._API and match["folder"] and not (folder / match["folder"]).is_dir():
            self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        elif match.re is self._API:
            files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
            answer: object = {
                "id": match["id"],
                "sha": hub.sha(key),
                "siblings": [{"rfilename": str(path)} for path in files],
            }
            if match["kind"] == "tree":
                answer = [{"type": "file", "path": str(path), "size": 1, "oid": commit(str(path))} for path in files]
            self._answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
        elif match["id"] in hub.gated:
            self._answer(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to it is restricted"})
        elif not (folder / match["file"]).is_file():
            self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        else:
            content = (folder / match["file"]).read_bytes()
            if self.command == "GET":
                hub.sent.append(match["file"])
            etag = hashlib.sha256(content).hexdigest()
            self._answer(200, {"ETag": f'"{etag}"', "X-Repo-Commit": hub.sha(key), "Accept-Ranges": "none"}, content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
