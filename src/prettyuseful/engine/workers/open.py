"""From the word behind --on to workers."""

from __future__ import annotations

import os

from prettyuseful.engine.store.base import Store
from prettyuseful.engine.workers.base import Workers
from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics


def open_workers(on: str, store: Store, numerics: Numerics, width: int | None = None) -> Workers:
    """Workers, not yet open: `local` (processes here, `width` side by side), `ray` or `ray://host:port`.

    Raises:
        StudyError: another word, or a width for a cluster, which decides itself.
    """
    if on == "local":
        from prettyuseful.engine.workers.local import LocalWorkers

        return LocalWorkers(store, width or local_width(numerics))
    if on != "ray" and not on.startswith("ray://"):
        raise StudyError(f"--on {on}: no such place; say local, ray or ray://host:port")
    if width is not None:
        raise StudyError("--workers is for --on local; on Ray, what the cluster has room for runs side by side")
    from prettyuseful.engine.workers.ray import RayWorkers

    return RayWorkers(store, on)


def local_width(numerics: Numerics) -> int:
    """As many steps side by side as the cores carry; one on an accelerator."""
    if numerics.device != "cpu":
        return 1
    return max(1, (os.cpu_count() or 1) // numerics.threads)
