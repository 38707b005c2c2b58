from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prettyuseful.engine.graph import Graph
from prettyuseful.errors import UserError
from prettyuseful.plan.features import FeaturePlanner, class_texts
from prettyuseful.plan.learned_scores import LearnedScorePlanner
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.real import RealImages
from prettyuseful.plan.study import make_plan
from prettyuseful.steps.learned_scores import AgreementSpec, EmbedPromptsSpec
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


def test_all_images_can_be_compared_with_the_text_of_their_class(study_text: StudyText, clip_folder: Path) -> None:
    plans = []
    for text in ("prompt", "class"):
        plan, images = planner(
            study_text(more=f"score_models: {{pickscore: {{model: {clip_folder}, text: {text}}}}}\n")
        )
        plan.key("pickscore", images, "real train images")
        plans.append(plan.context)
    specs = [step.spec for plan in plans for step in plan.graph.steps.values()]
    assert [spec.own_prompts for spec in specs if isinstance(spec, EmbedPromptsSpec)] == [True, False]
    assert ["pickscore compares an image with its own prompt" in " ".join(plan.notes) for plan in plans] == [
        True,
        False,
    ]


def test_a_study_measures_learned_scores_like_other_metrics(study_text: StudyText, clip_folder: Path) -> None:
    models = f"score_models: {{clip-iqa: {{model: {clip_folder}}}, pickscore: {{model: {clip_folder}}}}}\n"
    plan = make_plan(parse_study(study_text(more=f"metrics: [clip-iqa, pickscore]\n{models}")))
    names = {measure.family for dataset in plan.datasets for measure in dataset.measures}
    assert names == {"clip-iqa", "pickscore"}
    assert {metric.name for metric in plan.metrics} >= {"clip-iqa", "clip-iqa-auc", "pickscore", "pickscore-spread"}
    assert plan.encoders["image-scores"].endswith(f"; clip-iqa by {clip_folder.name}; pickscore by {clip_folder.name}")
    for dataset in plan.datasets:
        measured = [measure for measure in dataset.measures if measure.family == "pickscore"]
        assert {measure.reencoded is None for measure in measured} == {True, False}
        assert {
            plan.steps[key].spec.kind for measure in measured for key in plan.steps[measure.key].inputs.values()
        } == {"score-features"}


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
        ("", "vqascore", "score_models.vqascore: vqascore has no default model; give"),
        (
            "score_models: {vqascore: {model: seer, endpoint: 'http://localhost/v1', head: x}}\n",
            "vqascore",
            "score_models.vqascore: vqascore has no head; remove head",
        ),
        (
            "",
            "classifier-agreement",
            "score_models.classifier-agreement: classifier-agreement needs classes of ImageNet-1k, and 2 of the 2 "
            "classes of the task are none: blue, red; name classes by their WordNet ids",
        ),
        (
            "score_models: {classifier-agreement: {model: clip-vit-b-32}}\n",
            "classifier-agreement",
            "needs an ImageNet classifier, and clip-vit-b-32 is none; set model to a timm id",
        ),
        (
            "score_models: {classifier-agreement: {head: x.pth}}\n",
            "classifier-agreement",
            "classifier-agreement has no head; remove head",
        ),
        ("score_models: {classifier-agreement: {model: resnet5000}}\n", "classifier-agreement", "unknown encoder"),
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


def test_a_model_at_an_endpoint_is_planned_by_its_name(study_text: StudyText) -> None:
    endpoint = "score_models: {vqascore: {model: seer, endpoint: 'http://localhost:1/v1', api_key_env: SEER_KEY}}\n"
    plan, images = planner(study_text(more=endpoint))
    key = plan.key("vqascore", images, "images")
    elsewhere, _ = planner(study_text(more=endpoint.replace("localhost:1", "example.org")))
    assert elsewhere.key("vqascore", images, "images") == key
    other, _ = planner(study_text(more=endpoint.replace("seer", "sage")))
    assert other.key("vqascore", images, "images") != key
    assert plan.words("vqascore") == "vqascore by seer at an endpoint"


def test_the_classes_of_a_task_are_looked_up_in_imagenet(shared_task: Path) -> None:
    text = (
        f"version: 1\ntask: {{folder: {shared_task}, classes: {{blue: n01440764, red: golf ball}}}}\n"
        "datasets: {a: {mix: {real: 2}}}\nmetrics: []\n"
    )
    plan, images = planner(text)
    spec = plan.context.graph.steps[plan.key("classifier-agreement", images, "images")].spec
    assert isinstance(spec, AgreementSpec)
    assert sorted(spec.indices) == [(0,), (574,)]
    assert plan.words("classifier-agreement") == "classifier-agreement by EfficientNet-Lite0, 1280 dimensions"
