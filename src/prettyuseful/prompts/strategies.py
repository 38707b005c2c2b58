"""How a class becomes prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from prettyuseful.errors import StudyError

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


@dataclass(frozen=True)
class Prompts:
    """`prompts[c]` are the prompts of class `classes[c]`; image `i` takes the one at `i` modulo their number."""

    classes: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...]

    def of(self, label: int, index: int) -> str:
        options = self.prompts[label]
        return options[index % len(options)]


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
