"""The command line: parses, shows and exits; everything else is the Python interface's."""

from __future__ import annotations

import signal
import sys
import traceback

from prettyuseful.cli import audits, datasets, lists, stores, studies
from prettyuseful.cli.app import app
from prettyuseful.redaction import redacted

__all__ = ["app", "audits", "datasets", "lists", "main", "stores", "studies"]


def main() -> None:
    """Exit codes: 0 complete, 1 steps failed or missing, 2 the user's mistake, 130 interrupted."""
    # Batch systems and containers ask to stop by SIGTERM: the same as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except Exception:  # a mistake of ours: its trace is needed, secrets in it are not
        print(redacted(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(1)
