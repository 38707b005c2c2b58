from __future__ import annotations

import pytest

from prettyuseful.errors import UnknownNameError
from prettyuseful.training.architectures import ARCHITECTURES
from prettyuseful.training.recipes import RECIPES
from prettyuseful.transforms.probes import PROBES, SMALL_SIDE, Probe


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_settings_of_probes_exist(probe: Probe) -> None:
    assert probe.small_recipe in RECIPES
    assert probe.large_recipe in RECIPES
    assert probe.architecture is None or probe.architecture in ARCHITECTURES
    assert probe.crops >= 1
    assert probe.summary


def test_the_recipe_changes_above_the_side_of_small_images() -> None:
    probe = Probe("mine", small_recipe="small", large_recipe="paper")
    assert probe.default_recipe(1) == probe.default_recipe(SMALL_SIDE) == "small"
    assert probe.default_recipe(SMALL_SIDE + 1) == "paper"


def test_rgb_and_texture_alone_leave_images_as_they_are() -> None:
    assert [probe.name for probe in PROBES if probe.transform is None] == ["rgb", "texture"]
    assert (PROBES["texture"].architecture, PROBES["texture"].crops) == ("bagnet9", 2)


def test_all_probes_differ() -> None:
    contents = [str(probe.transform.pin().content) for probe in PROBES if probe.transform and probe.name != "structure"]
    assert len(set(contents)) == len(contents) == 4


def test_unknown_probe_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown probe 'low-pas'; did you mean 'low-pass'"):
        PROBES["low-pas"]
