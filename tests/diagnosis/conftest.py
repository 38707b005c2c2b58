from __future__ import annotations

import pytest

from prettyuseful.diagnosis.half import Halves
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference

from .world import draw, reference_of


@pytest.fixture(scope="session")
def tiny() -> Reference:
    """A reference whose halves are two samples of the tiny world."""
    return reference_of(draw(1), draw(2))


@pytest.fixture(scope="session")
def halves(tiny: Reference) -> Halves:
    return tiny.halves


@pytest.fixture(scope="session")
def unseen() -> LabelledImages:
    """Another sample, which differs from the real images only by chance."""
    return draw(4)
