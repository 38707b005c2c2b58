"""Counts the memory of tensors while code runs, on any device, also on `meta` and on fake devices without memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch._subclasses import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class CountingModes:
    """Modes of PyTorch that count together inside one `with` block."""

    def __init__(self, *modes: TorchDispatchMode | TorchFunctionMode) -> None:
        self._modes = modes

    def __enter__(self) -> Self:
        for mode in self._modes:
            mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(kind, value, trace)  # type: ignore[no-untyped-call]


def attention_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """Return query, key and value of a call of `scaled_dot_product_attention`."""
    return [*args, *(kwargs[name] for name in ("query", "key", "value") if name in kwargs)][:3]


class CountedTensors(CountingModes):
    """Counts the bytes of tensors that are created inside the `with` block, and of no others.

    A tensor counts until its storage is freed, so what PyTorch keeps for the backward pass counts, too. Attention
    counts as a fused kernel does, which never holds the matrix of all pairs. Memory inside of a kernel, such as the
    workspace of a convolution, does not count.

    Attributes:
        now: bytes of the tensors that exist.
        peak: the most bytes that existed at the same time since the start or since `reset_peak`.
    """

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._storages: dict[int, weakref.ref[Any]] = {}
        super().__init__(_Operators(self._skip, self._add), _FusedAttention())

    def reset_peak(self) -> None:
        self.peak = self.now

    def _skip(self, tensor: torch.Tensor) -> None:
        """Note a tensor from outside, so that views of it do not count."""
        self._add(tensor, 0)

    def _add(self, tensor: torch.Tensor, size: int | None = None) -> None:
        storage = tensor.untyped_storage()
        name, size = storage._cdata, storage.nbytes() if size is None else size
        if name in self._storages:
            return

        def free(_: object) -> None:
            del self._storages[name]
            self.now -= size

        self._storages[name] = weakref.ref(storage, free)
        self.now += size
        self.peak = max(self.peak, self.now)


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Calls a function with every tensor that an operator takes, and another with every tensor that it returns."""

    def __init__(self, on_input: Callable[[torch.Tensor], None], on_output: Callable[[torch.Tensor], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.on_input, self.on_output = on_input, on_output

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for tensor in _tensors((args, kwargs)):
            self.on_input(tensor)
        outputs = function(*args, **(kwargs or {}))
        for tensor in _tensors(outputs):
            self.on_output(tensor)
        return outputs


def _tensors(values: Any) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


class _FusedAttention(TorchFunctionMode):
    """Computes no attention on devices without memory, where PyTorch would choose the kernel that is not fused."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention:
            inputs = attention_inputs(args, kwargs)
            if inputs[0].is_meta or isinstance(inputs[0], FakeTensor):
                return _Attention.apply(*inputs)
        return function(*args, **kwargs)


class _Attention(torch.autograd.Function):
    """Has the outputs of fused attention, and keeps for the backward pass what it keeps."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        *outer, heads, length, _ = query.shape
        output = query.new_empty(*outer, length, heads, value.shape[-1]).transpose(-2, -3)  # as kernels return it
        ctx.save_for_backward(query, key, value, output, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return output

    @staticmethod
    def backward(ctx: Any, *_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(torch.empty_like(tensor) for tensor in ctx.saved_tensors[:3])
