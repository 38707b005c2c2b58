from __future__ import annotations

from collections.abc import Callable

from prettyuseful.aesthetics.rows import offline_scores
from prettyuseful.plan.study import make_plan
from prettyuseful.steps.scores import ScoreSpec
from prettyuseful.study.reading import parse_study


def test_all_scores_of_a_data_set_are_one_step_with_the_threads_of_the_study(study_text: Callable[..., str]) -> None:
    plan = make_plan(parse_study(study_text(more="metrics: [prettiness, plainness]\n")))
    specs = [step.spec for step in plan.steps.values() if isinstance(step.spec, ScoreSpec)]
    assert {tuple(pinned.source for pinned in spec.scores) for spec in specs} == {offline_scores()}
    assert {spec.threads for spec in specs} == {1}
