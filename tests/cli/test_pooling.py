"""The command pool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.analysis.pooled_records import write_study
from tests.cli.commands import call_here, one_error


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """A folder with four studies; the last one has another name for a data set."""
    for number, name in enumerate("abc"):
        write_study(tmp_path / name, number)
    write_study(tmp_path / "d", 3, rates={"real": 0.8, "mine": 0.6})
    return tmp_path


def test_pool_prints_a_table_notes_and_the_answer(studies: Path) -> None:
    result = call_here("pool", "a", "b/records", "c", cwd=studies)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert sum("all studies" in line and "points" in line for line in lines) == 3
    assert sum("a new study" in line for line in lines) == 3
    assert sum("heterogeneity" in line and "tau" in line for line in lines) == 3
    assert any("b/records" in line for line in lines)
    assert lines[-1].startswith("Over 3 studies, ")


def test_an_upper_end_that_is_not_known_is_a_question_mark(studies: Path) -> None:
    write_study(studies / "equal", 0)  # the same results as those of a, on other images
    text = call_here("pool", "a", "equal", cwd=studies).stdout
    assert text.count("tau 0.0 points [0.0, ?], I2 0%") == 3
    assert "so tau has no upper end" in text
    document = json.loads(call_here("pool", "a", "equal", "--json", cwd=studies).stdout)
    assert document["differences"][0]["overall"]["tau"] == {"mean": 0.0, "low": 0.0, "high": None}


def test_pool_prints_one_json_document(studies: Path) -> None:
    document = json.loads(call_here("pool", "a", "b", "d", "--as", "mine=base", "--json", cwd=studies).stdout)
    assert [study["study"] for study in document["studies"]] == ["a", "b", "d"]
    numbers = {f"{one['a']} - {one['b']}": len(one["studies"]) for one in document["differences"]}
    assert numbers == {"base - real": 3, "other - real": 2, "base - other": 2}


def test_mistakes_are_reported_on_one_line(studies: Path) -> None:
    assert "a and a are the same study" in one_error(call_here("pool", "a", "a", cwd=studies))
    assert "at least two studies" in one_error(call_here("pool", "a", cwd=studies))
    assert "no study.json in none" in one_error(call_here("pool", "a", "none", cwd=studies))
    assert "match names with --as" in one_error(call_here("pool", "a", "d", cwd=studies))
    assert "invalid --as 'mine'" in one_error(call_here("pool", "a", "d", "--as", "mine", cwd=studies))
    assert "did you mean 'mine'" in one_error(call_here("pool", "a", "d", "--as", "min=base", cwd=studies))


def test_missing_runs_exit_with_code_1(studies: Path) -> None:
    next((studies / "b" / "records").glob("run@base@*@2.json")).unlink()
    result = call_here("pool", "a", "b", cwd=studies)
    assert result.returncode == 1
    assert "missing: b: small on base, seed 2: its record is missing" in result.stderr
    assert "Over 2 studies" in result.stdout
