"""Prompt strategies: how class names become prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, cast

from pydantic import JsonValue

from prettyuseful.errors import DataError, StudyError, UnknownNameError, did_you_mean
from prettyuseful.prompts.prompt_files import cycle_equally
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
"""Bundled lists of templates by name."""

_PLACEHOLDERS = ("{}", "{name}")
Options = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Prompts:
    """`prompts[c]` are the prompts of class `classes[c]`; image `i` uses the prompt `i % len(prompts[c])`."""

    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]

    def prompt_for(self, label: int, index: int) -> str:
        """Return the prompt of image `index` of the class number `label`."""
        options = self.prompts[label]
        return options[index % len(options)]


class ClassList(Protocol):
    """The part of a task that a prompt strategy can use."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def definitions(self) -> Mapping[str, str]:
        """Short definitions by class name, for ambiguous names."""


@dataclass(frozen=True)
class PromptRequest:
    """The input of a prompt strategy: the class names and the options of the strategy.

    `captions`: pairs (class index, text), one per real training image in order, for a strategy that needs captions.
    `described`: the prompts of each class that a language model wrote, for a strategy that needs a writer.
    """

    classes: tuple[str, ...]
    options: Options = field(default_factory=dict)
    captions: tuple[tuple[int, str], ...] = ()
    described: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class PromptStrategy:
    """A prompt strategy. A user-defined strategy is such an object in a Python file, given as `file.py:OBJECT`.

    Attributes:
        name: the name in study files.
        summary: one line for `prettyuseful list prompts`.
        write: returns the prompts of each class, in the order of the classes; the same number for all classes, at least
            one. The result must depend only on the request.
        needs_captions: whether real training images are captioned first; `write` then returns one prompt per caption.
        needs_writer: whether a language model writes prompts of each class first. Only for bundled strategies.
        defaults: default values by name of the options that a study can set in `options: {...}`.
        option_key: key of the study's `prompts` section that holds the options, None if there are none. User-defined
            strategies keep the default.
        resolve: turns the value of that key (None if it is missing) and the task into options. Only for bundled
            strategies.
        check: raises StudyError for an invalid value of that key. Only for bundled strategies.
    """

    name: str
    summary: str
    write: Callable[[PromptRequest], Sequence[Sequence[str]]]
    needs_captions: bool = False
    needs_writer: bool = False
    defaults: Options = field(default_factory=dict)
    option_key: str | None = "options"
    resolve: Callable[[Any, ClassList], Options] | None = None
    check: Callable[[Any], None] | None = None

    def accepts(self, key: str) -> bool:
        """Whether the strategy uses a key of the study's `prompts` section."""
        needed = {"captioner": self.needs_captions, "writer": self.needs_writer}
        return key == self.option_key or needed.get(key, False)

    def options(self, value: Any, task: ClassList) -> dict[str, JsonValue]:
        """Return the options for the value of `option_key`, with defaults filled in; they are part of the key.

        Raises:
            UserError: the value is invalid for this task.
        """
        if self.resolve is not None:
            return dict(self.resolve(value, task))
        values = dict(value or {})
        for name in values:
            if name not in self.defaults:
                raise UnknownNameError(
                    f"the prompt strategy {self.name!r} has no option {name!r}{did_you_mean(name, self.defaults)}; "
                    f"known: {', '.join(self.defaults) or 'none'}"
                )
        return {**self.defaults, **values}


def from_class_names(classes: Sequence[str]) -> Prompts:
    """Return the class name as the only prompt of each class."""
    return Prompts(tuple(classes), tuple((name,) for name in classes))


def from_captions(classes: Sequence[str], captions: Sequence[tuple[int, str]]) -> Prompts:
    """Return `<class>, <caption>` for each caption; `captions` are pairs (class index, text) in order."""
    texts: list[list[str]] = [[] for _ in classes]
    for label, text in captions:
        texts[label].append(f"{classes[label]}, {text}")
    return Prompts(tuple(classes), tuple(tuple(options) for options in texts))


def from_templates(classes: Sequence[str], templates: Sequence[str]) -> Prompts:
    """Return every template with the unchanged class name filled in, in the order of the templates.

    Raises:
        StudyError: there is no template, or a template does not hold `{}` or `{name}` exactly once.
    """
    check_templates(templates)
    parts = [_split_template(template) for template in templates]
    return Prompts(tuple(classes), tuple(tuple(f"{head}{name}{tail}" for head, tail in parts) for name in classes))


def from_instructions(classes: Sequence[str], texts: Sequence[str]) -> Prompts:
    """Return every text for every class, with the class name wherever it holds `{class}`, which it need not."""
    return Prompts(tuple(classes), tuple(tuple(text.replace("{class}", name) for text in texts) for name in classes))


def check_templates(templates: Sequence[str]) -> None:
    """Raise StudyError unless each template holds `{}` or `{name}` exactly once."""
    if not templates:
        raise StudyError("templates is empty; give at least one template, such as 'a photo of a {}'")
    for template in templates:
        _split_template(template)


def from_definitions(classes: Sequence[str], definitions: Mapping[str, str]) -> Prompts:
    """Return `<name>, <definition>` for classes with a definition, and the name for the others."""
    texts = (f"{name}, {definitions[name]}" if name in definitions else name for name in classes)
    return Prompts(tuple(classes), tuple((prompt,) for prompt in texts))


