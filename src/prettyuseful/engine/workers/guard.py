"""Detects scripts without a main guard, which every worker process would import and run again."""

from __future__ import annotations

import multiprocessing

NO_WORKER_MESSAGE = (
    "no worker process could start: each one imports the script, so call prettyuseful below the main guard "
    '`if __name__ == "__main__":`, or pass workers=1 to run in the process of the script '
    "(if the script has a main guard, the workers were killed at start; check the free memory)"
)


def exit_if_worker() -> None:
    """Exit if this is a worker process that is importing a script without a main guard.

    The parent process then reports once that no worker could start.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)
