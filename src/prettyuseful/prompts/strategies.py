"""How a class becomes prompts: the strategies that study files can name, and what describes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, cast

from pydantic import JsonValue

from prettyuseful.errors import DataError, StudyError, UnknownNameError, did_you_mean
from prettyuseful.registry import Registry

TEMPLATE_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # The seven that CLIP's authors chose for ImageNet (github: openai/CLIP, Prompt_Engineering_for_ImageNet.ipynb).
        "clip-7": (
            "itap of a {}.",
            "a bad photo of the {}.",
            "a origami {}.",
            "a photo of the large {}.",
            "a {} in a video game.",
            "art of the {}.",
            "a photo of the small {}.",
        ),
    }
)
"""Templates that go by a name."""

_PLACES = ("{}", "{name}")
Options = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Prompts:
    """`prompts[c]` are the prompts of class `classes[c]`; image `i` takes the one at `i` modulo their number."""

    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]

    def of(self, label: int, index: int) -> str:
        options = self.prompts[label]
        return options[index % len(options)]


class ClassList(Protocol):
    """What a strategy may know of a task."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def definitions(self) -> Mapping[str, str]:
        """What a class name means here, for those names that mean something else elsewhere."""


@dataclass(frozen=True)
class PromptRequest:
    """What prompts are to be written for: classes, with the strategy's options.

    `captions`: (label, text) of the real train images in their order, for a strategy that needs them.
    """

    classes: tuple[str, ...]
    options: Options = field(default_factory=dict)
    captions: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class PromptStrategy:
    """One strategy. Your own is such a row in a file of yours, which a study names as `file.py:OBJECT`.

    `write`: the prompts of each class, in the order of the classes: equally many for all, at least one. It depends on
    the request alone. `needs_captions`: whether real train images are captioned for it; then it writes a prompt for
    each caption.
    `defaults`: the options that a study can give as `options: {...}`, by name, with their default values.
    `option_key`: the key of a study's `prompts` that holds the options, None where there are none. `resolve` makes
    options of the value of that key (None where a study leaves it out) and the task; `check` raises StudyError for a
    value that cannot be. A strategy of your own does without these three.
    """

    name: str
    summary: str
    write: Callable[[PromptRequest], Sequence[Sequence[str]]]
    needs_captions: bool = False
    defaults: Options = field(default_factory=dict)
    option_key: str | None = "options"
    resolve: Callable[[Any, ClassList], Options] | None = None
    check: Callable[[Any], None] | None = None

    def reads(self, key: str) -> bool:
        """Whether a key of a study's `prompts` belongs to it."""
        return key == self.option_key or (key == "captioner" and self.needs_captions)

    def options(self, value: Any, task: ClassList) -> dict[str, JsonValue]:
        """What the prompts depend on besides the classes, for a key.

        Raises:
            UserError: the value cannot be used with this task.
        """
        if self.resolve is not None:
            return dict(self.resolve(value, task))
        given = dict(value or {})
        for name in given:
            if name not in self.defaults:
                raise UnknownNameError(
                    f"the prompt strategy {self.name!r} has no option {name!r}{did_you_mean(name, self.defaults)}; "
                    f"known: {', '.join(self.defaults) or 'none'}"
                )
        return {**self.defaults, **given}


def class_names(classes: Sequence[str]) -> Prompts:
    """Every class by its name alone."""
    return Prompts(tuple(classes), tuple((name,) for name in classes))


def from_captions(classes: Sequence[str], captions: Sequence[tuple[int, str]]) -> Prompts:
    """Captions as (label, text), in the order of the real images."""
    texts: list[list[str]] = [[] for _ in classes]
    for label, text in captions:
        texts[label].append(f"{classes[label]}, {text}")
    return Prompts(tuple(classes), tuple(tuple(options) for options in texts))


def from_templates(classes: Sequence[str], templates: Sequence[str]) -> Prompts:
    """Every class in every template, in their order, as it is: no article is chosen, no letter changed.

    Raises:
        StudyError: there is no template, or one does not hold `{}` or `{name}` once.
    """
    check_templates(templates)
    parts = [_around(template) for template in templates]
    return Prompts(tuple(classes), tuple(tuple(f"{head}{name}{tail}" for head, tail in parts) for name in classes))


def check_templates(templates: Sequence[str]) -> None:
    """Raises StudyError, naming the template, unless each holds `{}` or `{name}` once."""
    if not templates:
        raise StudyError("no template is given; write at least one, such as 'a photo of a {}'")
    for template in templates:
        _around(template)


