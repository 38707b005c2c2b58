from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from prettyuseful.gpu_check.__main__ import main


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny", "--parts", "card", "nothing"]) == 2
    assert "unknown part 'nothing'; parts: card" in capsys.readouterr().err


def test_results_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny", "--json", "--parts", "card", "neighbours", "--out", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "gpu-check.json").read_text())
    assert {line["part"] for line in printed["lines"]} == {"card", "neighbours"}
    assert "| ok |" in (tmp_path / "gpu-check.md").read_text()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["--tiny", "--parts", "card", "--out", str(tmp_path / "file")]) == 2
    assert "it is no folder" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_check_with_tiny_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny"]) == 0
    assert "wrong" not in capsys.readouterr().out
