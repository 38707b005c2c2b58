"""The model at hand: a worker keeps one thing loaded, since many steps in a row want the same."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
_held: dict[Hashable, Any] = {}


def cached_model(make: Callable[..., T], *arguments: Hashable, content: str = "") -> T:
    """`make(*arguments)`, or what the last such call made. What was held before is gone from memory first.

    So text encoders and the denoiser, made by different calls, never share the memory. `content` is the fingerprint of
    what the arguments only name: with another, it is made anew.
    """
    key = (make, *arguments, content)
    if key not in _held:
        release_model()
        _held[key] = make(*arguments)
    return cast("T", _held[key])


def release_model() -> None:
    """Frees what is held, on the accelerator too."""
    if not _held:
        return
    _held.clear()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
