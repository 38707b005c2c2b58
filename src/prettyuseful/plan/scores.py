"""Plan the steps that score single images."""

from __future__ import annotations

from prettyuseful.plan.planned import PlanContext
from prettyuseful.steps.scores import score_specs


class ScorePlanner:
    """Plans the scores of data sets; every data set is scored once, whatever reads the scores."""

    def __init__(self, context: PlanContext) -> None:
        self.context = context

    def key(self, dataset: str, score: str, title: str) -> str:
        """Return the key of the step that computes a score of the images of the step `dataset`; `title`: their name.

        A composite is read from the step that computes its parts.

        Raises:
            UserError: unknown score.
        """
        graph = self.context.graph
        [spec] = score_specs([score], self.context.study.numerics.threads)
        return graph.add(spec, {"dataset": dataset}, f"score {title}", graph.units(dataset))
