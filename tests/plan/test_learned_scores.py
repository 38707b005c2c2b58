from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prettyuseful.engine.graph import Graph
from prettyuseful.errors import UserError
from prettyuseful.plan.features import FeaturePlanner
from prettyuseful.plan.learned_scores import LearnedScorePlanner, class_texts
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.real import RealImages
from prettyuseful.steps.learned_scores import EmbedPromptsSpec
from prettyuseful.study.reading import parse_study

StudyText = Callable[..., str]
SCORES = ("laion-aesthetic", "laion-aesthetic-v1", "clip-iqa", "pickscore")


def planner(text: str) -> tuple[LearnedScorePlanner, str]:
    """Return a planner, and the key of a step with real images."""
    study = parse_study(text)
    context = PlanContext(study, study.task.open(), Graph())
    return LearnedScorePlanner(context, FeaturePlanner(context)), RealImages(context).load_step("train", 2)


@pytest.fixture
def head(tmp_path: Path) -> Path:
    torch.save(torch.nn.Linear(12, 1).state_dict(), tmp_path / "head.pth")
    return tmp_path / "head.pth"


@pytest.fixture
def weights(clip_folder: Path, head: Path) -> str:
    lines = [f"  {name}: {{model: {clip_folder}{f', head: {head}' if 'laion' in name else ''}}}\n" for name in SCORES]
    return f"score_models:\n{''.join(lines)}"


def test_images_are_embedded_once_for_all_scores_of_a_model(study_text: StudyText, weights: str) -> None:
    plan, images = planner(study_text(more=weights))
    for name in SCORES:
        plan.key(name, images, "real train images")
    steps = plan.context.graph.steps.values()
    assert Counter(step.spec.kind for step in steps) == {
        "load": 1,
        "embed": 2,  # by CLIP L/14 and by PickScore
        "embed-text": 1,
        "embed-prompts": 1,
        "score-features": 4,
    }
    [texts] = (step.spec for step in steps if isinstance(step.spec, EmbedPromptsSpec))
    assert texts.class_texts == class_texts(plan.context.task.classes)
    assert texts.class_texts[0] == f"a photo of a {plan.context.task.classes[0]}"


def test_other_weights_give_another_key(study_text: StudyText, weights: str, head: Path) -> None:
    keys = []
    for _ in range(2):
        plan, images = planner(study_text(more=weights))
        keys.append([plan.key(name, images, "images") for name in SCORES])
        torch.save(torch.nn.Linear(12, 1).state_dict(), head)
    assert [a == b for a, b in zip(*keys, strict=True)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("more", "name", "words"),
    [
        (
            "",
            "laion-aesthetic-v1",
            "score_models.laion-aesthetic-v1: .* no default head; download",
        ),
        ("score_models: {pickscore: {model: ./nowhere}}\n", "pickscore", "score_models.pickscore: the weights"),
        ("score_models: {pickscore: {head: x.pth}}\n", "pickscore", "pickscore has no head; remove head"),
    ],
)
def test_missing_weights_are_reported_at_planning(
    more: str, name: str, words: str, study_text: StudyText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    plan, images = planner(study_text(more=more))
    with pytest.raises(UserError, match=words) as error:
        plan.key(name, images, "images")
    assert "\n" not in str(error.value)
