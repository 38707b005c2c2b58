"""Fake secrets (canaries) in the environment must not appear in any output or file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from tests.cli.commands import call_here
from tests.runs import start

CANARY = "canary"
KEY = "PRIVATE" + " KEY"  # in two parts, so that no scanner takes this file for a key
SECRETS = {
    "HF_TOKEN": "hf_canary0123456789",
    "CAPTION_KEY": "sk-canary/4f9a7c",
    "CANARY_PASSWORD": "canary-password",
    "SMTP_PASS": "pass-canary",
    "MYSQL_PWD": "pwd-canary",
    "AZURE_PAT": "pat-canary",
    "SESSION_COOKIE": "session=cookie-canary; lang=en",
    "SERVICE_JWT": "jwt.canary.0123",
    "API_KEYS": "first-canary,second-canary",
    "GPG_PASSPHRASE": "correct horse canary staple",
    "DATABASE_URL": "postgres://me:canary/db-pw@host/db",
    "STORAGE": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=canary0123456789canary==;EndpointSuffix=x",
    "ALERTS": "https://hooks.slack.com/services/T00/B00/canarycanary",
    "PRESIGNED": "https://host/a?X-Amz-Date=1&X-Amz-Signature=canary0123456789",
    "DEPLOY": "\n".join((f"-----BEGIN {KEY}-----", *["canary+/AB12" * 5] * 3, f"-----END {KEY}-----")),
    # conftest.py sets the credentials of the storage: canary-access-key, canary-secret-key
}


@pytest.fixture
def canaries(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return s3_url


def files_with_canaries(folder: Path) -> list[str]:
    """Return the paths of files that contain a canary in their content or name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if CANARY.encode() in path.read_bytes() or CANARY in path.name]


class Captions(BaseHTTPRequestHandler):
    """A captioning endpoint that records the API keys it receives."""

    keys: ClassVar[set[str | None]] = set()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.add(self.headers["Authorization"])
        message = {"message": {"role": "assistant", "content": "a colour"}, "finish_reason": "stop"}
        answer = json.dumps({"model": "seer", "choices": [message]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Captions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def study(tmp_path: Path, shared_task: Path, planted: Callable[[str], str], endpoint: str) -> list[str]:
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ntrain: {{seeds: [0]}}\ndatasets:\n"
        f"  leaky: {{generator: '{planted('Leaky')}', images_per_class: 4}}\n"
        f"  wrapping: {{generator: '{planted('Wrapping')}', images_per_class: 4}}\n"
        f"  wordy: {{generator: '{planted('Wordy')}', images_per_class: 4}}\n"
        f"  caption:\n    generator: '{planted('Noise')}'\n    images_per_class: 4\n    prompts: {{strategy: caption, "
        f"captioner: {{model: seer, endpoint: '{endpoint}', api_key_env: CAPTION_KEY}}}}\n"
    )
    return ["-v", "run", str(tmp_path / "study.yaml")]


@pytest.mark.integration
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_no_secret_is_printed_or_stored(
    workers: int, canaries: str, tmp_path: Path, shared_task: Path, planted: Callable[[str], str], endpoint: str
) -> None:
    run_folder, url = tmp_path / "run", f"{canaries}/store"
    assert start(study(tmp_path, shared_task, planted, endpoint), run_folder, workers, url).wait(timeout=240) == 1
    log = (run_folder / "log").read_text()
    assert "401 for http" in log
    assert "wrong: [GPG_PASSPHRASE] [API_KEYS]" in log
    assert Captions.keys == {f"Bearer {SECRETS['CAPTION_KEY']}"}
    fsspec.filesystem("s3", skip_instance_cache=True).get(url, str(tmp_path / "downloaded"), recursive=True)
    assert any("401 for http" in path.read_text() for path in (tmp_path / "downloaded" / "failures").iterdir())
    for folder in (run_folder, tmp_path / "downloaded", tmp_path / "cache"):
        assert files_with_canaries(folder) == []
    record = json.loads((run_folder / "out" / "records" / "dataset@wordy.json").read_text())
    assert record["applied"] == {
        "api_key": "[secret]",
        "url": "postgres://[credentials]@host/db",
        "names": ["[GPG_PASSPHRASE]"],
    }
    assert (run_folder / "out" / "report.html").exists()


@pytest.mark.parametrize("command", ["check", "run"])
def test_no_secret_is_in_an_error_message(
    canaries: str, command: str, tmp_path: Path, planted: Callable[[str], str]
) -> None:
    arguments = {
        "check": ["check", "generator", planted("Leaky")],
        "run": ["run", "study.yaml", "--store", f"s3://me:{SECRETS['CANARY_PASSWORD']}@bucket/store"],
    }[command]
    (tmp_path / "study.yaml").write_text("version: 1\n")
    result = call_here(*arguments, cwd=tmp_path)
    assert result.returncode != 0
    assert CANARY not in result.stdout + result.stderr, canaries
