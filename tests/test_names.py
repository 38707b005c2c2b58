"""Names that a study file can use, as `prettyuseful list` prints them."""

from __future__ import annotations

from typing import get_args

import pytest

from prettyuseful.errors import UnknownNameError
from prettyuseful.names import CHECKS, KINDS, list_names, list_notes
from prettyuseful.training.architectures import PAPER_TIMM_IDS, check_architecture
from prettyuseful.transforms.chain import Chain, Single


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_has_a_description_of_one_line(kind: str) -> None:
    names = list_names(kind)
    assert names
    assert all(summary and "\n" not in summary for summary in names.values())
    assert all("\n" not in note for note in list_notes(kind))


def test_an_unknown_kind_suggests_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown kind 'encodrs'; did you mean 'encoders'\?") as error:
        list_names("encodrs")
    assert all(kind in str(error.value) for kind in KINDS)


def test_every_transform_is_listed_with_the_first_sentence_of_its_docstring() -> None:
    listed = list_names("transforms")
    assert len(listed) == len({*get_args(Single), Chain})
    assert listed["colour"].endswith("in the YUV space of Rec. 601, and clip")
    assert listed["blur"] == "Gaussian blur with a reflected border"
    assert all(name in list_notes("probes")[0] for name in listed)


def test_the_architectures_of_the_paper_are_listed_and_exist_in_timm() -> None:
    assert PAPER_TIMM_IDS.keys() < list_names("architectures").keys()
    for name in PAPER_TIMM_IDS:
        check_architecture(name)


def test_generators_and_probes_have_interface_checks() -> None:
    assert {name: check.name for name, check in CHECKS.items()} == {"generator": "generator", "probe": "probe"}
