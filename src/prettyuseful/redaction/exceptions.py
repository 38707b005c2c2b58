"""Exceptions of user-defined code without secrets: their messages, and what Python prints of uncaught ones."""

from __future__ import annotations

import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType

from prettyuseful.redaction import redact, redact_line


def message_of(error: BaseException) -> str:
    """Return the message of an exception on one line, without secrets. A user-defined one may fail to give it."""
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        return f"its message cannot be shown ({type(failure).__name__})"
    return redact_line(text)


def describe_error(error: BaseException) -> str:
    """Return the class and the message of an exception on one line, without secrets."""
    return f"{redact_line(type(error).__name__)}: {message_of(error)}"


def redact_uncaught_exceptions() -> None:
    """Let this process print uncaught exceptions without secrets, also those of threads and finalisers.

    For processes of prettyuseful only; a program that uses prettyuseful decides itself what it prints.
    """
    sys.excepthook = _print_uncaught
    threading.excepthook = _print_of_thread
    sys.unraisablehook = _print_unraisable


def _print_uncaught(
    kind: type[BaseException], value: BaseException | None, trace: TracebackType | None, heading: str = ""
) -> None:
    with suppress(Exception):  # standard error may be closed
        lines = traceback.format_exception(kind, value, trace)
        print(redact(heading + "".join(lines)), end="", file=sys.stderr, flush=True)


def _print_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:  # it only ends the thread, as in Python itself
        name = args.thread.name if args.thread else threading.get_ident()
        _print_uncaught(args.exc_type, args.exc_value, args.exc_traceback, f"Exception in thread {name}:\n")


def _print_unraisable(args: sys.UnraisableHookArgs) -> None:
    source = ""
    with suppress(Exception):
        source = repr(args.object)
    heading = f"{args.err_msg or 'Exception ignored in'}: {source}\n"
    _print_uncaught(args.exc_type, args.exc_value, args.exc_traceback, heading)
