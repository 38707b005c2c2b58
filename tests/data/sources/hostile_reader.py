"""Reads the places that are named on stdin, each in a process of its own, and says what that cost.

It prints one line of JSON for each: the error message, and what the process needed of memory and time.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback

import numpy as np
import pyarrow.parquet  # noqa: F401  # so that reading does not pay for the import
from PIL import Image  # noqa: F401

from prettyuseful.data.sources.open import open_splits
from prettyuseful.errors import UserError

_MOST_SECONDS = 20  # after which a process is ended


def peak() -> int:
    """Return the largest memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read(place: str) -> dict[str, object]:
    before, started = peak(), time.monotonic()
    message, is_user_error = "", True
    try:
        for source in filter(None, open_splits(place)):
            source.counts()
            source.content_ids()
            source.notes()
            for _ in source.rows(source.class_names(), 1):
                pass
    except UserError as error:
        message = str(error)
    except BaseException:
        message, is_user_error = traceback.format_exc(), False
    return {
        "message": message,
        "is_user_error": is_user_error,
        "memory": peak() - before,
        "seconds": time.monotonic() - started,
    }


def main() -> None:
    for line in sys.stdin:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            signal.alarm(_MOST_SECONDS)
            result = read(json.loads(line))
            print(json.dumps(result), flush=True)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status:
            print(json.dumps({"message": f"status {status}", "is_user_error": False, "memory": 0, "seconds": 0}))


if __name__ == "__main__":
    np.zeros(1)
    main()
