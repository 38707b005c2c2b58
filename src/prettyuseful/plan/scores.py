"""Plan the steps that score single images."""

from __future__ import annotations

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.plan.features import FeaturePlanner
from prettyuseful.plan.learned_scores import LearnedScorePlanner
from prettyuseful.plan.planned import PlanContext
from prettyuseful.steps.scores import score_specs


class ScorePlanner:
    """Plans the scores of data sets; every data set is scored once, whatever reads the scores.

    `features`: plans the features of published encoders, which learned scores read.
    """

    def __init__(self, context: PlanContext, features: FeaturePlanner | None = None) -> None:
        self.context = context
        self.learned = LearnedScorePlanner(context, features or FeaturePlanner(context))

    def key(self, dataset: str, score: str, title: str) -> str:
        """Return the key of the step that computes a score of the images of the step `dataset`; `title`: their name.

        A composite is read from the step that computes its parts.

        Raises:
            UserError: unknown score, or a learned score whose weights are missing.
        """
        if SCORES[score].model is not None:
            return self.learned.key(score, dataset, title)
        graph = self.context.graph
        [spec] = score_specs([score], self.context.study.numerics.threads)
        return graph.add(spec, {"dataset": dataset}, f"score {title}", graph.units(dataset))
