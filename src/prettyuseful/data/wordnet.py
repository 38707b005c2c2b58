"""Words and definitions of the synsets of ImageNet-21k, from WordNet; timm's tables contain them.

The tables are read as files, because importing timm would load torch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from prettyuseful.errors import DataError

SYNSET = re.compile(r"n\d{8}")
"""The form of the WordNet id of a synset, such as n01440764."""


@cache
def lemmas() -> Mapping[str, Sequence[str]]:
    """Return the lemmas (words) of each synset of ImageNet-21k, the most common first."""
    return {synset: words.split(", ") for synset, words in _read_table("imagenet_synset_to_lemma.txt")}


@cache
def glosses() -> Mapping[str, str]:
    """Return the gloss (definition) of each synset of ImageNet-21k."""
    return dict(_read_table("imagenet_synset_to_definition.txt"))


def synset_names(synsets: Sequence[str]) -> tuple[str, ...]:
    """Return a unique name for each synset: its first lemma. Names differ even if case is ignored.

    If two of the synsets share their first lemma (crane the bird, crane the machine), each takes its next lemma that is
    free, or else the shared lemma with the start of its gloss, as in `crane (large long-necked wading bird)`.
    """
    first = Counter(lemmas()[synset][0].casefold() for synset in synsets)

    def name(synset: str) -> str:
        lemma, *others = lemmas()[synset]
        if first[lemma.casefold()] == 1:
            return lemma
        free = (other for other in others if other.casefold() not in first)
        head = re.split(r"[;,]| of | that | for ", glosses()[synset])[0]
        return next(free, f"{lemma} ({head})")

    return tuple(map(name, synsets))


@cache
def synsets_per_lemma() -> Counter[str]:
    """Return the number of synsets that have each lemma, ignoring case."""
    return Counter(lemma for words in lemmas().values() for lemma in {word.casefold() for word in words})


def timm_lines(name: str) -> list[str]:
    """Return the lines of one of timm's tables.

    Raises:
        DataError: the installed timm has no such table.
    """
    spec = find_spec("timm")
    for package in (spec and spec.submodule_search_locations) or ():
        table = Path(package) / "data" / "_info" / name
        if table.is_file():
            return table.read_text("utf-8").splitlines()
    raise DataError(f"the installed timm has no table {name}; install the timm version in constraints.txt")


def _read_table(name: str) -> Iterator[tuple[str, str]]:
    for line in timm_lines(name):
        synset, _, text = line.partition("\t")
        yield synset, text
