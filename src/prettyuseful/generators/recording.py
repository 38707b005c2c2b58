"""Record what a pipeline's `encode_prompt` returns, store it as tensors, and give it back for any number of images.

A record holds nested tuples, lists and mappings of tensors, numbers, texts and None. Its form is JSON, in a tensor of
bytes, so that records are stored in the same files as other embeddings, without pickle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from prettyuseful.generators.embeddings import Embedding

FORM = "form"
"""The name of the tensor that holds the form of a record; the other tensors are numbered from 0."""
METHOD = "encode_prompt"

_Node = dict[str, Any]


class NotRecordableError(Exception):
    """A pipeline returns something that a record cannot hold, or that cannot be repeated for several images."""


@contextmanager
def recorded_calls(pipeline: Any) -> Iterator[list[Any]]:
    """Yield a list that collects what `encode_prompt` of the pipeline returns; calls within a call do not count."""
    encode, outputs, depth = getattr(pipeline, METHOD), [], 0

    def record(*args: Any, **options: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            output = encode(*args, **options)
        finally:
            depth -= 1
        if depth == 0:
            outputs.append(output)
        return output

    with _replaced(pipeline, record):
        yield outputs


@contextmanager
def given_back(pipeline: Any, outputs: Sequence[Any]) -> Iterator[None]:
    """Let `encode_prompt` of the pipeline return recorded outputs, in order.

    Raises:
        NotRecordableError: the pipeline calls it more often than in the recording.
    """
    remaining = iter(outputs)

    def give_back(*_: Any, **__: Any) -> Any:
        for output in remaining:
            return output
        raise NotRecordableError(f"it calls {METHOD} more than {len(outputs)} times")

    with _replaced(pipeline, give_back):
        yield


@contextmanager
def _replaced(pipeline: Any, method: Callable[..., Any]) -> Iterator[None]:
    # In the dictionary of the object, because pipelines register what is assigned to their attributes.
    vars(pipeline)[METHOD] = method
    try:
        yield
    finally:
        del vars(pipeline)[METHOD]


def to_embedding(prompt: str, one: Sequence[Any], two: Sequence[Any] | None) -> dict[str, torch.Tensor]:
    """Return a record as named tensors on the CPU.

    Args:
        prompt: the prompt, which the pipeline receives again.
        one: outputs for one image.
        two: outputs for two images of the same prompt, which show how each value is repeated; None if the pipeline
            makes one image at a time.

    Raises:
        NotRecordableError: see there.
    """
    tensors: list[torch.Tensor] = []
    calls = _describe(list(one), list(one if two is None else two), tensors)
    form = {"prompt": prompt, "several": two is not None, "calls": calls}
    named = {str(number): tensor.detach().cpu().clone() for number, tensor in enumerate(tensors)}
    return {FORM: torch.tensor(list(json.dumps(form).encode()), dtype=torch.uint8), **named}


def read_form(embedding: Embedding) -> tuple[str, bool]:
    """Return the prompt of a record, and whether the pipeline makes several images at once."""
    form = _form(embedding)
    return str(form["prompt"]), bool(form["several"])


def from_embedding(embedding: Embedding, images: int, device: str) -> list[Any]:
    """Return the outputs of a record for a number of images; their tensors are new ones on the device."""
    return list(_restore(_form(embedding)["calls"], embedding, images, device))


def _form(embedding: Embedding) -> dict[str, Any]:
    return dict(json.loads(bytes(embedding[FORM].tolist())))


def _describe(one: Any, two: Any, tensors: list[torch.Tensor]) -> _Node:
    """Return the form of a value, and append its tensors. `two`: the same value for two images."""
    if isinstance(one, torch.Tensor):
        tensors.append(one)
        return {"tensor": len(tensors) - 1, **_growth_of_tensor(one, two)}
    if type(one) in (tuple, list):
        children, growth = _growth_of_sequence(one, two)
        return {type(one).__name__: [_describe(a, b, tensors) for a, b in children], **growth}
    if isinstance(one, Mapping) and isinstance(two, Mapping) and one.keys() == two.keys():
        return {"dict": {str(key): _describe(one[key], two[key], tensors) for key in one}}
    if one is None or isinstance(one, bool | int | float | str):
        if one != two:
            raise NotRecordableError(f"{METHOD} returns {one!r} for one image and {two!r} for two")
        return {"value": one}
    raise NotRecordableError(f"{METHOD} returns a {type(one).__name__}")


def _growth_of_tensor(one: torch.Tensor, two: torch.Tensor) -> dict[str, Any]:
    if one.shape == two.shape:
        return {}
    pairs = zip(one.shape, two.shape, strict=True) if one.dim() == two.dim() else ()
    grown = [dim for dim, (a, b) in enumerate(pairs) if a != b]
    for dim in grown[:1] if len(grown) == 1 else ():
        for order in ("each", "all"):
            if _same(_repeat(one, 2, dim, order), two):
                return {"repeat": order, "dim": dim}
    raise NotRecordableError(f"{METHOD} returns tensors of the shapes {tuple(one.shape)} and {tuple(two.shape)}")


def _growth_of_sequence(one: Sequence[Any], two: Sequence[Any]) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    if len(one) == len(two):
        return list(zip(one, two, strict=True)), {}
    if len(two) != 2 * len(one):
        raise NotRecordableError(f"{METHOD} returns {len(one)} values for one image and {len(two)} for two")
    order = "all" if len(one) > 1 and _same(two[0], two[len(one)]) and not _same(two[0], two[1]) else "each"
    return [(value, value) for value in one], {"repeat": order}


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return one.shape == two.shape and torch.allclose(one.double(), two.double(), rtol=1e-2, atol=1e-2)
    return bool(one == two)


def _repeat(tensor: torch.Tensor, count: int, dim: int, order: str) -> torch.Tensor:
    if order == "each":
        return tensor.repeat_interleave(count, dim)
    return tensor.repeat(*(count if number == dim else 1 for number in range(tensor.dim())))


def _restore(node: _Node, tensors: Embedding, count: int, device: str) -> Any:
    if "value" in node:
        return node["value"]
    if "tensor" in node:
        tensor = tensors[str(node["tensor"])].to(device)
        return _repeat(tensor, count, node["dim"], node["repeat"]) if "repeat" in node else tensor.clone()
    if "dict" in node:
        return {key: _restore(child, tensors, count, device) for key, child in node["dict"].items()}
    kind = tuple if "tuple" in node else list
    children = node[kind.__name__]
    if node.get("repeat") == "each":
        children = [child for child in children for _ in range(count)]
    elif node.get("repeat") == "all":
        children = children * count
    return kind(_restore(child, tensors, count, device) for child in children)
