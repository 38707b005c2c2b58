"""The command line. It parses arguments, prints results and sets the exit code; the Python interface does the work."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from prettyuseful.cli import audits, studies, forecasts, pooling, datasets, checks, stores, reference  # isort: skip (the order of the help)
from prettyuseful.cli.app import app
from prettyuseful.cli.exit_codes import EXIT_CODES, ExitCode
from prettyuseful.errors import StoreError, UserError
from prettyuseful.redaction import redact, redact_line
from prettyuseful.redaction.exceptions import redact_uncaught_exceptions

__all__ = [
    "EXIT_CODES",
    "app",
    "audits",
    "checks",
    "datasets",
    "forecasts",
    "main",
    "pooling",
    "reference",
    "stores",
    "studies",
]


def main() -> None:
    """Run the command line; `exit_codes` lists the exit codes."""
    # Batch systems and containers stop a process with SIGTERM: treat it like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    redact_uncaught_exceptions()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout = _Output(sys.stdout)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except UserError as error:  # outside a command: while help was printed, or at the end
        print(f"error: {redact_line(str(error))}", file=sys.stderr)
        sys.exit(ExitCode.USER_ERROR)
    except BrokenPipeError:  # as in `prettyuseful list metrics | head -1`
        _discard_output()
        sys.exit(ExitCode.FAILED)
    except Exception:  # an error of this program: print its traceback, but no secrets
        print(redact(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(ExitCode.FAILED)


class _Output(TextIOWrapper):
    """Standard output, whose errors, as on a full disk, are errors that the user can correct."""

    def __init__(self, stream: TextIOWrapper) -> None:
        super().__init__(
            stream.buffer,
            stream.encoding,
            # A path may hold what no text holds; in JSON this is its escape.
            "backslashreplace" if stream.errors == "strict" else stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self._stream = stream  # it closes its file when it is deleted

    def write(self, text: str) -> int:
        with self._convert_errors():
            return super().write(text)

    def flush(self) -> None:
        with self._convert_errors():
            super().flush()

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # its reader needs no more of it
            raise
        except OSError as error:
            _discard_output()
            raise StoreError(f"cannot write the output: {error.strerror}; redirect it to another file") from None


def _discard_output() -> None:
    """Discard what is left in the buffer of standard output: it would fail again when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
