from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prettyuseful.errors import DataError, StudyError, UnknownNameError
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import PromptPlan


@dataclass
class Classes:
    """All that prompts need of a task."""

    name: str = "pets"
    classes: tuple[str, ...] = ("cat", "crane")
    definitions: dict[str, str] = field(default_factory=dict)


def plan(said: Any) -> PromptPlan:
    return PromptPlan.model_validate(said)


def test_a_bare_name_is_a_strategy_with_its_defaults() -> None:
    assert plan("caption") == plan({"strategy": "caption"})
    assert plan({}) == plan("class-name")
    assert plan("template").label == "template"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("captions", "unknown prompt strategy 'captions'; did you mean 'caption'"),
        ({"templates": "clip-7"}, "templates: only for the strategy 'template', and this is 'class-name'"),
        ({"strategy": "caption", "definitions": {}}, "definitions: only for the strategy 'definition'"),
        ({"strategy": "template", "captioner": "describer"}, "captioner: only for the strategy 'caption'"),
        ({"strategy": "template", "options": {}}, "options: only for a strategy of your own, and this is 'template'"),
        ({"strategy": "template", "templates": []}, "no template is given"),
        ({"strategy": "template", "templates": ["a cat"]}, "template 'a cat' must hold"),
        ({"strategy": "template", "templates": "clip-8"}, "no template set 'clip-8'; known:"),
        ({"strategies": "template"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_the_strategy_is_said_before_planning(said: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        plan(said)


def test_class_names_and_templates_are_resolved_to_what_is_written() -> None:
    bare, seven = plan("class-name").resolve(Classes()), plan("template").resolve(Classes())
    assert (bare.strategy.content, bare.classes, bare.captioner) == ("class-name", ("cat", "crane"), None)
    assert (bare.per_class(10), seven.per_class(10)) == (1, 7)
    assert seven == plan({"strategy": "template", "templates": "clip-7"}).resolve(Classes())
    assert plan({"strategy": "template", "templates": ["a {}", "the {}"]}).resolve(Classes()).per_class(10) == 2


def test_captions_are_as_many_as_there_are_real_images() -> None:
    resolved = plan("caption").resolve(Classes())
    assert resolved.captioner == CaptionerSource()
    assert [resolved.per_class(n) for n in (1, 30)] == [1, 30]
    other = plan({"strategy": "caption", "captioner": "owner/name"}).resolve(Classes())
    assert other.captioner == CaptionerSource(model="owner/name")


def test_definitions_are_the_plans_or_else_the_tasks() -> None:
    of_task = Classes(definitions={"crane": "a bird"})
    own = plan({"strategy": "definition", "definitions": {"crane": "lifts loads"}}).resolve(of_task)
    assert own.options["definitions"] == {"crane": "lifts loads"}
    assert plan("definition").resolve(of_task).options["definitions"] == {"crane": "a bird"}
    with pytest.raises((StudyError, DataError), match="has no definitions of its own"):
        plan("definition").resolve(Classes())
    with pytest.raises((StudyError, DataError), match="definitions name 'crame', which is no class of the task"):
        plan({"strategy": "definition", "definitions": {"crame": "x"}}).resolve(of_task)


def test_a_strategy_of_the_users_is_looked_up_when_it_is_resolved(tmp_path: Path) -> None:
    said = plan({"strategy": f"{tmp_path}/mine.py:TWICE", "options": {"word": "a"}})
    with pytest.raises(UnknownNameError, match=r"no file .*mine\.py"):
        said.resolve(Classes())
    (tmp_path / "mine.py").write_text(
        "from prettyuseful.prompts.strategies import PromptStrategy\n"
        "def write(asked): return [[name, asked.options['word'] + name] for name in asked.classes]\n"
        "TWICE = PromptStrategy('twice', 'two', write, defaults={'word': 'the '})\n"
    )
    resolved = said.resolve(Classes())
    assert said.label == "twice"
    assert resolved.options == {"word": "a"}
    assert resolved.per_class(5) == 2
    assert str(tmp_path) not in str(resolved.strategy.content)
