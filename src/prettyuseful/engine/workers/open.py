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
        numerics: of the steps; decides the default of `width`, and whether steps use GPUs.
        width: number of local worker processes.

    Raises:
        StudyError: `on` is invalid, or `width` is given for Ray.
    """
    if on == "local":
        from prettyuseful.engine.workers.local import LocalWorkers

        return LocalWorkers(store, width or local_parallelism(numerics), visible_gpus(numerics))
    if on != "ray" and not on.startswith("ray://"):
        raise StudyError(f"invalid --on {on!r}; choose local, ray or ray://HOST:PORT")
    if width is not None:
        raise StudyError(
            "--workers is only for --on local; a Ray cluster runs as many steps as it has room for; remove --workers"
        )
    from prettyuseful.engine.workers.ray import RayWorkers

    return RayWorkers(store, on)


def local_parallelism(numerics: Numerics) -> int:
    """Return the number of steps that run in parallel on this machine: one for each GPU, and as many as its CPU has
    cores for, because steps that need no GPU run beside the others."""
    return max(1, len(visible_gpus(numerics)), (os.cpu_count() or 1) // numerics.threads)


def visible_gpus(numerics: Numerics) -> tuple[str, ...]:
    """Return the names of the GPUs for steps with these numerics, as in CUDA_VISIBLE_DEVICES; none on a CPU."""
    if numerics.device != "cuda":
        return ()
    import torch

    count = torch.cuda.device_count()  # of those in CUDA_VISIBLE_DEVICES, if it is set
    names = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple(names[:count] if len(names) >= count else map(str, range(count)))
