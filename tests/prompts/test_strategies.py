from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import StudyError
from prettyuseful.prompts.strategies import (
    TEMPLATE_SETS,
    check_templates,
    from_captions,
    from_class_names,
    from_definitions,
    from_templates,
)


def test_class_name_is_the_only_prompt() -> None:
    prompts = from_class_names(["cat", "dog"])
    assert [prompts.prompt_for(1, i) for i in range(3)] == ["dog"] * 3


def test_images_use_captions_in_turn() -> None:
    prompts = from_captions(["cat", "dog"], [(0, "asleep"), (1, "wet"), (0, "awake")])
    assert [prompts.prompt_for(0, i) for i in range(3)] == ["cat, asleep", "cat, awake", "cat, asleep"]
    assert prompts.prompt_for(1, 5) == "dog, wet"


def test_images_use_templates_in_turn() -> None:
    prompts = from_templates(["cat", "dog"], ["a photo of a {}", "{name} at night"])
    assert [prompts.prompt_for(1, i) for i in range(3)] == ["a photo of a dog", "dog at night", "a photo of a dog"]
    assert prompts.prompts[0] == ("a photo of a cat", "cat at night")


@given(st.text(), st.text(st.characters(exclude_characters="{}")), st.text(st.characters(exclude_characters="{}")))
def test_class_name_is_inserted_unchanged(name: str, before: str, after: str) -> None:
    for placeholder in ("{}", "{name}"):
        assert from_templates([name], [f"{before}{placeholder}{after}"]).prompts == ((f"{before}{name}{after}",),)


@pytest.mark.parametrize("template", ["a photo", "", "{} and {}", "{} and {name}", "{class}", "{0}"])
def test_error_names_a_template_without_exactly_one_placeholder(template: str) -> None:
    with pytest.raises(StudyError) as refused:
        from_templates(["cat"], ["a {}", template])
    assert str(refused.value).startswith(f"template {template!r} must hold {{}} or {{name}} exactly once")


def test_empty_list_of_templates_is_an_error() -> None:
    with pytest.raises(StudyError, match="templates is empty"):
        check_templates([])


@pytest.mark.parametrize("name", TEMPLATE_SETS)
def test_bundled_templates_are_distinct(name: str) -> None:
    check_templates(TEMPLATE_SETS[name])
    assert len(set(TEMPLATE_SETS[name])) == len(TEMPLATE_SETS[name])


def test_clip_has_seven_templates() -> None:
    assert len(TEMPLATE_SETS["clip-7"]) == 7


def test_only_ambiguous_names_get_definitions() -> None:
    prompts = from_definitions(["crane", "goldfish"], {"crane": "lifts and moves heavy objects", "jay": "a bird"})
    assert prompts.prompts == (("crane, lifts and moves heavy objects",), ("goldfish",))