def _split_template(template: str) -> tuple[str, str]:
    """Return the text before and after the placeholder."""
    if sum(template.count(placeholder) for placeholder in _PLACEHOLDERS) != 1:
        raise StudyError(
            f"template {template!r} must hold {{}} or {{name}} exactly once, in the position of the class name"
        )
    placeholder = next(placeholder for placeholder in _PLACEHOLDERS if placeholder in template)
    head, _, tail = template.partition(placeholder)
    return head, tail


def _template_texts(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return next(iter(TEMPLATE_SETS.values()))
    if not isinstance(value, str):
        return tuple(value)
    if value not in TEMPLATE_SETS:
        raise StudyError(f"unknown templates {value!r}; known: {', '.join(TEMPLATE_SETS)}; or give a list of templates")
    return TEMPLATE_SETS[value]


def _definitions(values: Mapping[str, str] | None, task: ClassList) -> dict[str, JsonValue]:
    """Return the definitions of the study, or else those of the task."""
    if values is not None:
        if invalid := sorted(set(values) - set(task.classes)):
            raise DataError(f"definitions: {invalid[0]!r} is not a class of the task {task.name}; remove it")
        return {"definitions": {**values}}
    if not task.definitions:
        raise DataError(
            f"the task {task.name} has no definitions; give them in the study: "
            "prompts: {strategy: definition, definitions: {class: text}}"
        )
    return {"definitions": {**task.definitions}}


def _file_prompts(value: Sequence[Sequence[str]], _: ClassList) -> dict[str, JsonValue]:
    """Return the prompts of each class, as the plan has read them: the content of the file is in the key, its path is
    not."""
    return {"prompts": [[*prompts] for prompts in value]}


def _check_file(value: str | None) -> None:
    if value is None:
        raise StudyError("the strategy 'file' needs a file; give prompts: {file: prompts.csv}")


PROMPT_STRATEGIES = Registry(
    "prompt strategy",
    PromptStrategy,
    (
        PromptStrategy(
            name="class-name",
            summary="the class name alone",
            write=lambda request: from_class_names(request.classes).prompts,
            option_key=None,
        ),
        PromptStrategy(
            name="template",
            summary="templates such as 'a photo of a {}'; by default CLIP's seven",
            write=lambda request: (
                from_templates(request.classes, cast("Sequence[str]", request.options["templates"])).prompts
            ),
            option_key="templates",
            resolve=lambda value, _: {"templates": list(_template_texts(value))},
            check=lambda value: check_templates(_template_texts(value)),
        ),
        PromptStrategy(
            name="instruction",
            summary="one text in which {class} stands for the class name; what editing models get (condition: edit)",
            write=lambda request: (
                from_instructions(request.classes, cast("Sequence[str]", request.options["templates"])).prompts
            ),
            option_key="templates",
            resolve=lambda value, _: {"templates": list(_template_texts(value))},
        ),
        PromptStrategy(
            name="definition",
            summary="'<class>, <definition>', for class names that are ambiguous",
            write=lambda request: (
                from_definitions(request.classes, cast("Mapping[str, str]", request.options["definitions"])).prompts
            ),
            option_key="definitions",
            resolve=_definitions,
        ),
        PromptStrategy(
            name="caption",
            summary="'<class>, <caption>', one caption per real training image",
            write=lambda request: from_captions(request.classes, request.captions).prompts,
            needs_captions=True,
            option_key=None,
        ),
        PromptStrategy(
            name="described",
            summary="varied prompts that a language model writes for each class",
            write=lambda request: request.described,
            needs_writer=True,
            option_key=None,
        ),
        PromptStrategy(
            name="file",
            summary="your own prompts, from a CSV file with the columns class and prompt",
            write=lambda request: cycle_equally(cast("Sequence[Sequence[str]]", request.options["prompts"])),
            option_key="file",
            resolve=_file_prompts,
            check=_check_file,
        ),
    ),
)


def write_prompts(strategy: str, request: PromptRequest) -> Prompts:
    """Return the prompts of every class from the strategy `strategy` (a name or `module:OBJECT`).

    Raises:
        UnknownNameError: unknown strategy.
        DataError: a user-defined strategy raises an error, or returns invalid prompts.
    """
    with PROMPT_STRATEGIES.guard(strategy):
        prompts_by_class = tuple(
            tuple(cast("Sequence[str]", [prompts] if isinstance(prompts, str) else prompts))
            for prompts in PROMPT_STRATEGIES[strategy].write(request)
        )
    _check_prompts(PROMPT_STRATEGIES[strategy], request, prompts_by_class)
    return Prompts(request.classes, prompts_by_class)


def _check_prompts(row: PromptStrategy, request: PromptRequest, prompts_by_class: Sequence[Sequence[Any]]) -> None:
    subject = f"the prompt strategy {row.name!r}"
    if len(prompts_by_class) != len(request.classes):
        raise DataError(
            f"{subject} returned prompts of {len(prompts_by_class)} classes; the task has {len(request.classes)}"
        )
    counts = [0] * len(request.classes)
    for label, _ in request.captions:
        counts[label] += 1
    for name, prompts, captions in zip(request.classes, prompts_by_class, counts, strict=True):
        wanted = captions if row.needs_captions else len(prompts_by_class[0])
        if len(prompts) != wanted or not prompts:
            each = "one per caption" if row.needs_captions else "at least one, and the same number for every class"
            raise DataError(f"{subject} returned {len(prompts)} prompts for the class {name!r}; it must return {each}")
        if invalid := [prompt for prompt in prompts if not isinstance(prompt, str)]:
            raise DataError(
                f"{subject} returned a {type(invalid[0]).__name__} as a prompt of {name!r}; it must return texts"
            )
