from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.detectable import smallest_detectable
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.findings import Detectable
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference

from .world import changed, draw, reference_of


@pytest.fixture(scope="module")
def smallest(tiny: Reference) -> dict[str, Detectable]:
    return {entry.row.name: entry for entry in smallest_detectable(tiny)}


@pytest.mark.integration
def test_every_cause_that_changes_pixels_has_an_entry(tiny: Reference, smallest: dict[str, Detectable]) -> None:
    assert set(smallest) == {change.cause.name for change in tiny.change_features}
    assert set(smallest) < set(CAUSES.rows)


@pytest.mark.parametrize(
    "name",
    [
        "high-frequencies lost",
        pytest.param("colour-contrast lost", marks=pytest.mark.slow),
        pytest.param("texture added", marks=pytest.mark.slow),
    ],
)
def test_a_detectable_change_is_found_in_other_images(
    tiny: Reference, smallest: dict[str, Detectable], unseen: LabelledImages, name: str
) -> None:
    """The next stronger change is taken, because the smallest one is missed in up to 20% of cases."""
    changes = list(tiny.change_features)
    [index] = [i for i, change in enumerate(changes) if change.words == smallest[name].like]
    stronger = changes[index + 1]
    assert stronger.family is changes[index].family
    diagnosis = diagnose(tiny, changed(unseen, lambda pixels: stronger.apply(pixels, unseen.labels)))
    assert CAUSES[name].id in {cause.id for cause in diagnosis.named}


@pytest.mark.slow
def test_a_large_rotation_is_detectable_and_more_images_detect_smaller_changes(
    tiny: Reference, smallest: dict[str, Detectable]
) -> None:
    assert smallest["orientation added"].like != ""
    many = {entry.row.name: entry for entry in smallest_detectable(reference_of(draw(1, 42), draw(2, 42)))}
    sizes = {change.words: size(tiny, change.words) for change in tiny.change_features}
    smaller = [sizes[many[name].like] <= sizes[entry.like] for name, entry in smallest.items() if entry.like]
    assert np.mean(smaller) > 0.7


def size(reference: Reference, words: str) -> float:
    """Return how far a change moves the real images."""
    change = next(change for change in reference.change_features if change.words == words)
    return float(reference.halves.energy_distance(reference.halves.real, reference.apply_changes([change])).mean())
