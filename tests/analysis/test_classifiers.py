from __future__ import annotations

import pytest

from prettyuseful.analysis.classifiers import classifier_words, probe_words


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (("small", "small", "rgb"), "the classifier (small)"),
        (
            ("efficientnet-lite0", "frozen-features", "rgb"),
            "a linear probe on frozen features of efficientnet-lite0 (trained on ImageNet)",
        ),
        (("mine", "frozen-features", "rgb"), "a linear probe on frozen features of mine"),
    ],
)
def test_a_classifier_is_named_with_what_its_encoder_was_trained_on(cell: tuple[str, str, str], words: str) -> None:
    assert classifier_words(cell) == words
    assert cell[0] in probe_words(cell[0])
