"""Opens workers by the value of `--on`."""

from __future__ import annotations

import os

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.workers.base import Workers
from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics


def open_workers(on: str, store: Store, numerics: Numerics, width: int | None = None) -> Workers:
    """Create workers (not yet open).

    Args:
        on: `local` for `width` processes on this machine, `ray`, or `ray://host:port`.
        store: receives the artifacts.
        numerics: of the steps; decides the default of `width`.
        width: number of local worker processes.

    Raises:
        StudyError: `on` is invalid, or `width` is given for Ray.
    """
    if on == "local":
        from prettyuseful.engine.workers.local import LocalWorkers

        return LocalWorkers(store, width or local_parallelism(numerics))
    if on != "ray" and not on.startswith("ray://"):
        raise StudyError(f"invalid --on {on!r}; choose local, ray or ray://HOST:PORT")
    if width is not None:
        raise StudyError(
            "--workers is only for --on local; a Ray cluster runs as many steps as it has room for; remove --workers"
        )
    from prettyuseful.engine.workers.ray import RayWorkers

    return RayWorkers(store, on)


def local_parallelism(numerics: Numerics) -> int:
    """Return the number of steps that the CPU cores can run in parallel; 1 on an accelerator."""
    if numerics.device != "cpu":
        return 1
    return max(1, (os.cpu_count() or 1) // numerics.threads)
