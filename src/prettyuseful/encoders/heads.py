"""Heads of LAION's aesthetic predictors: what turns a CLIP embedding into a score, read from the published files."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from prettyuseful.aesthetics.models import Layout
from prettyuseful.errors import DataError
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.metrics.features import check_features, unit_rows
from prettyuseful.redaction import redact_line

_LAYERS: Mapping[Layout, tuple[str, ...]] = {
    "linear": ("",),
    # The numbers between are dropout, which does nothing after the training.
    "mlp": tuple(f"layers.{i}." for i in (0, 2, 4, 6, 7)),
}
_WORDS: Mapping[Layout, str] = {
    "linear": "the linear head of version 1 (keys weight and bias)",
    "mlp": "the five layers of version 2 (keys layers.0.weight to layers.7.bias)",
}
_MAX_BYTES = 2**28
_MAX_PRINTED = 120


@dataclass(frozen=True)
class Head:
    """A linear function of the embedding, scaled to length 1.

    The layers of version 2 have no activation between them, so they are one linear function, too.

    Attributes:
        weight: (d,) float64.
        bias: the score of an embedding of zeros.
    """

    weight: np.ndarray
    bias: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the score of each image, (N,) float64, about 1 to 10.

        Args:
            features: (N, d) image features of the CLIP model that the head was trained with; they need not have
                length 1.

        Raises:
            DataError: another number of dimensions, a value that is not finite, or a row of zeros.
        """
        check_features(features, "CLIP's image")
        if features.shape[1] != len(self.weight):
            raise DataError(
                f"the head takes embeddings of {len(self.weight)} dimensions, and the CLIP model has "
                f"{features.shape[1]}; give the CLIP model that the head was trained with"
            )
        # Not a matrix product, whose last bits depend on the number of images.
        products: np.ndarray = np.einsum("nd,d->n", unit_rows(features, "image"), self.weight)
        return products + self.bias


def read_head(file: Path, layout: Layout) -> Head:
    """Read a head from a state dict: a safetensors file, or a file of `torch.save`, whose code is not executed.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    state = _read_state(file)
    layers = [(state.get(f"{prefix}weight"), state.get(f"{prefix}bias")) for prefix in _LAYERS[layout]]
    names = {f"{prefix}{part}" for prefix in _LAYERS[layout] for part in ("weight", "bias")}
    if state.keys() != names:
        keys = ", ".join(map(str, sorted(state, key=str)))[:_MAX_PRINTED]
        raise DataError(f"the head {file} holds other weights ({keys}); give a file with {_WORDS[layout]}")
    width: int | None = None
    weight, bias = np.eye(1), np.zeros(1)
    for matrix, offset in reversed(cast("list[tuple[np.ndarray, np.ndarray]]", layers)):
        outputs = 1 if width is None else width
        if matrix.ndim != 2 or matrix.shape[0] != outputs or offset.shape != (outputs,) or not matrix.shape[1]:
            shapes = f"{list(matrix.shape)} and {list(offset.shape)}"
            raise DataError(f"the head {file} has a layer of the shapes {shapes}; give a file with {_WORDS[layout]}")
        bias = bias + weight @ offset
        weight, width = weight @ matrix, matrix.shape[1]
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise DataError(f"the head {file} has weights that are not finite; download it again")
    return Head(weight[0], float(bias[0]))


def _read_state(file: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a file as float64 arrays, by name."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.stat().st_size > _MAX_BYTES:
            raise DataError(f"{file} is too large for a head; give the file of the head, not of the CLIP model")
        state: Any = (
            load_file(file) if file.suffix == WEIGHTS else torch.load(file, map_location="cpu", weights_only=True)
        )
        if not isinstance(state, dict):
            raise DataError(f"the head {file} holds a {type(state).__name__}; give a state dict of torch")
        return {name: np.asarray(tensor.detach().double().numpy()) for name, tensor in state.items()}
    except OSError as error:
        raise DataError(f"cannot read the head {file}: {error.strerror or error}; check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError, SafetensorError) as error:
        reason = redact_line(str(error))[:_MAX_PRINTED]
        raise DataError(f"cannot read the head {file}: {reason}; give a state dict that torch has saved") from error
