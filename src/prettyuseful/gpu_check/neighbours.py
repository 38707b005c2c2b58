"""Exact nearest neighbours on the device against `torch.cdist`, which rounds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line
from prettyuseful.metrics.nearest import nearest_distance

_POINTS, _TINY_POINTS, _WIDTH = 50_000, 500, 512
_ROWS = 2048  # of a matrix of distances at a time
_AGREEMENT = 99.9  # per cent; where two neighbours are equally near but for rounding, either may be returned
_SLOWDOWN = 10.0  # times: what exactness may cost


def check_neighbours(context: Context) -> Iterator[Line]:
    """Find the nearest of 50,000 points for 50,000 others, in 512 dimensions."""
    count, device = _TINY_POINTS if context.tiny else _POINTS, context.device
    rng = np.random.default_rng(0)
    real, synthetic = (rng.standard_normal((count, _WIDTH), np.float32) for _ in range(2))
    nearest_distance(real[:100], synthetic[:100], device=device.kind)
    ours = nearest_distance(real, synthetic, device=device.kind)
    seconds = device.seconds(lambda: nearest_distance(real, synthetic, device=device.kind))
    plain = _by_cdist(real, synthetic, device.kind)
    plain_seconds = device.seconds(lambda: _by_cdist(real, synthetic, device.kind))
    size = f"{count:,} x {_WIDTH}"
    agreement = 100 * float(np.mean(ours.index == plain))
    yield Line(f"nearest neighbours of {size}: same as torch.cdist", agreement, "%", "at least", _AGREEMENT)
    yield Line(f"nearest neighbours of {size}", seconds, "s")
    slowdown = float("inf") if context.tiny else _SLOWDOWN
    name = f"nearest neighbours of {size}: time relative to torch.cdist"
    yield Line(name, seconds / plain_seconds, "times", "at most", slowdown)


def _by_cdist(real: np.ndarray, synthetic: np.ndarray, device: str) -> np.ndarray:
    reference = torch.from_numpy(real).to(device)
    queries = torch.from_numpy(synthetic).to(device)
    found = [torch.cdist(rows, reference).argmin(1) for rows in torch.split(queries, _ROWS)]
    return torch.cat(found).cpu().numpy()
