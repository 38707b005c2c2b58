"""A cache of one model per process: consecutive steps often need the same model."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
_cached: dict[Hashable, Any] = {}


def cached_model(make: Callable[..., T], *arguments: Hashable, content: str = "") -> T:
    """Return the cached result of `make(*arguments)`, or call it after the previous model has been freed.

    Only one model is in memory at a time, so text encoders and denoiser do not share the memory. `content` is a
    fingerprint of the files that the arguments refer to: if it changes, the model is created again.
    """
    key = (make, *arguments, content)
    if key not in _cached:
        release_model()
        _cached[key] = make(*arguments)
    return cast("T", _cached[key])


def release_model() -> None:
    """Free the cached model and the memory of the accelerator."""
    if not _cached:
        return
    _cached.clear()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
