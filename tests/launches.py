"""Counts what code would launch on an accelerator, by running it on the `meta` device or on a CPU."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_ALLOCATING = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided")


class CountedLaunches(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operators that compute on a device; those that return views or new memory launch nothing.

    Attributes:
        launches: operators on the device, with copies to it.
        copies: copies from main memory to the device.
        waiting: those of them for which the CPU waits.
    """

    def __init__(self, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device
        self.launches = self.copies = self.waiting = 0

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, value, trace)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        outputs = function(*args, **kwargs)
        inputs = _tensors((args, kwargs))
        if not any(tensor.device.type == self.device for tensor in _tensors(outputs)):
            return outputs
        name = function.overloadpacket.__name__
        changes = any(argument.alias_info and argument.alias_info.is_write for argument in function._schema.arguments)
        if not changes and (name in _ALLOCATING or function.is_view or name == "_reshape_alias"):
            return outputs
        self.launches += 1
        if self.device != "cpu" and name in ("_to_copy", "copy_") and any(t.device.type == "cpu" for t in inputs):
            self.copies += 1
            self.waiting += not (kwargs.get("non_blocking") or (name == "copy_" and args[2:] == (True,)))
        return outputs


def _tensors(values: Any) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]
