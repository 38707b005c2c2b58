"""Learned scores of a data set, from tiny models with random weights, against transformers' own calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.chat_server import Request, running_server, says
from tests.tiny_vision_language import save_llava
from transformers import AutoProcessor, CLIPModel

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.models import ScoreModel
from prettyuseful.aesthetics.rows import pin_score
from prettyuseful.data.dataset import Row, read_shard, write_shard
from prettyuseful.data.images import decode
from prettyuseful.encoders.scoring import ScoreSettings, pin_head, pin_question_model, score_encoder
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.encoders.visual_questions import VisualQuestionModel
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.numerics import Numerics
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.learned_scores import AgreementSpec, EmbedPromptsSpec, LearnedScoreSpec, QuestionScoreSpec
from prettyuseful.steps.scores import read_scores

Make = Callable[..., Artifact]
CLASSES = ("red", "a cat")
CLASS_TEXTS = ("a photo of a red", "a photo of a a cat")


def rows_of(dataset: Artifact) -> list[Row]:
    return [*read_shard(dataset.path(dataset.manifest.files[0].name))]


class PromptedSpec(StepSpec):
    """A data set whose images have prompts: some of them, two the same."""

    kind = "prompted"
    pace = 1.0

    def make(self, job: Job) -> dict[str, Any]:
        prompts = ("a red wall", None, "a red wall", "cat", "", None)
        [entry] = job.inputs["dataset"].manifest.files
        rows = [*read_shard(job.inputs["dataset"].path(entry.name))]
        prompted = [replace(row, prompt=prompt) for row, prompt in zip(rows, prompts, strict=True)]
        write_shard(job.folder / "data-00000-of-00001.parquet", prompted, CLASSES)
        return {"classes": list(CLASSES), "images": len(rows)}


def transformers_features(folder: Path, dataset: Artifact, texts: list[str]) -> tuple[Any, Any, float]:
    """Return normalised features of the images and of the texts, and the logit scale."""
    model, processor = CLIPModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)
    images = [Image.fromarray(np.asarray(decode(row.data, row.path))) for row in rows_of(dataset)]
    inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True)
    with torch.no_grad():
        outputs = model(**inputs)
        return outputs.image_embeds, outputs.text_embeds, float(model.logit_scale.exp())


def score(make: Make, dataset: Artifact, name: str, weights: ScoreSettings, **inputs: Artifact) -> np.ndarray:
    """Return the scores from the steps that a plan has."""
    model = SCORES[name].model
    assert isinstance(model, ScoreModel)
    encoder = score_encoder(model, weights).pin()
    features = make(EmbedSpec(encoder=encoder, numerics=Numerics()), dataset=dataset)
    spec = LearnedScoreSpec(score=pin_score(name), head=pin_head(name, model, weights))
    table = read_scores(make(spec, dataset=dataset, features=features, **inputs))
    assert table.names == (name,)
    assert table.labels.tolist() == [row.label for row in rows_of(dataset)]
    assert table.groups.tolist() == [row.group for row in rows_of(dataset)]
    return table.column(name)


@pytest.mark.parametrize("name", ["laion-aesthetic", "laion-aesthetic-v1"])
def test_the_aesthetic_score_is_the_head_on_normalised_embeddings(
    name: str, make: Make, load: Callable[[int], Artifact], clip_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    sizes = (12, 10, 8, 6, 4, 1)
    linear = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    layers = dict(zip((0, 2, 4, 6, 7), linear, strict=True)) if name == "laion-aesthetic" else {}
    state = {f"layers.{i}.{key}": value for i, layer in layers.items() for key, value in layer.state_dict().items()}
    network = torch.nn.Sequential(*linear) if layers else torch.nn.Linear(12, 1)
    torch.save(state or network.state_dict(), tmp_path / "head.pth")
    dataset = load(4)
    scores = score(make, dataset, name, ScoreSettings(model=str(clip_folder), head=str(tmp_path / "head.pth")))
    images, _, _ = transformers_features(clip_folder, dataset, ["none"])
    with torch.no_grad():
        wanted = network(images)[:, 0].numpy()
    assert np.ptp(wanted) > 0.001
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)


def test_clip_iqa_is_the_softmax_over_the_pair(make: Make, load: Callable[[int], Artifact], clip_folder: Path) -> None:
    dataset, weights, model = load(4), ScoreSettings(model=str(clip_folder)), SCORES["clip-iqa"].model
    assert isinstance(model, ScoreModel)
    assert model.pair is not None
    spec = EmbedTextSpec(encoder=score_encoder(model, weights).pin(), texts=model.pair, numerics=Numerics())
    scores = score(make, dataset, "clip-iqa", weights, texts=make(spec))
    images, texts, _ = transformers_features(clip_folder, dataset, ["Good photo.", "Bad photo."])
    wanted = (100 * images @ texts.T).softmax(dim=-1)[:, 0].numpy()
    assert np.ptp(wanted) > 1e-3
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-5)


def test_pickscore_compares_each_image_with_its_own_prompt_or_the_text_of_its_class(
    make: Make, load: Callable[[int], Artifact], clip_folder: Path
) -> None:
    weights, model = ScoreSettings(model=str(clip_folder)), SCORES["pickscore"].model
    assert isinstance(model, ScoreModel)
    encoder, prompted = score_encoder(model, weights).pin(), make(PromptedSpec(), dataset=load(3))
    prompts = EmbedPromptsSpec(encoder=encoder, class_texts=CLASS_TEXTS, numerics=Numerics())
    embedded = make(prompts, dataset=prompted)
    scores = score(make, prompted, "pickscore", weights, texts=embedded)
    own = [row.prompt or CLASS_TEXTS[row.label] for row in rows_of(prompted)]
    assert sorted(set(own)) == ["a photo of a a cat", "a photo of a red", "a red wall", "cat"]
    images, texts, scale = transformers_features(clip_folder, prompted, own)
    wanted = scale * (images * texts).sum(dim=-1).numpy()
    np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)
    of_class = make(prompts.model_copy(update={"own_prompts": False}), dataset=prompted)
    assert np.load(of_class.path("text.npy")).tolist() == [row.label for row in rows_of(prompted)]
    facts = embedded.manifest.facts
    assert (facts["texts"], facts["own_prompts"], facts["logit_scale"]) == (4, 3, pytest.approx(scale, rel=1e-6))


def test_a_score_can_be_the_cosine_itself(
    make: Make, load: Callable[[int], Artifact], clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, row, dataset = ScoreSettings(model=str(clip_folder)), SCORES["pickscore"], load(3)
    assert isinstance(row.model, ScoreModel)
    encoder = score_encoder(row.model, weights).pin()
    texts = make(EmbedPromptsSpec(encoder=encoder, class_texts=CLASS_TEXTS, numerics=Numerics()), dataset=dataset)
    scaled = score(make, dataset, "pickscore", weights, texts=texts)
    monkeypatch.setitem(
        SCORES.rows, "pickscore", replace(row, model=replace(row.model, scaled=False), version=row.version + 1)
    )
    cosines = score(make, dataset, "pickscore", weights, texts=texts)
    np.testing.assert_allclose(cosines * texts.manifest.facts["logit_scale"], scaled)


def test_real_images_are_compared_with_the_text_of_their_class(
    make: Make, load: Callable[[int], Artifact], clip_folder: Path
) -> None:
    weights, model = ScoreSettings(model=str(clip_folder)), SCORES["pickscore"].model
    assert isinstance(model, ScoreModel)
    spec = EmbedPromptsSpec(encoder=score_encoder(model, weights).pin(), class_texts=CLASS_TEXTS, numerics=Numerics())
    embedded = make(spec, dataset=load(2))
    assert embedded.manifest.facts["own_prompts"] == 0
    assert np.load(embedded.path("text.npy")).tolist() == [row.label for row in rows_of(load(2))]


def test_vqascore_asks_for_the_prompt_of_the_image_or_the_text_of_its_class(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    question = 'Does this figure show "{text}"? Please answer yes or no.'
    texts = ("a photo of a red", "a photo of a a cat", "a red wall", "cat")
    words = sorted({word for text in texts for word in question.format(text=text).split()} | {"Yes", "No"})
    folder, prompted = save_llava(tmp_path / "vlm", words), make(PromptedSpec(), dataset=load(3))
    spec = QuestionScoreSpec(
        score=pin_score("vqascore"),
        model=pin_question_model("vqascore", ScoreSettings(model=str(folder))),
        class_texts=CLASS_TEXTS,
        numerics=Numerics(),
    )
    artifact = make(spec, dataset=prompted)
    table, model = read_scores(artifact), VisualQuestionModel(str(folder), Numerics())
    assert table.names == ("vqascore",)
    for row, value in zip(rows_of(prompted), table.column("vqascore"), strict=True):
        asked = question.format(text=row.prompt or CLASS_TEXTS[row.label])
        assert value == model.answer(decode(row.data, row.path), row.path, asked, 512).yes
    assert table.labels.tolist() == [row.label for row in rows_of(prompted)]
    assert np.ptp(table.values) > 0.001
    assert 0 < artifact.manifest.facts["answers_yes_or_no"] < 1


def test_vqascore_by_an_endpoint_asks_the_same_questions(make: Make, load: Callable[[int], Artifact]) -> None:
    def reply(request: Request) -> None:
        text = request.body["messages"][0]["content"][1]["text"]
        top = [{"token": "Yes", "logprob": -0.1 * len(text)}, {"token": " no", "logprob": -3.0}]
        says("Yes", logprobs={"content": [{"token": "Yes", "logprob": -1.0, "top_logprobs": top}]})(request)

    prompted = make(PromptedSpec(), dataset=load(3))
    with running_server() as server:
        server.default_reply = reply
        given = ScoreSettings(model="seer", endpoint=server.url, concurrency=2)
        spec = QuestionScoreSpec(
            score=pin_score("vqascore"),
            model=pin_question_model("vqascore", given),
            class_texts=CLASS_TEXTS,
            numerics=Numerics(),
        )
        artifact = make(spec, dataset=prompted)
    values = read_scores(artifact).column("vqascore")
    for row, value in zip(rows_of(prompted), values, strict=True):
        question = f'Does this figure show "{row.prompt or CLASS_TEXTS[row.label]}"? Please answer yes or no.'
        assert value == pytest.approx(1 / (1 + np.exp(-3 + 0.1 * len(question))))
    assert np.ptp(values) > 0.01
    assert 0 < artifact.manifest.facts["answers_yes_or_no"] < 1


def test_agreement_is_the_probability_of_the_class_by_timms_own_network(
    make: Make, load: Callable[[int], Artifact], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    network = timm.create_model("resnet10t").eval()
    torch.nn.init.normal_(network.fc.weight, std=0.3)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    encoder = EncoderSource(name="resnet10t", weights=str(tmp_path / "weights.safetensors")).pin()
    dataset, indices = load(3), ((7, 900), (3,))
    features = make(EmbedSpec(encoder=encoder, numerics=Numerics()), dataset=dataset)
    spec = AgreementSpec(score=pin_score("classifier-agreement"), classifier=encoder, indices=indices)
    artifact = make(spec, dataset=dataset, features=features)
    opened: Any = open_encoder(encoder, Numerics())
    for row, value in zip(rows_of(dataset), read_scores(artifact).column("classifier-agreement"), strict=True):
        with torch.inference_mode():
            chances = network(opened._preprocess(np.asarray(decode(row.data, row.path)))[None])[0].softmax(-1)
        assert value == pytest.approx(float(chances[list(indices[row.label])].sum()), abs=1e-5)
        assert value > 1e-5
    assert 0 <= artifact.manifest.facts["recognised"] <= 1
