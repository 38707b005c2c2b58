from __future__ import annotations

from typing import Any

import pytest

from prettyuseful.engine.changes import Change, changes_between, describe, describe_difference, flatten, merge_changes
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Step, StepSpec

ONE, OTHER = "0a" * 32, "0b" * 32


class AnySpec(StepSpec):
    kind = "any"
    pace = 1.0
    images: Pinned[str] | None = None

    def make(self, job: Job) -> dict[str, Any]:
        del job
        return {}


STEP = Step(AnySpec(), {}, "any", 1.0)


def changes(before: dict[str, Any], after: dict[str, Any], step: Step = STEP) -> tuple[Change, ...]:
    return changes_between(dict(flatten(before)), step, dict(flatten(after)))


def words(before: dict[str, Any], after: dict[str, Any], step: Step = STEP) -> str:
    return describe(changes(before, after, step))


def test_nested_fields_are_named_by_their_paths() -> None:
    spec = {"a": 1, "b": {"c": {"d": [1, 2]}, "empty": {}}, "parts": [{"hub": "x"}, {"hub": "y"}], "none": None}
    assert dict(flatten(spec)) == {
        "a": 1, "b.c.d": [1, 2], "b.empty": {}, "parts[0].hub": "x", "parts[1].hub": "y", "none": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"cfg": 1.5}, {"cfg": 2}, "cfg changed from 1.5 to 2"),
        ({"n": {"threads": 1}}, {"n": {"threads": 2}}, "n.threads changed from 1 to 2"),
        ({"flip": True}, {"flip": 1}, "flip changed from true to 1"),
        ({"seed": 1}, {"seed": 1.0}, "seed changed from 1 to 1.0"),
        ({"a": 1, "b": 2, "c": "x"}, {"a": 3, "b": 4, "c": "y"},
         "a changed from 1 to 3, b from 2 to 4 and c from x to y"),
        ({**dict.fromkeys("abcde", 1)}, {**dict.fromkeys("abcde", 2)},
         "a changed from 1 to 2, b from 1 to 2, c from 1 to 2 and 2 more fields"),
        ({"weights": None}, {"weights": {"hub": "o/n", "commit": "1" * 40}},
         'weights changed from none to {"hub": "o/n", "commit": "1111111111111111111...'),
        ({"classes": ["a", "b", "c", "d"]}, {"classes": ["a", "c", "d", "e", "f", "g", "h"]},
         "classes changed (e, f, g and 1 more added, b removed)"),
        ({"keep": [0, 1]}, {"keep": [0, 2]}, "keep changed from [0, 1] to [0, 2]"),
        ({"order": ["a", "b"]}, {"order": ["b", "a"]},
         "order changed (another order or repetition of the same values)"),
        ({"text": "x" * 60 + "1"}, {"text": "x" * 60 + "2"}, f"text changed from ...{'x' * 12}1 to ...{'x' * 12}2"),
        ({"images": ONE}, {"images": OTHER}, "content of the images changed"),
        ({"task": "photos"}, {"task": ONE}, "task changed from photos to 0a0a0a0a0a0a"),
        ({"model": [{"hub": "o/sd", "commit": "a" * 40}]}, {"model": [{"hub": "o/sd", "commit": "b" * 40}]},
         "commit of o/sd changed from aaaaaaa to bbbbbbb"),
        ({"m": {"hub": "o/sd", "commit": "a" * 40}}, {"m": {"hub": "o/xl", "commit": "b" * 40}},
         "m.hub changed from o/sd to o/xl and m.commit from aaaaaaaaaaaa to bbbbbbbbbbbb"),
        ({"negative": ""}, {"negative": "\x1b[2Jno\nred"}, "negative changed from an empty text to [2Jno red"),
    ],
)  # fmt: skip
def test_changes_are_said_in_words(before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    assert words(before, after) == expected
    assert changes(before, before) == changes(after, after) == ()


def test_a_field_has_the_name_that_the_study_gives_it() -> None:
    step = Step(AnySpec(), {}, "any", 1.0, {"recipe": "quick"})
    before, after = {"recipe": {"learning_rate": 0.001, "epochs": 2}}, {"recipe": {"learning_rate": 0.003, "epochs": 3}}
    expected = "recipe `quick` changed its learning rate from 0.001 to 0.003 and its epochs from 2 to 3"
    assert words(before, after, step) == expected
    numerics = {"numerics": {"threads": 2}}
    assert words(before, {**after, **numerics}, step) == (
        "recipe `quick` changed its learning rate from 0.001 to 0.003, its epochs from 2 to 3 and numerics.threads "
        "changed from missing to 2"
    )


def test_changed_content_is_said_with_its_location() -> None:
    step = Step(AnySpec(images=Pinned("/data/cars", OTHER)), {}, "any", 1.0)
    assert words({"images": ONE}, {"images": OTHER}, step) == "content of the images changed (/data/cars)"


def test_changes_with_different_values_are_merged_without_the_values() -> None:
    several = [changes({"steps": 25, "images": 10}, {"steps": 30, "images": n}) for n in (20, 30)]
    assert describe(merge_changes(several)) == "steps changed from 25 to 30 and images changed"
    several = [changes({"a": 0, "b": 0, "cfg": 1}, {"a": n, "b": n, "cfg": 2}) for n in (1, 2)]
    assert describe(merge_changes(several)) == "cfg changed from 1 to 2, and so did a and b"
    several = [changes({"steps": 25, "images": 10}, {"steps": 30, "images": 20})]
    assert describe(merge_changes(several[:1])) == "steps changed from 25 to 30 and images from 10 to 20"


def test_the_difference_to_another_step_is_said_from_its_side() -> None:
    assert describe_difference(changes({"seed": 0, "kind": "a"}, {"seed": 3, "kind": "b"})) == (
        "seed 0 instead of 3 and kind a instead of b"
    )
