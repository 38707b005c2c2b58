"""GPUs by name, by the driver and by the results of a check."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.cards import CARDS, DEFAULT_CARD, LAUNCH_SECONDS, Work, find_card, local_card, number_format
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics


def test_computing_or_launching_takes_the_time() -> None:
    card = CARDS["a100"].model_copy(update={"generator_share": 0.5, "classifier_share": 0.25})
    work = Work("generator", 10, {"16-bit": 312e12, "float32": 19.5e12})
    assert card.seconds(work) == pytest.approx(4)
    assert card.seconds(Work("classifier", 10, work.flops)) == pytest.approx(8)
    assert card.seconds(work.times(3)) == pytest.approx(12)
    assert card.seconds(Work("generator", 1e9, work.flops)) == pytest.approx(1e9 * LAUNCH_SECONDS)
    both = work.plus(Work("generator", 5, {"tf32": 156e12, "16-bit": 312e12}))
    assert both.launches == 15
    assert card.seconds(both) == pytest.approx(8)


def test_the_format_of_float32_depends_on_the_numerics() -> None:
    tf32 = Numerics(device="cuda", float32_precision="tf32")
    assert [number_format(dtype, Numerics()) for dtype in ("float16", "bfloat16", "float32")] == [
        "16-bit",
        "16-bit",
        "float32",
    ]
    assert number_format("float32", tf32) == "tf32"


def test_an_unknown_card_is_answered_with_the_known_ones() -> None:
    assert find_card("h100") is CARDS["h100"]
    with pytest.raises(
        UnknownNameError, match=r"^unknown card 'h10'; did you mean 'h100'\?; known: a100, .*JSON file$"
    ):
        find_card("h10")


CHECK = {"name": "mine", "title": "My card", "memory": 10**10, "tensor": 1e14, "tf32": 5e13, "float32": 1e13}


def test_a_check_replaces_the_assumed_shares(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    shares = {"generator_share": 0.5, "classifier_share": 0.2, "checked": True}
    path.write_text(json.dumps({"card": CHECK | shares, "lines": []}), "utf-8")
    card = find_card(str(path))
    assert (card.memory, card.checked, card.generator_share) == (10**10, True, 0.5)
    assert "for My card: counted operations at 50% of its rate for generators and 20%" in card.assumptions
    assert "(checked; its rate is 100 TFLOP/s in 16 bits)" in card.assumptions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot read the card"),
        ("[]", "card: input should be a valid dictionary"),
        ("{}", "it has no field card"),
        (json.dumps({"card": CHECK | {"generator_share": 2}}), "card.generator_share: input should be less than"),
        (json.dumps({"card": CHECK | {"title": "\x1b[2J"}}), "card.title: string should match pattern"),
        (json.dumps({"card": CHECK | {"tensor": 0}}), "card.tensor: input should be greater than 0"),
    ],
)
def test_a_file_that_is_no_card_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "check.json"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError) as caught:
        find_card(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cannot read the card"):
        find_card(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("answer", "memory", "tensor"),
    [
        ("81559, NVIDIA H100 80GB HBM3\n24564, NVIDIA L4\n", 24564 << 20, CARDS["l4"].tensor),
        ("46068, NVIDIA L40S\n", 46068 << 20, CARDS["l40s"].tensor),
        ("16384, Some Card 9\n", 16384 << 20, DEFAULT_CARD.tensor),
        ("", None, 0),
        ("[N/A]\n", None, 0),
    ],
)
def test_the_gpu_with_the_least_memory_counts(
    monkeypatch: pytest.MonkeyPatch, answer: str, memory: int | None, tensor: float
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer))
    card = local_card()
    assert (card and card.memory) == memory
    assert card is None or (card.words, card.tensor) == ("this GPU", tensor)
    assert card is None or ("with the rates of NVIDIA A100" in card.title) == ("Some" in answer)


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(subprocess, "run", run)
    assert local_card() is None
