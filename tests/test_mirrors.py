"""Every module of src has its tests at the same place below tests, or a reason why not.

`a/b.py` is mirrored by `a/test_b.py`; a package's own code, in `a/__init__.py`, by `a/test_init.py`.
"""

from __future__ import annotations

from pathlib import Path

import prettyuseful

SOURCE, TESTS = Path(prettyuseful.__file__).parent, Path(__file__).parent
REASONS = {
    "__init__": "It only gives public names to objects of other modules; tests/test_imports.py loads every one.",
    "aesthetics/__init__": "It only gives public names to objects of modules that have tests of their own.",
    "analysis/rows": "Three records and no behaviour; tests/analysis/test_summary.py reads what is filled in.",
    "checks/results": "One record and no behaviour; tests/checks/test_labels.py fills it and reads it.",
    "data/sources/protocol": "One protocol and no code; tests/data/sources run every source.",
    "generators/base": "A protocol and records without behaviour; the tests of every generator fill and read them.",
    "encoders/base": "Two protocols and no code; every encoder's tests run what they promise.",
    "encoders/questions": "Two records and a protocol; the tests of both models fill them and read them.",
    "engine/events": "Two records and a function that does nothing; tests/engine/test_execute.py reads the events.",
    "engine/workers/base": "A protocol and an exception; tests/engine/workers/test_local.py and test_ray.py run both.",
    "metrics/__init__": "It only gives public names to functions and rows whose modules have tests of their own.",
    "prompts/writers/base": "A protocol and texts; tests/prompts/writers/test_described.py reads requests of them.",
    "plan/planned": "Records that planning fills and no behaviour but a label; tests/plan/test_study.py reads them.",
    "steps/diagnosed_images": "It is a part of the steps of a diagnosis; tests/steps/test_diagnosis.py runs them.",
    "steps/culprits": "It is a part of the step of a diagnosis; tests/steps/test_diagnosis.py reads its file.",
}


def has_code(path: Path) -> bool:
    """An empty `__init__.py` only makes a folder a package."""
    return bool(path.read_text("utf-8").strip())


def modules() -> dict[str, Path]:
    """Of the package, by their paths without suffix: where the tests of each belong."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        module = path.relative_to(SOURCE).with_suffix("")
        if has_code(path):
            found[module.as_posix()] = TESTS / module.parent / f"test_{module.name.strip('_')}.py"
    return found


def test_every_module_has_a_mirror_or_a_reason() -> None:
    missing = [name for name, mirror in modules().items() if not mirror.is_file() and name not in REASONS]
    assert sorted(missing) == []


def test_every_reason_is_one_sentence_on_a_module_without_a_mirror() -> None:
    known = modules()
    assert [name for name in REASONS if name not in known or known[name].is_file()] == []
    assert all(reason.endswith(".") and "\n" not in reason for reason in REASONS.values())
