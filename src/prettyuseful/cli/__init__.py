"""The command line. It parses arguments, prints results and sets the exit code; the Python interface does the work."""

from __future__ import annotations

import signal
import sys
import traceback

from prettyuseful.cli import audits, studies, datasets, checks, stores, reference  # isort: skip (the order of the help)
from prettyuseful.cli.app import app
from prettyuseful.cli.exit_codes import EXIT_CODES, ExitCode
from prettyuseful.redaction import redact

__all__ = ["EXIT_CODES", "app", "audits", "checks", "datasets", "main", "reference", "stores", "studies"]


def main() -> None:
    """Run the command line; `exit_codes` lists the exit codes."""
    # Batch systems and containers stop a process with SIGTERM: treat it like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except Exception:  # an error of this program: print its traceback, but no secrets
        print(redact(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(ExitCode.FAILED)