def with_definitions(classes: Sequence[str], definitions: Mapping[str, str]) -> Prompts:
    """'<name>, <definition>' for the classes that have one, the bare name for the others."""
    told = (f"{name}, {definitions[name]}" if name in definitions else name for name in classes)
    return Prompts(tuple(classes), tuple((prompt,) for prompt in told))


def _around(template: str) -> tuple[str, str]:
    """What stands before and after the class name."""
    if sum(template.count(place) for place in _PLACES) != 1:
        raise StudyError(f"template {template!r} must hold {{}} or {{name}} once, where the class name goes")
    place = next(place for place in _PLACES if place in template)
    head, _, tail = template.partition(place)
    return head, tail


def _template_texts(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return next(iter(TEMPLATE_SETS.values()))
    if not isinstance(value, str):
        return tuple(value)
    if value not in TEMPLATE_SETS:
        raise StudyError(f"no template set {value!r}; known: {', '.join(TEMPLATE_SETS)}, or give a list")
    return TEMPLATE_SETS[value]


def _definitions(given: Mapping[str, str] | None, task: ClassList) -> dict[str, JsonValue]:
    """The glosses of a study, or those of the task, for the names that need one."""
    if given is not None:
        if odd := sorted(set(given) - set(task.classes)):
            raise DataError(f"definitions name {odd[0]!r}, which is no class of the task {task.name}")
        return {"definitions": {**given}}
    if not task.definitions:
        raise DataError(
            f"the task {task.name} has no definitions of its own; give them: "
            "prompts: {strategy: definition, definitions: {class: gloss}}"
        )
    return {"definitions": {**task.definitions}}


PROMPT_STRATEGIES = Registry(
    "prompt strategy",
    PromptStrategy,
    (
        PromptStrategy(
            name="class-name",
            summary="the bare class name",
            write=lambda request: class_names(request.classes).prompts,
            option_key=None,
        ),
        PromptStrategy(
            name="template",
            summary="sentences around the class name, such as CLIP's seven",
            write=lambda request: (
                from_templates(request.classes, cast("Sequence[str]", request.options["templates"])).prompts
            ),
            option_key="templates",
            resolve=lambda value, _: {"templates": list(_template_texts(value))},
            check=lambda value: check_templates(_template_texts(value)),
        ),
        PromptStrategy(
            name="definition",
            summary="'<class>, <definition>' for class names that mean more than one thing",
            write=lambda request: (
                with_definitions(request.classes, cast("Mapping[str, str]", request.options["definitions"])).prompts
            ),
            option_key="definitions",
            resolve=_definitions,
        ),
        PromptStrategy(
            name="caption",
            summary="'<class>, <caption>', one caption per real train image",
            write=lambda request: from_captions(request.classes, request.captions).prompts,
            needs_captions=True,
            option_key=None,
        ),
    ),
)


def write_prompts(strategy: str, request: PromptRequest) -> Prompts:
    """The prompts of every class, by the strategy of a name.

    Raises:
        UnknownNameError: no such strategy.
        DataError: a strategy of the user's fails, or does not return prompts as it should.
    """
    with PROMPT_STRATEGIES.guard(strategy):
        found = tuple(
            tuple(cast("Sequence[str]", [of] if isinstance(of, str) else of))
            for of in PROMPT_STRATEGIES[strategy].write(request)
        )
    _check_prompts(PROMPT_STRATEGIES[strategy], request, found)
    return Prompts(request.classes, found)


def _check_prompts(row: PromptStrategy, request: PromptRequest, found: Sequence[Sequence[Any]]) -> None:
    said = f"the prompt strategy {row.name!r}"
    if len(found) != len(request.classes):
        raise DataError(f"{said} wrote prompts of {len(found)} classes, not of {len(request.classes)}")
    counts = [0] * len(request.classes)
    for label, _ in request.captions:
        counts[label] += 1
    for name, prompts, captions in zip(request.classes, found, counts, strict=True):
        wanted = captions if row.needs_captions else len(found[0])
        if len(prompts) != wanted or not prompts:
            each = "one for each caption" if row.needs_captions else "at least one, and equally many for every class"
            raise DataError(f"{said} wrote {len(prompts)} prompts of the class {name!r}; it must write {each}")
        if odd := [prompt for prompt in prompts if not isinstance(prompt, str)]:
            raise DataError(f"{said} wrote a {type(odd[0]).__name__} as a prompt of {name!r}; it must write texts")
