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
    """The part of a task that prompts need."""

    name: str = "pets"
    classes: tuple[str, ...] = ("cat", "crane")
    definitions: dict[str, str] = field(default_factory=dict)


def plan(fields: Any) -> PromptPlan:
    return PromptPlan.model_validate(fields)


def test_bare_name_is_a_strategy_with_defaults() -> None:
    assert plan("caption") == plan({"strategy": "caption"})
    assert plan({}) == plan("class-name")
    assert plan("template").label == "template"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("captions", "unknown prompt strategy 'captions'; did you mean 'caption'"),
        (
            {"templates": "clip-7"},
            "templates is only for the strategy 'template' or 'instruction', but the strategy is 'class-name'",
        ),
        ({"strategy": "caption", "definitions": {}}, "definitions is only for the strategy 'definition'"),
        ({"strategy": "template", "captioner": "describer"}, "captioner is only for the strategy 'caption'"),
        (
            {"strategy": "template", "options": {}},
            "options is only for a user-defined strategy, but the strategy is 'template'",
        ),
        ({"strategy": "template", "templates": []}, "templates is empty"),
        ({"strategy": "template", "templates": ["a cat"]}, "template 'a cat' must hold"),
        ({"strategy": "template", "templates": "clip-8"}, "unknown templates 'clip-8'; known:"),
        ({"strategies": "template"}, "Extra inputs"),
    ],
)
def test_unsupported_options_are_rejected_at_validation(fields: Any, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        plan(fields)


def test_class_names_and_templates_are_resolved() -> None:
    bare, seven = plan("class-name").resolve(Classes()), plan("template").resolve(Classes())
    assert (bare.strategy.content, bare.classes, bare.captioner) == ("class-name", ("cat", "crane"), None)
    assert (bare.per_class(10), seven.per_class(10)) == (1, 7)
    assert seven == plan({"strategy": "template", "templates": "clip-7"}).resolve(Classes())
    assert plan({"strategy": "template", "templates": ["a {}", "the {}"]}).resolve(Classes()).per_class(10) == 2


def test_there_is_one_caption_per_real_image() -> None:
    resolved = plan("caption").resolve(Classes())
    assert resolved.captioner == CaptionerSource()
    assert [resolved.per_class(n) for n in (1, 30)] == [1, 30]
    other = plan({"strategy": "caption", "captioner": "owner/name"}).resolve(Classes())
    assert other.captioner == CaptionerSource(model="owner/name")


def test_definitions_come_from_the_study_or_the_task() -> None:
    of_task = Classes(definitions={"crane": "a bird"})
    own = plan({"strategy": "definition", "definitions": {"crane": "lifts loads"}}).resolve(of_task)
    assert own.options["definitions"] == {"crane": "lifts loads"}
    assert plan("definition").resolve(of_task).options["definitions"] == {"crane": "a bird"}
    with pytest.raises((StudyError, DataError), match="has no definitions"):
        plan("definition").resolve(Classes())
    with pytest.raises((StudyError, DataError), match="definitions: 'crame' is not a class of the task"):
        plan({"strategy": "definition", "definitions": {"crame": "x"}}).resolve(of_task)


def test_user_defined_strategy_is_imported_when_resolved(tmp_path: Path) -> None:
    fields = plan({"strategy": f"{tmp_path}/mine.py:TWICE", "options": {"word": "a"}})
    with pytest.raises(UnknownNameError, match=r"no file .*mine\.py"):
        fields.resolve(Classes())
    (tmp_path / "mine.py").write_text(
        "from prettyuseful.prompts.strategies import PromptStrategy\n"
        "def write(request): return [[name, request.options['word'] + name] for name in request.classes]\n"
        "TWICE = PromptStrategy('twice', 'two', write, defaults={'word': 'the '})\n"
    )
    resolved = fields.resolve(Classes())
    assert fields.label == "twice"
    assert resolved.options == {"word": "a"}
    assert resolved.per_class(5) == 2
    assert str(tmp_path) not in str(resolved.strategy.content)


def test_prompts_have_words_for_class_names_that_are_none() -> None:
    task = Classes(classes=("n01440764", "hot_dog", "crane"), definitions={"crane": "a bird", "hot_dog": "a food"})
    resolved = plan({"strategy": "template", "templates": ["a {}"]}).resolve(task)
    assert resolved.classes == task.classes
    assert resolved.words.words == ("tench", "hot dog", "crane")
    assert resolved.words.notes == ("Class names in prompts: 'n01440764' is 'tench', 'hot_dog' is 'hot dog'.",)
    assert plan("definition").resolve(task).options["definitions"] == {"crane": "a bird", "hot dog": "a food"}
    given = {"strategy": "definition", "definitions": {"n01440764": "a fish"}}
    assert plan(given).resolve(task).options == {"definitions": {"tench": "a fish"}}


def test_class_names_without_meaning_are_refused_by_every_strategy() -> None:
    for strategy in ("class-name", "template", "definition", "caption"):
        with pytest.raises(DataError, match=r"name them in the task, such as classes: \{12: name in words\}"):
            plan(strategy).resolve(Classes(classes=("12", "cat"), definitions={"cat": "x"}))
