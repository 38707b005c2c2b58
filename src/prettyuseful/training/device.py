"""Work ahead of a GPU: copies that do not wait for it, and batches that are prepared beside the computation."""

from __future__ import annotations

from collections.abc import Iterator

import torch

Batch = tuple[torch.Tensor, ...]


def copy_to(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device; a copy from main memory to a GPU does not wait for the work that is queued there."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def prepare_ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Yield the batches; on a GPU, the next one is prepared on a stream of its own while the current one is used.

    At most two batches exist at the same time: the one in use and the next. They must not be used after the next one is
    requested.

    Args:
        batches: tensors on the device, made without waiting for it.
        device: the device of the tensors.
    """
    if device.type != "cuda":
        yield from batches
        return
    used, prepared = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    prepared.wait_stream(used)  # for what the batches are made of

    def prepare() -> tuple[Batch | None, torch.cuda.Event]:
        with torch.cuda.stream(prepared):
            return next(batches, None), prepared.record_event()

    batch, is_ready = prepare()
    earlier: torch.cuda.Event | None = None
    while batch is not None:
        used.wait_event(is_ready)
        for tensor in batch:
            tensor.record_stream(used)
        yield batch
        del batch
        done = used.record_event()
        if earlier is not None:  # the GPU still has the current batch to work on
            earlier.synchronize()
        earlier = done
        batch, is_ready = prepare()
