from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.aesthetics.rows import offline_scores
from prettyuseful.errors import DataError
from prettyuseful.plan.study import make_plan
from prettyuseful.steps.scores import ScoreSpec
from prettyuseful.study.reading import parse_study


def test_all_scores_of_a_data_set_are_one_step_with_the_threads_of_the_study(study_text: Callable[..., str]) -> None:
    plan = make_plan(parse_study(study_text(more="metrics: [prettiness, plainness]\n")))
    specs = [step.spec for step in plan.steps.values() if isinstance(step.spec, ScoreSpec)]
    assert {tuple(pinned.source for pinned in spec.scores) for spec in specs} == {offline_scores()}
    assert {spec.threads for spec in specs} == {1}


OWN = """
from prettyuseful.aesthetics import Score
REDDEST = Score(name="reddest", summary="red", function=lambda image: image.pixels[..., 0].max())
AGAIN = REDDEST
TAKEN = Score(name="contrast", summary="red", function=REDDEST.function)
"""


def test_a_score_of_a_user_is_measured_like_the_others(study_text: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    plan = make_plan(parse_study(study_text(more=f"metrics: ['{tmp_path / 'own.py'}:REDDEST', contrast-auc]\n")))
    endings = ("", "-above-median", "-auc", "-spread")
    assert [metric.name for metric in plan.metrics] == [*(f"reddest{ending}" for ending in endings), "contrast-auc"]
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    assert {measure.family for measure in tiny.measures} == {"reddest", "contrast"}
    scored = {step.spec.scores[0].source for step in plan.steps.values() if isinstance(step.spec, ScoreSpec)}
    assert scored == {f"{tmp_path / 'own.py'}:REDDEST", offline_scores()[0]}


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("REDDEST", "AGAIN"), "own:AGAIN has the name 'reddest', which own:REDDEST already has"),
        (("TAKEN",), "own:TAKEN has the name 'contrast', which a built-in metric already has"),
    ],
)
def test_scores_of_a_user_need_names_of_their_own(
    study_text: Callable[..., str], tmp_path: Path, names: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    metrics = ", ".join(f"'{tmp_path / 'own.py'}:{name}'" for name in names)
    with pytest.raises(DataError, match=problem):
        make_plan(parse_study(study_text(more=f"metrics: [{metrics}]\n")))
