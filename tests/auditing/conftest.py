"""A finished quick audit that no test changes, and the hand-made result of a full audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.auditing.colours import COLOURS, write_class_folders

from prettyuseful.auditing.audit import audit
from prettyuseful.auditing.result import NOT_MEASURED, Audit

ACCURACY = {"mean": 0.4, "low": 0.3, "high": 0.5, "seeds": [0.4]}
CAUSE = {
    "id": "high-frequencies",
    "direction": "lost",
    "effect": 1.0,
    "low": 0.5,
    "high": 1.5,
    "p_adjusted": 0.01,
    "explained": 0.6,
    "named": True,
    "like": "blur",
    "equivalent_to": [],
    "per_class": {"cat": 1.2, "hot dog": 0.8},
    "few_classes": [],
    "accuracy_cost": {"mean": 0.1, "low": 0.05, "high": 0.15},
    "gain": NOT_MEASURED,
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("audit")
    write_class_folders(root / "real", dict.fromkeys(COLOURS, 20), 0)
    write_class_folders(root / "fake", {"red": 10, "green": 14, "blue": 14}, 1)
    return root


@pytest.fixture(scope="session")
def audit_result(folders: Path) -> Audit:
    return audit(
        folders / "real",
        folders / "fake",
        out=folders / "out",
        store=folders / "store",
        workers=1,
    )


@pytest.fixture
def full_audit() -> Audit:
    """Two synthetic sets: for the first everything is measured, for the second only the transfer accuracy."""
    per_class = [
        {"name": name, "synth_to_real": ACCURACY, "real_to_synth": ACCURACY, "real_to_real": ACCURACY}
        for name in ("cat", "hot dog")
    ]
    first = {
        "name": "first",
        "images_per_class": 10,
        "left_out": 0,
        "synth_to_real": ACCURACY,
        "real_to_synth": {"mean": 0.7, "low": 0.6, "high": 0.8},
        "real_to_real": {"mean": 0.9, "low": 0.8, "high": 1.0},
        "gap": {"mean": -0.5, "low": -0.6, "high": -0.4},
        "effective_real_images_per_class": {
            "estimate": 4.0,
            "low": None,
            "high": 6.25,
            "censored": "below",
            "smallest": 1,
            "largest": 10,
        },
        "difference": {"mean": 2.0, "low": 1.0, "high": 3.0, "p_value": 0.01, "differs": True},
        "causes": [CAUSE, {**CAUSE, "direction": "added", "named": False}],
        "per_class": per_class,
        "metrics": {"coverage": {"mean": 0.2, "low": 0.1, "high": 0.3}, "density": NOT_MEASURED},
        "controls": {"coverage": {"mean": 0.9, "low": 0.8, "high": 1.0}},
        "metric_images_per_class": {"coverage": 10},
    }
    unmeasured = ("real_to_synth", "gap", "effective_real_images_per_class", "difference", "causes")
    second = {**first, **dict.fromkeys(unmeasured, NOT_MEASURED), "name": "second"}
    second["synth_to_real"] = {"mean": 0.8, "low": 0.75, "high": 0.85}
    return Audit.model_validate(
        {
            "budget": "full",
            "complete": True,
            "task": {
                "name": "pets",
                "classes": ["cat", "hot dog"],
                "chance": 0.5,
                "real_images": 40,
                "test_images_per_class": 10,
                "split": {"train": 20, "test": 20, "hold_out": None, "seed": None},
                "groups": {"test": 20, "by": "file"},
            },
            "images_per_class": 10,
            "real_to_real": {"mean": 0.9, "low": 0.8, "high": 1.0},
            "synthetic": [first, second],
            "answer": [],
            "notes": [],
            "problems": [],
            "report": "report.html",
        }
    )
