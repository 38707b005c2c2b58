"""A model is checked by a few images of the bundled family."""

from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.check_model import check_model
from prettyuseful.generators.choice import GeneratorChoice, Lora
from prettyuseful.numerics import Numerics

CHECKS = [
    "the model can be loaded",
    "an image shows something",
    "the same request gives the same image",
    "different seeds give different images",
    "images depend on their real images",
]


@pytest.mark.parametrize("condition", [False, True])
def test_a_bundled_model_passes(condition: bool) -> None:
    results = check_model(GeneratorChoice(model="pocket-turbo"), Numerics(), condition)
    assert [result.what for result in results] == (CHECKS if condition else CHECKS[:-1])
    assert {result.problem for result in results} == {None}


def test_a_wrong_adapter_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.safetensors").write_bytes(b"nonsense" * 8)
    choice = GeneratorChoice(model="pocket-turbo", lora=Lora(path=str(tmp_path / "wrong.safetensors")))
    with pytest.raises(DataError, match=r"wrong\.safetensors: not a safetensors file"):
        check_model(choice, Numerics())
