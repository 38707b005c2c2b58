"""Scores of single images: what makes an image pretty, whatever its use.

>>> import numpy as np
>>> from prettyuseful.aesthetics import SCORES
>>> SCORES["colourfulness"].of(np.full((8, 8, 3), 128, np.uint8))
0.0
"""

from __future__ import annotations

from prettyuseful.aesthetics.base import Score
from prettyuseful.aesthetics.planes import Planes
from prettyuseful.aesthetics.rows import SCORES

__all__ = ["SCORES", "Planes", "Score"]
