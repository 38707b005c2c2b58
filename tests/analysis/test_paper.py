from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import prettyuseful
from prettyuseful.analysis.paper import PaperResult, PaperTrend, paper_trends
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.trend import LeftOut
from prettyuseful.generators.models import MODELS

FEW_STEPS = {"sdxl-turbo", "flux.1-schnell", "sd3.5-large-turbo"}


@pytest.fixture(scope="module")
def paper() -> PaperResult:
    return paper_trends()


def of(paper: PaperResult, outcome: str, prompts: str | None, against: str, post_hoc: bool = False) -> PaperTrend:
    (found,) = (
        one
        for one in paper.trends
        if (one.outcome, one.prompts, one.against, one.post_hoc) == (outcome, prompts, against, post_hoc)
    )
    return found


def without(found: PaperTrend, model: str) -> LeftOut:
    return next(point for point in found.trend.left_out if found.left_out(point) == model)


def test_the_trend_of_all_thirteen_is_not_significant(paper: PaperResult) -> None:
    found = of(paper, "synth_to_real", "class-name", "release")
    assert len(found.models) == found.trend.n == 13
    assert found.trend.rho == pytest.approx(-0.483, abs=0.0005)
    assert found.trend.p == pytest.approx(0.10, abs=0.01)
    assert found.trend.family_p == pytest.approx(0.12, abs=0.01)
    assert found.trend.slope_interval is not None
    assert found.trend.slope_interval[0] < 0 < found.trend.slope_interval[1]


def test_the_subset_without_few_step_models_is_post_hoc_and_hangs_on_its_ends(paper: PaperResult) -> None:
    found = of(paper, "synth_to_real", "class-name", "release", post_hoc=True)
    assert set(of(paper, "synth_to_real", "class-name", "release").models) - set(found.models) == FEW_STEPS
    assert found.trend.rho == pytest.approx(-0.681, abs=0.0005)
    assert found.trend.p == pytest.approx(0.03, abs=0.01)
    for model in ("sd-1.5", "qwen-image"):
        assert without(found, model).p == pytest.approx(0.12, abs=0.01)
    assert found.holm_p is None


def test_every_published_outcome_is_there(paper: PaperResult) -> None:
    over_all = {(one.outcome, one.prompts, one.against): one.trend.n for one in paper.trends if not one.post_hoc}
    accuracies = ("synth_to_real", "real_to_synth")
    assert over_all == (
        {(outcome, "class-name", "release"): 13 for outcome in accuracies}
        | {(outcome, "caption", "release"): 4 for outcome in accuracies}
        | {(outcome, "class-name", "release"): 9 for outcome in ("density", "coverage")}
        | {(outcome, "caption", "release"): 6 for outcome in ("density", "coverage")}
        | {(outcome, "class-name", "geneval"): 8 for outcome in accuracies}
        | {("geneval", None, "release"): 8}
    )
    subsets = {(one.outcome, one.prompts): one.trend.n for one in paper.trends if one.post_hoc}
    assert subsets == {
        **{(outcome, "class-name"): 10 for outcome in accuracies},
        **{(outcome, "class-name"): 7 for outcome in ("density", "coverage")},
        **{(outcome, "caption"): 4 for outcome in ("density", "coverage")},
    }
    assert {one.architecture for one in paper.trends if one.outcome in accuracies} == {"resnet50"}


def test_geneval_rises_with_release_without_exception(paper: PaperResult) -> None:
    """So that among these eight models the two cannot be told apart."""
    assert of(paper, "geneval", None, "release").trend.rho == pytest.approx(1)
    found = of(paper, "synth_to_real", "class-name", "geneval")
    assert found.trend.rho == pytest.approx(-2 / 3, abs=0.001)
    assert found.trend.p > 0.05


def test_four_points_are_said_to_be_too_few(paper: PaperResult) -> None:
    found = of(paper, "synth_to_real", "caption", "release")
    assert not found.testable
    assert found.holm_p is None
    (line,) = (line for line in paper.lines() if line.startswith("Synth->Real  caption"))
    assert "0.333*" in line


def test_holm_is_over_all_that_can_be_tested_and_were_not_chosen_afterwards(paper: PaperResult) -> None:
    together = [one for one in paper.trends if one.testable and not one.post_hoc]
    assert [one.holm_p for one in together] == pytest.approx(holm([one.trend.p for one in together]))
    assert all(one.holm_p is None for one in paper.trends if one not in together)


def test_reads_as_a_table_with_its_caveats(paper: PaperResult) -> None:
    text = "\n".join(paper.lines())
    assert "nothing measured here" in text
    assert text.count("post hoc") == 6 + 1
    assert "-0.483" in text
    assert "0.126 (sd-1.5)" in text
    assert "no test of a plan" in text
    assert "One run per point" in text


def test_is_plain_json(paper: PaperResult) -> None:
    found = json.loads(json.dumps(paper.as_json(), allow_nan=False))
    assert (found["schema_version"], found["published"]) == (1, True)
    first = found["trends"][0]
    assert first["trend"]["rho"] == pytest.approx(-0.483, abs=0.0005)
    assert [out["model"] for out in first["trend"]["left_out"]] == first["models"]
    assert first["testable"] is True
    assert len(found["trends"]) == len(paper.trends)


def test_geneval_is_packaged_under_the_ids_of_studies() -> None:
    path = Path(prettyuseful.__file__).parent / "analysis" / "published" / "geneval.csv"
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# GenEval overall score")
    scores = {row["model"]: float(row["geneval"]) for row in csv.DictReader(lines[1:])}
    assert scores.keys() <= MODELS.keys()
    assert (len(scores), scores["sd-1.5"], scores["qwen-image"]) == (8, 0.43, 0.87)
