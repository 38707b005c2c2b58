from __future__ import annotations

import pytest

from prettyuseful.diagnosis.half import Halves
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import Reference

from .world import draw, reference_of


@pytest.fixture(scope="session")
def tiny() -> Reference:
    """Two draws of the tiny world as the halves of the real images."""
    return reference_of(draw(1), draw(2))


@pytest.fixture(scope="session")
def halves(tiny: Reference) -> Halves:
    return tiny.halves


@pytest.fixture(scope="session")
def unseen() -> Labelled:
    """Another draw: images that differ from real ones by chance alone."""
    return draw(4)
