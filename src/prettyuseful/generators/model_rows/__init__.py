"""The table of known text-to-image models: one row per model. Other hub ids and folders work without a row."""

from __future__ import annotations

from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows.others import OTHERS
from prettyuseful.generators.model_rows.paper import BUNDLED, PAPER

__all__ = ["MODELS"]

MODELS: dict[str, Model] = {model.id: model for model in (*BUNDLED, *PAPER, *OTHERS)}
