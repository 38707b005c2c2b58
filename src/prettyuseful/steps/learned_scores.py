"""Steps of learned scores: the texts of the images of a data set, and one score per image from CLIP features."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from prettyuseful.encoders.hub import Clip

import numpy as np
from scipy.special import softmax

from prettyuseful.aesthetics.models import QuestionModel, ScoreModel
from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.images import decode
from prettyuseful.encoders.scoring import ScoreSettings, open_head
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.metrics.preferences import pair_probabilities, preference_scores
from prettyuseful.numerics import Numerics
from prettyuseful.steps.inputs import read_image_prompts, read_rows
from prettyuseful.steps.scores import ScoreTable, save_scores


class EmbedPromptsSpec(StepSpec):
    """Embed the text of each image of a data set: with `own_prompts`, its prompt if it has one, else that of its class.

    Every text is embedded once: `features.npy` has one row per text, and `text.npy` the row of each image.

    `class_texts`: the text of each class.
    """

    kind: ClassVar[str] = "embed-prompts"
    pace: ClassVar[float] = 0.0005
    encoder: Pinned[EncoderSource]
    class_texts: tuple[str, ...]
    own_prompts: bool = True
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        rows: dict[str, int] = {}
        index, own = [], 0
        for label, prompt in read_image_prompts(job, "dataset"):
            text = (prompt if self.own_prompts else None) or self.class_texts[label]
            own += bool(prompt) and self.own_prompts
            index.append(rows.setdefault(text, len(rows)))
        encoder = cast("Clip", open_encoder(self.encoder, self.numerics))
        np.save(job.folder / "features.npy", encoder.text_features(tuple(rows)))
        np.save(job.folder / "text.npy", np.array(index, np.int64))
        return {"texts": len(rows), "own_prompts": own, "logit_scale": encoder.logit_scale}

    @property
    def assumed_pace(self) -> float | None:
        return None


class LearnedScoreSpec(StepSpec):
    """Compute a learned score of every image of `dataset` from its `features`, see `ScoreModel`.

    A score that compares images with texts has the input `texts`: the prompts of the images, or the opposite pair.
    """

    kind: ClassVar[str] = "score-features"
    pace: ClassVar[float] = 0.00005
    score: Pinned[str]
    head: Pinned[str] | None = None

    def make(self, job: Job) -> dict[str, Any]:
        score = SCORES[self.score.source]
        features, labels, groups = (
            np.load(job.inputs["features"].path(f"{name}.npy")) for name in ("features", "labels", "groups")
        )
        return save_scores(job, ScoreTable((score.name,), self._values(job, features)[:, None], labels, groups))

    def _values(self, job: Job, features: np.ndarray) -> np.ndarray:
        name, model = self.score.source, SCORES[self.score.source].model
        assert isinstance(model, ScoreModel)  # the planner makes this step for them only
        if model.reads == "head":
            assert model.head is not None
            assert self.head is not None
            return open_head(name, model.head, self.head).scores(features)
        artifact = job.inputs["texts"]
        texts = np.load(artifact.path("features.npy"))
        if model.reads == "pair":
            return pair_probabilities(features, texts)
        scale = float(artifact.manifest.facts["logit_scale"]) if model.scaled else 1.0
        return preference_scores(features, texts[np.load(artifact.path("text.npy"))], scale)


class QuestionScoreSpec(StepSpec):
    """Ask a vision-language model about every image of `dataset`, see `QuestionModel`; the score is P(yes).

    The text is that of `EmbedPromptsSpec`.

    `class_texts`: the text of each class.
    """

    kind: ClassVar[str] = "score-question"
    pace: ClassVar[float] = 1.0
    score: Pinned[str]
    model: Pinned[ScoreSettings]
    class_texts: tuple[str, ...]
    own_prompts: bool = True
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.encoders.question_models import open_question_model
        from prettyuseful.encoders.questions import Question

        self.numerics.apply()
        score = SCORES[self.score.source]
        asked = score.model
        assert isinstance(asked, QuestionModel)  # the planner makes this step for them only
        model, count = open_question_model(self.model, self.numerics), job.inputs["dataset"].manifest.facts["images"]
        answers, labels, groups = [], [], []
        rows = job.track_progress(read_rows(job, "dataset"), count)
        while part := list(islice(rows, model.at_once)):
            texts = [(row.prompt if self.own_prompts else None) or self.class_texts[row.label] for row in part]
            questions = [
                Question(decode(row.data, row.path), asked.question.format(text=text), row.path)
                for row, text in zip(part, texts, strict=True)
            ]
            answers += model.answers(questions, asked.short_side)
            labels += [row.label for row in part]
            groups += [row.group for row in part]
        values = np.array([[answer.yes] for answer in answers])
        table = ScoreTable((score.name,), values, np.array(labels, np.int64), np.array(groups, str))
        valid = float(np.mean([answer.valid for answer in answers]))
        return {**save_scores(job, table), "answers_yes_or_no": valid}

    @property
    def rate_class(self) -> str:
        return f"{self.kind} {self.model.source.model}"

    @property
    def assumed_pace(self) -> float | None:
        return None


class AgreementSpec(StepSpec):
    """Compute the probability that a classifier gives to the class of every image of `dataset`, from its `features`.

    The features are those before the last layer of the classifier. The artifact also has the share of images whose most
    likely class is their own.

    `indices`: for each class of the task, the classes of the classifier that it stands for.
    """

    kind: ClassVar[str] = "score-agreement"
    pace: ClassVar[float] = 0.00005
    score: Pinned[str]
    classifier: Pinned[EncoderSource]
    indices: tuple[tuple[int, ...], ...]

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.encoders.last_layer import read_last_layer

        features, labels, groups = (
            np.load(job.inputs["features"].path(f"{name}.npy")) for name in ("features", "labels", "groups")
        )
        logits = read_last_layer(self.classifier).logits(features)
        own = np.zeros(logits.shape, bool)
        for label, indices in enumerate(self.indices):
            own[np.ix_(labels == label, indices)] = True
        values = (softmax(logits, axis=1) * own).sum(axis=1)
        table = ScoreTable((self.score.source,), values[:, None], labels, groups)
        recognised = own[np.arange(len(own)), logits.argmax(axis=1)]
        return {**save_scores(job, table), "recognised": float(recognised.mean())}
