"""Steps of learned scores: the texts of the images of a data set, and one score per image from CLIP features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from prettyuseful.encoders.hub import Clip

import numpy as np

from prettyuseful.aesthetics.models import QuestionModel, ScoreModel
from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.images import decode
from prettyuseful.encoders.scoring import open_head
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
    model: Pinned[str]
    class_texts: tuple[str, ...]
    own_prompts: bool = True
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.encoders.visual_questions import open_question_model

        self.numerics.apply()
        score = SCORES[self.score.source]
        asked = score.model
        assert isinstance(asked, QuestionModel)  # the planner makes this step for them only
        model, count = open_question_model(self.model, self.numerics), job.inputs["dataset"].manifest.facts["images"]
        answers, labels, groups = [], [], []
        for row in job.track_progress(read_rows(job, "dataset"), count):
            text = (row.prompt if self.own_prompts else None) or self.class_texts[row.label]
            question = asked.question.format(text=text)
            answers.append(model.answer(decode(row.data, row.path), row.path, question, asked.short_side))
            labels.append(row.label)
            groups.append(row.group)
        values = np.array([[answer.yes] for answer in answers])
        table = ScoreTable((score.name,), values, np.array(labels, np.int64), np.array(groups, str))
        valid = float(np.mean([answer.valid for answer in answers]))
        return {**save_scores(job, table), "answers_yes_or_no": valid}

    @property
    def rate_class(self) -> str:
        return f"{self.kind} {self.model.source}"

    @property
    def assumed_pace(self) -> float | None:
        return None
