"""What can be named in a study, as it is listed."""

from __future__ import annotations

from typing import get_args

import pytest

from prettyuseful.errors import UnknownNameError
from prettyuseful.names import CHECKS, check_of, names_of, notes_of
from prettyuseful.training.architectures import PAPER_TIMM_IDS, check
from prettyuseful.transforms.chain import Chain, Single

KINDS = (
    "generators",
    "tasks",
    "prompts",
    "architectures",
    "recipes",
    "probes",
    "encoders",
    "transforms",
    "metrics",
    "studies",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_has_one_line(kind: str) -> None:
    names = names_of(kind)
    assert names
    assert all(summary and "\n" not in summary for summary in names.values())
    assert all("\n" not in note for note in notes_of(kind))


def test_another_kind_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"nothing to list under 'encodrs'; did you mean 'encoders'\?") as error:
        names_of("encodrs")
    assert all(kind in str(error.value) for kind in KINDS)


def test_every_transform_is_listed_with_a_whole_sentence() -> None:
    listed = names_of("transforms")
    assert len(listed) == len({*get_args(Single), Chain})
    assert listed["colour"].endswith("in the linear space YUV of Rec. 601 (or YIQ, which differs by an angle), clipped")
    assert listed["blur"] == "Gaussian blur (reflected border)"
    assert all(name in notes_of("probes")[0] for name in listed)


def test_the_papers_architectures_stand_beside_ours_and_timm_has_them() -> None:
    assert PAPER_TIMM_IDS.keys() < names_of("architectures").keys()
    for name in PAPER_TIMM_IDS:
        check(name)


def test_kinds_of_classes_to_check_have_their_checks() -> None:
    assert {name: check_of(name).name for name in CHECKS} == {"generator": "generator", "probe": "probe"}
    with pytest.raises(UnknownNameError, match=r"did you mean 'probe'\?; known: generator, probe"):
        check_of("prob")
