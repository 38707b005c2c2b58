"""Scripts without a main guard: every worker process imports the script, and would run it again."""

from __future__ import annotations

import multiprocessing

NO_WORKER = (
    "no worker process could start: each imports the script that was run, so the script must call prettyuseful below "
    'its main guard, `if __name__ == "__main__":`; or pass workers=1 to run in the process of the script '
    "(where it does, workers were killed as they started: look for want of memory)"
)


def leave_if_worker() -> None:
    """Ends a worker process that has only come here because it imports a script without a main guard.

    Its parent finds that no worker could start, and says why: once, and not in every worker.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)
