"""From class names, which are often names of folders, to words that can be part of a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.data.wordnet import SYNSET, lemmas, synset_names
from prettyuseful.errors import DataError

_MAX_LISTED = 5  # classes that one error lists
_MAX_NOTED = 20  # classes that a note lists

_SYNSET_AND_NAME = re.compile(rf"{SYNSET.pattern}[\W_]+(?P<words>.*[^\W\d_].*)")
_NUMBER_AND_DOT = re.compile(r"\d+\.\s*(?P<words>[^\W\d].*)")
_NUMBER_AND_NAME = re.compile(r"(?P<number>\d+)[\W_]+(?P<words>.*[^\W\d_].*)")
_NUMBERED = re.compile(r"(?:class|label|category|cls)?[\W_]*\d+", re.I)


@dataclass(frozen=True)
class ClassWords:
    """What prompts say for each class. `changed`: the words for the classes whose names are no words themselves."""

    words: tuple[str, ...]
    changed: dict[str, str]

    def rename_keys(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return texts by class name as texts by words."""
        return {self.changed.get(name, name): text for name, text in texts.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a sentence on the names that are written differently in prompts, if there are any."""
        if not self.changed:
            return ()
        listed = [f"{name!r} is {words!r}" for name, words in self.changed.items()]
        more = f" and {len(listed) - _MAX_NOTED} more" if len(listed) > _MAX_NOTED else ""
        return (f"Class names in prompts: {', '.join(listed[:_MAX_NOTED])}{more}.",)


def class_words(classes: Sequence[str]) -> ClassWords:
    """Return the words for prompts.

    - WordNet ids become their first word: `n01440764` is `tench`, and `n02085620-Chihuahua` is `Chihuahua`.
    - Numbers before a name are removed: `001.Black_footed_Albatross` is `Black footed Albatross`. Numbers before `_`,
      `-` or a space are removed if they begin with a zero, or if all classes have them.
    - Underscores become spaces: `golden_retriever` is `golden retriever`.

    Raises:
        DataError: a class has no name (a number, or an unknown WordNet id), or two classes get the same words.
    """
    words = {name: _remove_number(name, classes) for name in classes}
    words = {name: " ".join(text.replace("_", " ").split()) for name, text in words.items()}
    ids = [name for name in classes if SYNSET.fullmatch(name)]
    unknown = [name for name in ids if name not in lemmas()] if ids else []
    if nameless := [*unknown, *(name for name in classes if _NUMBERED.fullmatch(name) or not _has_letter(name))]:
        raise DataError(_nameless_message(nameless, len(classes)))
    words.update(zip(ids, synset_names(ids), strict=True))
    _check_unique(words)
    return ClassWords(
        tuple(words[name] for name in classes), {name: text for name, text in words.items() if text != name}
    )


def _remove_number(name: str, classes: Sequence[str]) -> str:
    """Return a class name without its WordNet id or number."""
    if match := _SYNSET_AND_NAME.fullmatch(name) or _NUMBER_AND_DOT.fullmatch(name):
        return match["words"]
    match = _NUMBER_AND_NAME.fullmatch(name)
    is_number = match and (match["number"][0] == "0" or all(_NUMBER_AND_NAME.fullmatch(other) for other in classes))
    return match["words"] if match and is_number else name


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _nameless_message(names: Sequence[str], count: int) -> str:
    listed = ", ".join(map(repr, names[:_MAX_LISTED]))
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return (
        f"{len(names)} of {count} classes have numbers or unknown WordNet ids as names, which mean nothing in prompts: "
        f"{listed}{more}; name them in the task, such as classes: {{{names[0]}: name in words}}"
    )


def _check_unique(words: dict[str, str]) -> None:
    """Raise a DataError if two classes get the same words."""
    first: dict[str, str] = {}
    for name, text in words.items():
        other = first.setdefault(text.casefold(), name)
        if other != name:
            raise DataError(
                f"the classes {other!r} and {name!r} are both {text!r} in prompts, so their images would not differ; "
                f"name them in the task, such as classes: {{{other}: name in words}}"
            )
