from __future__ import annotations

import re

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.models import ClassifierModel, QuestionModel, ScoreModel
from prettyuseful.encoders.table import ENCODERS

COMMIT = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")


def test_default_weights_name_a_commit_and_every_model_has_what_it_reads() -> None:
    learned = {score.name: score.model for score in SCORES if isinstance(score.model, ScoreModel)}
    assert list(learned) == ["laion-aesthetic", "laion-aesthetic-v1", "clip-iqa", "pickscore", "hps"]
    for name, model in learned.items():
        assert COMMIT.fullmatch(model.weights), name
        assert model.licence
        assert model.size
        assert model.scaled == (name != "hps")
        assert (model.head is not None) == (model.reads == "head")
        assert (model.pair is not None) == (model.reads == "pair")
        if model.head is not None and model.head.repository is not None:
            assert COMMIT.fullmatch(model.head.repository), name


def test_a_question_contains_the_text() -> None:
    asked = {score.name: score.model for score in SCORES if isinstance(score.model, QuestionModel)}
    assert list(asked) == ["vqascore"]
    assert all("{text}" in model.question and model.licence for model in asked.values())


def test_the_default_classifier_is_an_encoder() -> None:
    classifiers = {score.name: score.model for score in SCORES if isinstance(score.model, ClassifierModel)}
    assert list(classifiers) == ["classifier-agreement"]
    assert all(model.classifier in ENCODERS and model.licence for model in classifiers.values())
