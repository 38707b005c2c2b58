from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prettyuseful.cards import CARDS, find_card
from prettyuseful.gpu_check.card import RATE
from prettyuseful.gpu_check.check import PARTS, SECONDS, Result, run_check, to_json
from prettyuseful.gpu_check.context import Context, Part
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.lines import Line
from prettyuseful.gpu_check.sampling import SHARE


def good(_: Context) -> Iterator[Line]:
    yield Line("speed", 1234.5, "images/s", "at least", 1000)


def broken(_: Context) -> Iterator[Line]:
    yield Line("before", 1, "s")
    raise RuntimeError("out | of luck")


def run(*parts: Part, seconds: float = 60) -> tuple[Result, list[int]]:
    counts: list[int] = []
    context = Context(Device("cpu"), tiny=True)
    return run_check(context, parts, lambda result: counts.append(len(result.lines)), seconds), counts


def test_the_parts_fit_into_twelve_minutes() -> None:
    assert SECONDS <= 720
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_a_part_that_raises_is_a_wrong_line_and_the_others_are_run() -> None:
    result, counts = run(Part("a", "the broken part", 1, broken), Part("b", "the good part", 1, good))
    assert counts == [1, 2, 3]
    assert [line.part for line in result.lines] == ["a", "a", "b"]
    assert [line.seen for line in result.wrong] == ["RuntimeError: out | of luck"]
    written = json.loads(to_json(result))
    assert [line["ok"] for line in written["lines"]] == [None, False, True]
    table = result.as_markdown()
    assert "| speed | at least 1,000 images/s | 1,234 images/s | ok |" in table
    assert "| the broken part | no error | RuntimeError: out \\| of luck | **wrong** |" in table


def test_a_part_without_time_is_left_out() -> None:
    def slow(_: Context) -> Iterator[Line]:
        time.sleep(0.05)
        yield Line("slow", 1)

    result, _ = run(Part("a", "slow", 1, slow), Part("b", "late", 1, good), seconds=0.02)
    assert result.lines[1].note == "not measured: out of time"
    assert result.wrong == []


def test_plan_reads_the_card_of_a_result(tmp_path: Path) -> None:
    lines = [Line("product", 600.0, RATE), Line(f"sd: {SHARE}", 30.0, "%"), Line(f"sdxl: {SHARE}", 50.0, "%")]
    known = CARDS["h100"]
    (tmp_path / "gpu-check.json").write_text(to_json(Result("NVIDIA H100", 80 * 10**9, known, lines)))
    card = find_card(str(tmp_path / "gpu-check.json"))
    assert (card.checked, card.tensor, card.generator_share) == (True, 600e12, 0.4)
    assert card.classifier_share * card.tensor == pytest.approx(known.classifier_share * known.tensor)
    assert Result("NVIDIA H100", 80 * 10**9, known, lines[:1]).card() is None
    assert Result("a CPU", None, lines=lines).card() is None
