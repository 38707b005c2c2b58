"""What the classifiers of a grid cell are, in words."""

from __future__ import annotations

from prettyuseful.analysis.rows import Cell
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.training.recipes import FROZEN_FEATURES


def classifier_words(cell: Cell) -> str:
    """Return what reaches an accuracy: `the classifier (small)`, or a linear probe with its encoder."""
    return f"a {probe_words(cell[0])}" if cell[1] == FROZEN_FEATURES else f"the classifier ({cell[0]})"


def probe_words(encoder: str) -> str:
    """Return what is measured with a frozen encoder, and what it was trained on."""
    row = ENCODERS.rows.get(encoder)
    seen = f" (trained on {row.trained_on})" if row is not None and row.trained_on else ""
    return f"linear probe on frozen features of {encoder}{seen}"
