"""Plan the steps of learned scores: CLIP features of the images, those of texts, and one number per image from both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prettyuseful.aesthetics.models import QuestionModel
from prettyuseful.aesthetics.rows import SCORES, pin_score
from prettyuseful.encoders.scoring import ScoreWeights, pin_head, pin_question_model, score_encoder
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import prefix_location
from prettyuseful.plan.features import FeaturePlanner
from prettyuseful.plan.planned import PlanContext
from prettyuseful.steps.embed import EmbedTextSpec
from prettyuseful.steps.learned_scores import EmbedPromptsSpec, LearnedScoreSpec, QuestionScoreSpec

_CLASS_TEXT = "a photo of a {}"


def class_texts(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the text of each class, with which CLIPScore and learned scores compare images."""
    return tuple(_CLASS_TEXT.format(name) for name in classes)


@dataclass
class LearnedScorePlanner:
    """Plans learned scores of data sets. Features are those of the metrics: a data set is embedded once by each model.

    `features`: plans the features of published encoders.
    """

    context: PlanContext
    features: FeaturePlanner

    def key(self, name: str, dataset: str, title: str) -> str:
        """Return the key of the step that computes the learned score `name` of the images of the step `dataset`.

        The artifact is one of scores, see `steps.scores.read_scores`. `title` is the name of the images.

        Raises:
            UserError: weights of the study are missing or cannot be read, or the hub does not have them.
        """
        model = SCORES[name].model
        assert model is not None
        given = self.context.study.score_weights.get(name, ScoreWeights())
        with prefix_location(f"score_weights.{name}"):
            if isinstance(model, QuestionModel):
                return self._questions(name, pin_question_model(name, given), dataset, title)
            encoder, head = score_encoder(model, given), pin_head(name, model, given)
            features = self.features.key(dataset, encoder, title)
        inputs = {"dataset": dataset, "features": features}
        if model.pair is not None:
            inputs["texts"] = self._pair(encoder, model.pair)
        elif model.reads == "prompt":
            inputs["texts"] = self._prompts(encoder, dataset, title)
        graph = self.context.graph
        spec = LearnedScoreSpec(score=pin_score(name), head=head)
        return graph.add(spec, inputs, f"score {title} by {name}", graph.units(dataset))

    def _questions(self, name: str, model: Pinned[str], dataset: str, title: str) -> str:
        graph, numerics = self.context.graph, self.context.study.numerics.step_numerics()
        texts = class_texts(self.context.task.classes)
        spec = QuestionScoreSpec(score=pin_score(name), model=model, class_texts=texts, numerics=numerics)
        return graph.add(spec, {"dataset": dataset}, f"score {title} by {name}", graph.units(dataset))

    def _pair(self, encoder: EncoderSource, pair: tuple[str, str]) -> str:
        numerics = self.context.study.numerics.step_numerics()
        spec = EmbedTextSpec(encoder=self.features.pinned(encoder), texts=pair, numerics=numerics)
        return self.context.graph.add(spec, {}, f"embed a pair of texts by {encoder.label}", len(pair))

    def _prompts(self, encoder: EncoderSource, dataset: str, title: str) -> str:
        spec = EmbedPromptsSpec(
            encoder=self.features.pinned(encoder),
            class_texts=class_texts(self.context.task.classes),
            numerics=self.context.study.numerics.step_numerics(),
        )
        graph = self.context.graph
        inputs = {"dataset": dataset}
        return graph.add(spec, inputs, f"embed the texts of {title} by {encoder.label}", graph.units(dataset))
