from __future__ import annotations

import subprocess
import sys

import pytest

from prettyuseful.redaction.exceptions import describe_error, message_of


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("canary-1234")


def test_messages_are_lines_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "canary-1234")
    assert message_of(SystemExit("no\n canary-1234")) == "no [MY_TOKEN]"
    assert describe_error(KeyError("canary-1234")) == "KeyError: '[MY_TOKEN]'"
    assert describe_error(type("E canary-1234", (BaseException,), {})()) == "E [MY_TOKEN]: "
    assert describe_error(SpeechlessError()) == "SpeechlessError: its message cannot be shown (ValueError)"


PROGRAM = """
import atexit, sys, threading
from prettyuseful.redaction.exceptions import redact_uncaught_exceptions

class Dying:
    def __del__(self):
        raise ValueError("del canary-1234")

class Unprintable:
    def __repr__(self):
        raise ValueError("repr canary-1234")
    def __call__(self):
        raise ValueError("atexit canary-1234")

def fail(error):
    raise error

redact_uncaught_exceptions()
for error in (ValueError("thread canary-1234"), SystemExit("quiet canary-1234")):
    thread = threading.Thread(target=fail, args=(error,), name="canary-1234")
    thread.start()
    thread.join()
Dying()
atexit.register(Unprintable())
class Own(BaseException):
    pass
raise Own("main canary-1234")
"""


def test_uncaught_exceptions_are_printed_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "canary-1234")
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "canary" not in ended.stderr
    for source in ("thread", "del", "atexit", "Own: main"):
        assert f"{source} [MY_TOKEN]" in ended.stderr
    assert "Exception in thread [MY_TOKEN]:\nTraceback" in ended.stderr
    assert "Exception ignored in" in ended.stderr
    assert "quiet" not in ended.stderr
