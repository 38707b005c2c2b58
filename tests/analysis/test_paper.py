from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import prettyuseful
from prettyuseful.analysis.paper import PaperResult, PaperTrend, paper_trends
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.trend import LeftOut
from prettyuseful.generators.model_rows import MODELS

FEW_STEPS = {"sdxl-turbo", "flux.1-schnell", "sd3.5-large-turbo"}


@pytest.fixture(scope="module")
def paper() -> PaperResult:
    return paper_trends()


def find_trend(
    paper: PaperResult, outcome: str, prompts: str | None, against: str, post_hoc: bool = False
) -> PaperTrend:
    (trend,) = (
        trend
        for trend in paper.trends
        if (trend.outcome, trend.prompts, trend.against, trend.post_hoc) == (outcome, prompts, against, post_hoc)
    )
    return trend


def leave_out(trend: PaperTrend, model: str) -> LeftOut:
    return next(point for point in trend.trend.left_out if trend.left_out(point) == model)


def test_the_trend_over_all_thirteen_models_is_not_significant(paper: PaperResult) -> None:
    trend = find_trend(paper, "synth_to_real", "class-name", "release")
    assert len(trend.models) == trend.trend.n == 13
    assert trend.trend.rho == pytest.approx(-0.483, abs=0.0005)
    assert trend.trend.p == pytest.approx(0.10, abs=0.01)
    assert trend.trend.family_p == pytest.approx(0.12, abs=0.01)
    assert trend.trend.slope_interval is not None
    assert trend.trend.slope_interval[0] < 0 < trend.trend.slope_interval[1]


def test_the_subset_without_few_step_models_is_post_hoc_and_depends_on_single_models(paper: PaperResult) -> None:
    trend = find_trend(paper, "synth_to_real", "class-name", "release", post_hoc=True)
    assert set(find_trend(paper, "synth_to_real", "class-name", "release").models) - set(trend.models) == FEW_STEPS
    assert trend.trend.rho == pytest.approx(-0.681, abs=0.0005)
    assert trend.trend.p == pytest.approx(0.03, abs=0.01)
    for model in ("sd-1.5", "qwen-image"):
        assert leave_out(trend, model).p == pytest.approx(0.12, abs=0.01)
    assert trend.holm_p is None


def test_every_published_outcome_has_a_trend(paper: PaperResult) -> None:
    all_models = {
        (trend.outcome, trend.prompts, trend.against): trend.trend.n for trend in paper.trends if not trend.post_hoc
    }
    accuracies = ("synth_to_real", "real_to_synth")
    assert all_models == (
        {(outcome, "class-name", "release"): 13 for outcome in accuracies}
        | {(outcome, "caption", "release"): 4 for outcome in accuracies}
        | {(outcome, "class-name", "release"): 9 for outcome in ("density", "coverage")}
        | {(outcome, "caption", "release"): 6 for outcome in ("density", "coverage")}
        | {(outcome, "class-name", "geneval"): 8 for outcome in accuracies}
        | {("geneval", None, "release"): 8}
    )
    subsets = {(trend.outcome, trend.prompts): trend.trend.n for trend in paper.trends if trend.post_hoc}
    assert subsets == {
        **{(outcome, "class-name"): 10 for outcome in accuracies},
        **{(outcome, "class-name"): 7 for outcome in ("density", "coverage")},
        **{(outcome, "caption"): 4 for outcome in ("density", "coverage")},
    }
    assert {one.architecture for one in paper.trends if one.outcome in accuracies} == {"resnet50"}


def test_geneval_increases_strictly_with_the_release_date(paper: PaperResult) -> None:
    """Among these eight models, the effects of GenEval and of the release date cannot be separated."""
    assert find_trend(paper, "geneval", None, "release").trend.rho == pytest.approx(1)
    trend = find_trend(paper, "synth_to_real", "class-name", "geneval")
    assert trend.trend.rho == pytest.approx(-2 / 3, abs=0.001)
    assert trend.trend.p > 0.05


def test_trends_of_four_points_are_marked_as_untestable(paper: PaperResult) -> None:
    trend = find_trend(paper, "synth_to_real", "caption", "release")
    assert not trend.testable
    assert trend.holm_p is None
    (line,) = (line for line in paper.text_lines() if line.startswith("Synth->Real  caption"))
    assert "0.333*" in line


def test_holm_adjusts_all_testable_trends_that_are_not_post_hoc(paper: PaperResult) -> None:
    adjusted = [trend for trend in paper.trends if trend.testable and not trend.post_hoc]
    assert [trend.holm_p for trend in adjusted] == pytest.approx(holm([trend.trend.p for trend in adjusted]))
    assert all(trend.holm_p is None for trend in paper.trends if trend not in adjusted)


def test_the_text_is_a_table_with_notes(paper: PaperResult) -> None:
    text = "\n".join(paper.text_lines())
    assert "nothing was measured here" in text
    assert text.count("post hoc") == 6 + 1
    assert "-0.483" in text
    assert "0.126 (sd-1.5)" in text
    assert "not a pre-registered test" in text
    assert "Every point is a single run" in text


def test_as_json_is_valid_json(paper: PaperResult) -> None:
    document = json.loads(json.dumps(paper.as_json(), allow_nan=False))
    assert (document["schema_version"], document["published"]) == (1, True)
    first = document["trends"][0]
    assert first["trend"]["rho"] == pytest.approx(-0.483, abs=0.0005)
    assert [out["model"] for out in first["trend"]["left_out"]] == first["models"]
    assert first["testable"] is True
    assert len(document["trends"]) == len(paper.trends)


def test_published_geneval_scores_use_generator_ids() -> None:
    path = Path(prettyuseful.__file__).parent / "analysis" / "published" / "geneval.csv"
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# GenEval overall score")
    scores = {row["model"]: float(row["geneval"]) for row in csv.DictReader(lines[1:])}
    assert scores.keys() <= MODELS.keys()
    assert (len(scores), scores["sd-1.5"], scores["qwen-image"]) == (8, 0.43, 0.87)
