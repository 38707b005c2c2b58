from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import StudyError
from prettyuseful.prompts.strategies import (
    TEMPLATE_SETS,
    check_templates,
    class_names,
    from_captions,
    from_templates,
    with_definitions,
)


def test_class_names_are_bare() -> None:
    prompts = class_names(["cat", "dog"])
    assert [prompts.of(1, i) for i in range(3)] == ["dog"] * 3


def test_each_image_takes_the_next_caption() -> None:
    prompts = from_captions(["cat", "dog"], [(0, "asleep"), (1, "wet"), (0, "awake")])
    assert [prompts.of(0, i) for i in range(3)] == ["cat, asleep", "cat, awake", "cat, asleep"]
    assert prompts.of(1, 5) == "dog, wet"


def test_each_image_takes_the_next_template() -> None:
    prompts = from_templates(["cat", "dog"], ["a photo of a {}", "{name} at night"])
    assert [prompts.of(1, i) for i in range(3)] == ["a photo of a dog", "dog at night", "a photo of a dog"]
    assert prompts.prompts[0] == ("a photo of a cat", "cat at night")


@given(st.text(), st.text(st.characters(exclude_characters="{}")), st.text(st.characters(exclude_characters="{}")))
def test_a_class_name_stands_in_a_template_as_it_is(name: str, before: str, after: str) -> None:
    for place in ("{}", "{name}"):
        assert from_templates([name], [f"{before}{place}{after}"]).prompts == ((f"{before}{name}{after}",),)


@pytest.mark.parametrize("template", ["a photo", "", "{} and {}", "{} and {name}", "{class}", "{0}"])
def test_a_template_without_one_place_for_the_name_is_named(template: str) -> None:
    with pytest.raises(StudyError) as refused:
        from_templates(["cat"], ["a {}", template])
    assert str(refused.value).startswith(f"template {template!r} must hold {{}} or {{name}} once")


def test_no_template_is_no_strategy() -> None:
    with pytest.raises(StudyError, match="no template is given"):
        check_templates([])


@pytest.mark.parametrize("name", TEMPLATE_SETS)
def test_every_named_set_is_of_templates_that_differ(name: str) -> None:
    check_templates(TEMPLATE_SETS[name])
    assert len(set(TEMPLATE_SETS[name])) == len(TEMPLATE_SETS[name])


def test_clip_s_set_has_seven() -> None:
    assert len(TEMPLATE_SETS["clip-7"]) == 7


def test_only_ambiguous_names_are_defined() -> None:
    prompts = with_definitions(["crane", "goldfish"], {"crane": "lifts and moves heavy objects", "jay": "a bird"})
    assert prompts.prompts == (("crane, lifts and moves heavy objects",), ("goldfish",))
