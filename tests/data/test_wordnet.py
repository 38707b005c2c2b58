from __future__ import annotations

import pytest

from prettyuseful.data import wordnet
from prettyuseful.errors import DataError


def test_synsets_have_words_and_glosses() -> None:
    assert wordnet.lemmas()["n01440764"] == ["tench", "Tinca tinca"]
    assert "game fish" in wordnet.glosses()["n01440764"]


def test_synsets_that_share_a_word_get_different_names() -> None:
    bird, machine = "n02012849", "n03126707"
    assert wordnet.synset_names([bird]) == ("crane",)
    names = wordnet.synset_names([bird, machine])
    assert names == ("crane (large long-necked wading bird)", "crane (lifts and moves heavy objects)")


def test_timm_without_tables_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordnet, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"no table imagenet_synsets\.txt.*constraints\.txt"):
        wordnet.timm_lines("imagenet_synsets.txt")
