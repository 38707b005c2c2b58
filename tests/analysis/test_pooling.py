from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.analysis.pooled_records import RATES, write_study

from prettyuseful.analysis.meta_analysis import random_effects
from prettyuseful.analysis.pooling import PooledStudies, pool_studies
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.replications import questions, read_studies
from prettyuseful.errors import DataError
from prettyuseful.formatting import finite

UNEQUAL = {"real": 0.8, "base": 0.6, "other": 0.6}
EQUAL = {"real": 0.6, "base": 0.6, "other": 0.6}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five studies with images and seeds of their own, in which synthetic images are worth less than real ones."""
    root = tmp_path_factory.mktemp("studies")
    return [write_study(root / f"lab-{number}", number, rates=UNEQUAL) for number in range(5)]


@pytest.fixture(scope="module")
def pooled(folders: list[Path]) -> PooledStudies:
    return pool_studies(folders)


def test_each_difference_is_pooled_from_the_estimates_of_all_studies(
    folders: list[Path], pooled: PooledStudies
) -> None:
    assert [one.name for one in pooled.differences] == ["base - real", "other - real", "base - other"]
    for one, question in zip(pooled.differences, questions(read_studies(folders, {})), strict=True):
        assert [study.study for study in one.studies] == [str(folder) for folder in folders]
        expected = random_effects([each.estimate(same_images=False) for each in question.replications])
        assert (one.overall.mean, one.overall.tau, one.overall.prediction) == (
            expected.mean,
            expected.tau,
            expected.prediction,
        )
        assert sum(study.weight for study in one.studies) == pytest.approx(1)
        assert all(study.interval.level == 0.95 for study in one.studies)


def test_the_answer_names_the_clear_differences_only(pooled: PooledStudies) -> None:
    base, other, pair = pooled.differences
    assert base.overall.high < 0
    assert other.overall.high < 0
    assert pair.overall.low < 0 < pair.overall.high
    assert pooled.answer.startswith("Over 5 studies, 2 of 3 pooled differences are clearly above or below zero: ")
    assert "base - other" not in pooled.answer
    assert "base - real, -" in pooled.answer


def test_p_and_intervals_are_corrected_within_each_family(pooled: PooledStudies) -> None:
    base, other, pair = pooled.differences
    assert (base.p, other.p) == holm([base.overall.p, other.overall.p])
    assert {base.overall.level, other.overall.level} == {0.95, 0.975}
    assert (pair.p, pair.overall.level) == (pair.overall.p, 0.95)
    assert all((one.p <= 0.05) == one.overall.excludes_zero for one in pooled.differences)


def test_where_nothing_is_clear_the_answer_says_what_would_have_been_found(tmp_path: Path) -> None:
    result = pool_studies([write_study(tmp_path / str(i), 40 + i, rates=EQUAL) for i in range(3)])
    assert not any(one.overall.excludes_zero for one in result.differences)
    least = min(one.overall.detectable for one in result.differences)
    assert "none of 3 pooled differences is clearly above or below zero" in result.answer
    assert f"a true difference of {100 * least:.1f} points would be found in 80% of cases." in result.answer


def test_two_studies_are_said_to_be_too_few(folders: list[Path], pooled: PooledStudies) -> None:
    result = pool_studies(folders[:2])
    assert all(one.overall.prediction is None for one in result.differences)
    (note,) = (note for note in result.notes if note.startswith("two studies cannot say how much studies differ"))
    assert "no interval for a new study" in note
    assert not any("two studies" in note for note in pooled.notes)
    assert any(note.startswith("intervals for a new study held in 83% to 100%") for note in pooled.notes)


def notes_of(*folders: Path) -> str:
    return "\n".join(pool_studies(folders).notes)


def test_what_studies_have_in_common_is_said(tmp_path: Path) -> None:
    a = write_study(tmp_path / "a", 0, images="x")
    b = write_study(tmp_path / "b", 1, images="x", seeds=(3, 4, 5))
    assert "same test images (groups of the same names and sizes) in all studies of base - real" in notes_of(a, b)
    assert all(one.same_images for one in pool_studies([a, b]).differences)
    c = write_study(tmp_path / "c", 2)
    assert f"{a} and {b} share test images" in notes_of(a, b, c)
    d = write_study(tmp_path / "d", 3, store="c", seeds=(6, 7))
    assert f"{c} and {d} use the same images of base, other" in notes_of(c, d)
    assert "share" not in notes_of(a, c)
    assert "the same" not in notes_of(a, c)


def test_common_classifiers_of_real_images_are_said(tmp_path: Path) -> None:
    """Two studies of one store and task, with generated images of their own."""
    a = write_study(tmp_path / "a", 0, store="s", rates={"real": 0.8, "base": 0.6, "x": 0.5})
    b = write_study(tmp_path / "b", 1, store="s", rates={"real": 0.8, "mine": 0.6, "y": 0.5})
    result = pool_studies([a, b], {"mine": "base"})
    assert [one.name for one in result.differences] == ["base - real"]
    assert f"{a} and {b} have the same classifiers trained on real images" in "\n".join(result.notes)


def test_differences_between_studies_are_said(tmp_path: Path) -> None:
    a = write_study(tmp_path / "a", 0)
    b = write_study(tmp_path / "b", 1, architectures=("small", "large"), rates={**RATES, "third": 0.5})
    text = notes_of(a, b)
    assert f"only equal configurations are pooled: {a} has small/small/rgb; {b} has small/small/rgb, large" in text
    assert "in one study only, so not pooled: third - real (small/small/rgb)" in text
    assert "different classes" not in text
    c = write_study(tmp_path / "c", 1, classes=("cat", "dog"), seeds=(0,))
    assert f"the studies have different classes ({a} 3, {c} 2)" in notes_of(a, c)
    assert f"{c} has one training seed" in notes_of(a, c)


def test_several_configurations_are_pooled_apart(tmp_path: Path) -> None:
    both = ("small", "large")
    result = pool_studies([write_study(tmp_path / name, i, architectures=both) for i, name in enumerate("ab")])
    assert [one.cell[0] for one in result.differences] == ["small"] * 3 + ["large"] * 3
    assert result.title(result.differences[0]) == "base - real (small/small/rgb)"


def test_nothing_to_pool_is_an_error_that_says_why(tmp_path: Path) -> None:
    a = write_study(tmp_path / "a", 0, store="s")
    named = write_study(tmp_path / "b", 1, rates={"real": 0.8, "mine": 0.6})
    with pytest.raises(DataError, match=r"no data set has the same name in two studies: .*a has base, other; .*--as"):
        pool_studies([a, named])
    large = write_study(tmp_path / "c", 1, architectures=("large",))
    with pytest.raises(DataError, match=r"same data sets in the same configuration: .*; .*c has large/small/rgb"):
        pool_studies([a, large])
    repeated = write_study(tmp_path / "d", 1, store="s", seeds=(0, 1))
    with pytest.raises(DataError, match=r"a and .*d have the same trained classifiers"):
        pool_studies([a, repeated])


def test_missing_runs_are_problems_of_their_study(tmp_path: Path) -> None:
    a, b = write_study(tmp_path / "a", 0), write_study(tmp_path / "b", 1)
    next((b / "records").glob("run@base@*@2.json")).unlink()
    assert pool_studies([a, b]).problems == (f"{b}: small on base, seed 2: its record is missing",)


def test_the_json_has_every_number(pooled: PooledStudies) -> None:
    document = json.loads(json.dumps(finite(pooled.as_json()), allow_nan=False))
    assert (document["schema_version"], document["answer"]) == (1, pooled.answer)
    first = document["differences"][0]
    assert {"a", "b", "cell", "family", "p", "same_images", "studies", "overall", "excludes_zero"} == first.keys()
    assert first["studies"][0].keys() == {"study", "weight", "mean", "low", "high", "level", "error"}
    assert first["overall"]["tau"].keys() == {"mean", "low", "high"}
    assert first["overall"]["prediction"]["low"] < first["overall"]["mean"] == pooled.differences[0].overall.mean
