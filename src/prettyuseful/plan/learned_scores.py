"""Plan the steps of learned scores: CLIP features of the images, those of texts, and one number per image from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prettyuseful.aesthetics.models import ClassifierModel, QuestionModel
from prettyuseful.aesthetics.rows import SCORES, pin_score
from prettyuseful.encoders.scoring import (
    ScoreSettings,
    agreement_classifier,
    check_settings,
    model_words,
    pin_head,
    pin_question_model,
    score_encoder,
)
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.errors import DataError, prefix_location
from prettyuseful.plan.features import FeaturePlanner, class_texts
from prettyuseful.plan.planned import PlanContext
from prettyuseful.steps.embed import EmbedTextSpec
from prettyuseful.steps.learned_scores import AgreementSpec, EmbedPromptsSpec, LearnedScoreSpec, QuestionScoreSpec
from prettyuseful.tasks.imagenet import imagenet_indices


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
        given = self._given(name)
        with prefix_location(f"score_models.{name}"):
            if isinstance(model, QuestionModel):
                return self._questions(name, given, dataset, title)
            if isinstance(model, ClassifierModel):
                return self._agreement(name, model, given, dataset, title)
            encoder, head = score_encoder(model, given), pin_head(name, model, given)
            features = self.features.key(dataset, encoder, title)
        inputs = {"dataset": dataset, "features": features}
        if model.pair is not None:
            inputs["texts"] = self._pair(encoder, model.pair)
        elif model.reads == "prompt":
            inputs["texts"] = self._prompts(name, encoder, given, dataset, title)
        graph = self.context.graph
        spec = LearnedScoreSpec(score=pin_score(name), head=head)
        return graph.add(spec, inputs, f"score {title} by {name}", graph.units(dataset))

    def words(self, name: str) -> str | None:
        """Return the model of a score in words, without paths; None for a score that has none."""
        model = SCORES[name].model
        return None if model is None else f"{name} by {model_words(model, self._given(name))}"

    def _given(self, name: str) -> ScoreSettings:
        return self.context.study.score_models.get(name, ScoreSettings())

    def _questions(self, name: str, given: ScoreSettings, dataset: str, title: str) -> str:
        graph = self.context.graph
        spec = QuestionScoreSpec(
            score=pin_score(name), model=pin_question_model(name, given), **self._texts(name, given)
        )
        return graph.add(spec, {"dataset": dataset}, f"score {title} by {name}", graph.units(dataset))

    def _agreement(self, name: str, model: ClassifierModel, given: ScoreSettings, dataset: str, title: str) -> str:
        check_settings(name, ("model", "weights"), given)
        encoder, graph = agreement_classifier(model, given), self.context.graph
        encoder.check_name()
        if not encoder.is_timm:
            raise DataError(
                f"{name} needs an ImageNet classifier, and {encoder.label} is none; set model to a timm id or "
                f"{model.classifier}"
            )
        spec = AgreementSpec(
            score=pin_score(name),
            classifier=self.features.pinned(encoder),
            indices=imagenet_indices(self.context.task.classes, name),
        )
        inputs = {"dataset": dataset, "features": self.features.key(dataset, encoder, title)}
        return graph.add(spec, inputs, f"score {title} by {name}", graph.units(dataset))

    def _pair(self, encoder: EncoderSource, pair: tuple[str, str]) -> str:
        numerics = self.context.study.numerics.step_numerics()
        spec = EmbedTextSpec(encoder=self.features.pinned(encoder), texts=pair, numerics=numerics)
        return self.context.graph.add(spec, {}, f"embed a pair of texts by {encoder.label}", len(pair))

    def _prompts(self, name: str, encoder: EncoderSource, given: ScoreSettings, dataset: str, title: str) -> str:
        spec = EmbedPromptsSpec(encoder=self.features.pinned(encoder), **self._texts(name, given))
        graph = self.context.graph
        inputs = {"dataset": dataset}
        return graph.add(spec, inputs, f"embed the texts of {title} by {encoder.label}", graph.units(dataset))

    def _texts(self, name: str, given: ScoreSettings) -> dict[str, Any]:
        """Return the fields of steps that choose the texts of images; a note tells readers how."""
        own = given.text == "prompt"
        if own:
            self.context.notes.append(
                f"{name} compares an image with its own prompt where its data set records one, and with “a photo of a "
                f"(class)” otherwise, as real images. With score_models: {{{name}: {{text: class}}}} all images are "
                "compared with the latter, so that no difference comes from the texts."
            )
        return {
            "class_texts": class_texts(self.context.task.classes),
            "own_prompts": own,
            "numerics": self.context.study.numerics.step_numerics(),
        }
