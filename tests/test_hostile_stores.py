"""Runs on stores whose artifacts somebody has replaced: the contents are hostile, the manifests fit them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.store.test_base import sealed
from tests.engine.store.watching import watch

from prettyuseful.errors import PrettyUsefulError
from prettyuseful.records import read_records
from prettyuseful.run import run_study
from prettyuseful.study.reading import load_study

Change = Callable[[dict[str, Any], dict[str, bytes]], None]


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def forge(store: Path, kind: str, change: Change) -> None:
    """Change facts and files of every artifact of a kind, and delete the artifacts that were made after them."""
    forged = set()
    for path in sorted(store.glob("manifests/*/*.json")):
        content = json.loads(path.read_text())
        if content["step"] == kind:
            forged.add(content["key"])
            files = {
                entry["name"]: (store / "objects" / entry["sha256"][:2] / entry["sha256"]).read_bytes()
                for entry in content["files"]
            }
            change(content["facts"], files)
            content["files"] = [add(store, name, data) for name, data in files.items()]
            del content["checksum"]
            path.chmod(0o644)
            path.write_bytes(sealed(content))
    assert forged, f"no step {kind}"
    gone = set(forged)
    while dependent := [path for path in store.glob("manifests/*/*.json") if inputs_of(path) & gone]:
        gone |= {path.stem for path in dependent}
        for path in dependent:
            path.unlink()


def inputs_of(path: Path) -> set[str]:
    return set(json.loads(path.read_text())["inputs"].values())


def add(store: Path, name: str, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    path = store / "objects" / digest[:2] / digest
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(data)
    return {"name": name, "size": len(data), "sha256": digest}


def no_facts(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    del files
    facts.clear()


def wrong_facts(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    del files
    for name in facts:
        facts[name] = {"x": [name, -1, None]}


def huge_facts(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    del files
    for name, value in facts.items():
        facts[name] = 10**18 if isinstance(value, int | float) else ["../../../x\x1b[2J"] * 3


def no_files(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    del facts
    files.clear()


def garbage(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    del facts
    for name in files:
        files[name] = b"garbage \x1b[2J\n" * 10


def bombs(facts: dict[str, Any], files: dict[str, bytes]) -> None:
    """Replace files by pickles, also inside of NumPy arrays."""
    del facts
    array = io.BytesIO()
    np.save(array, np.array([Bomb(BOMBED)], dtype=object), allow_pickle=True)
    for name in files:
        files[name] = array.getvalue() if name.endswith(("npy", "npz")) else pickle.dumps(Bomb(BOMBED))


BOMBED = Path("bombed")
CHANGES = {change.__name__: change for change in (no_facts, wrong_facts, huge_facts, no_files, garbage, bombs)}
KINDS = ["load", "generate", "collect", "decode", "train", "evaluate", "embed", "measure", "inspect", "prompt"]


QUICK = {("load", "wrong_facts"), ("collect", "garbage"), ("train", "bombs"), ("evaluate", "huge_facts")}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param(kind, change, marks=() if (kind, change) in QUICK else pytest.mark.slow)
        for kind in KINDS
        for change in CHANGES
    ],
)
def test_forged_artifacts_end_in_a_result_or_one_line(
    kind: str, change: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished / "store", tmp_path / "store")
    forge(tmp_path / "store", kind, CHANGES[change])
    (tmp_path / "outside").mkdir()
    with watch(tmp_path / "outside") as accesses:
        try:
            result = run_study(load_study(finished / "my.yaml"), tmp_path / "store", tmp_path / "out", workers=1)
            message = " ".join(
                record.cause or "" for record in read_records(result.records) if hasattr(record, "cause")
            )
        except PrettyUsefulError as error:
            message = str(error)
    assert "\x1b" not in message
    assert "\n" not in message
    assert accesses == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "outside", "store"]
