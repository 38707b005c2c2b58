"""Counts floating-point operations and kernel launches while code runs, also on `meta` and on fake devices."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from prettyuseful.tensor_memory import CountingModes, attention_inputs

_NO_KERNEL = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})


class CountedOperations(CountingModes):
    """Counts the operations inside the `with` block.

    Attributes:
        flops: floating-point operations of matrix products, convolutions and attention, by the formulas of
            `torch.utils.flop_counter`: a multiplication and an addition are two.
        launches: operators that write a tensor, each of which is a kernel on a GPU. Attention is one.
    """

    def __init__(self) -> None:
        self.flops = self.launches = 0
        super().__init__(_Operators(self), _FusedAttention(self))


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, counted: CountedOperations) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counted = counted

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, formula = kwargs or {}, flop_registry.get(function._overloadpacket)
        if formula is None and function is not torch.ops.prim.device.default:
            # Linear layers and the like consist of several operators, unless autograd has taken them apart already.
            with self:
                results = function.decompose(*args, **kwargs)
            if results is not NotImplemented:
                return results
        results = function(*args, **kwargs)
        if formula is not None:
            self.counted.flops += formula(*args, **kwargs, out_val=results)
        self.counted.launches += _is_kernel(function, results)
        return results


def _is_kernel(function: Any, results: Any) -> bool:
    """Whether an operator writes a tensor: neither allocates one only, nor is its result a view of an input."""
    schema = function._schema
    if schema.name.removeprefix("aten::") in _NO_KERNEL:
        return False
    is_view = any(argument.alias_info and not argument.alias_info.is_write for argument in schema.arguments)
    return not is_view and any(isinstance(result, torch.Tensor) for result in tree_leaves(results))


class _FusedAttention(TorchFunctionMode):
    """Counts attention by its shapes, and does not compute it."""

    def __init__(self, counted: CountedOperations) -> None:
        super().__init__()
        self.counted = counted

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is not F.scaled_dot_product_attention:
            return function(*args, **kwargs)
        query, key, value = attention_inputs(args, kwargs)
        *outer, length, width = query.shape
        pairs = torch.Size(outer).numel() * length * key.shape[-2]
        self.counted.flops += 2 * pairs * (width + value.shape[-1])
        self.counted.launches += 1
        return query.new_empty(*outer, length, value.shape[-1])
