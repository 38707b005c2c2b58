from __future__ import annotations

import subprocess
import sys

import pytest

from prettyuseful.encoders.real_trained import RealTrained
from prettyuseful.encoders.table import ENCODERS, REAL_TRAINED, EncoderRow, timm_row
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.registry import import_target


def test_operations_are_known_for_all_encoders_that_are_not_trained_by_the_study() -> None:
    assert all((row.operations is None) == row.is_task_classifier for row in ENCODERS)


def test_every_row_has_a_class_and_its_weights() -> None:
    for row in ENCODERS:
        assert isinstance(import_target(row.make), type)
        assert (row.default_weights is not None) == row.name.startswith(("clip", "dinov2"))
        assert row.encodes_text == row.name.startswith("clip")
    assert [row.name for row in ENCODERS if row.needs_weights] == ["inception"]
    assert [row.name for row in ENCODERS if row.is_task_classifier] == ["real-trained"]


@pytest.mark.parametrize(
    ("weights", "default", "needed"),
    [
        ("none", None, False),
        ("timm", None, False),
        ("file", None, True),
        ("file", "x.pt", False),
        ("model", None, True),
        ("model", "a/b", False),
    ],
)
def test_weights_are_required_without_a_default(weights: str, default: str | None, needed: bool) -> None:
    row = EncoderRow("mine", "", "", weights=weights, default_weights=default)  # type: ignore[arg-type]
    assert row.needs_weights is needed


def test_real_trained_classifier_is_in_the_table() -> None:
    assert REAL_TRAINED == "real-trained"
    make: object = import_target(ENCODERS[REAL_TRAINED].make)
    assert make is RealTrained


def test_every_timm_id_has_a_row() -> None:
    row = timm_row("resnet10t")
    assert (row.name, row.weights, row.encodes_text, row.needs_weights) == ("resnet10t", "timm", False, False)
    assert row.words == "timm's resnet10t"
    assert callable(row.make)
    with pytest.raises(DataError, match="nowhere"):
        row.make("nowhere.safetensors", Numerics())


def test_table_does_not_import_torch() -> None:
    code = (
        "from prettyuseful.encoders.table import ENCODERS, timm_row; import sys; timm_row('resnet18'); "
        "[row.words for row in ENCODERS]; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
