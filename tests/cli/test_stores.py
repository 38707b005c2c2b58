"""The commands gc and verify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.commands import call_here, one_error
from tests.engine.store.places import manifest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import load_study

OTHER = "ab" * 32


@pytest.fixture
def study(shared_task: Path, tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\n"
        f"datasets: {{again: {{generator: {shared_task / 'train'}, images_per_class: 2}}}}\n"
    )
    return tmp_path / "study.yaml"


@pytest.fixture
def store(study: Path, tmp_path: Path) -> LocalStore:
    """With one artifact of the study, and one of no study that has a file of its own."""
    store = LocalStore(tmp_path / "store")
    store.commit(manifest(key=next(iter(make_plan(load_study(study)).steps))))
    (tmp_path / "source").write_bytes(b"precious bytes")
    store.commit(manifest((store.put_file("file", tmp_path / "source"),), key=OTHER))
    return store


def keys(store: LocalStore) -> set[str]:
    return {manifest.key for manifest in store.list()}


def test_what_no_study_refers_to_is_removed_after_a_yes(study: Path, store: LocalStore) -> None:
    command, before = ("gc", study, "--store", store.root), keys(store)
    asked = call_here(*command, answer="n\n")
    assert asked.returncode == 0
    said = f"no given study refers to 1 artifacts and 1 files, 14 bytes of the store {store.root}"
    assert asked.stdout.splitlines()[0] == said
    assert "Remove them?" in asked.stderr
    assert keys(store) == before
    assert call_here(*command, answer="").returncode == 1, "nobody answers"
    assert keys(store) == before
    assert call_here(*command, answer="y\n").stdout.splitlines()[-1] == "removed"
    assert keys(store) == before - {OTHER}
    assert call_here(*command).stdout.startswith("nothing to remove")


def test_nobody_is_asked_if_yes_is_given(study: Path, store: LocalStore) -> None:
    found = call_here("gc", study, "--store", store.root, "--yes")
    assert (found.returncode, found.stderr) == (0, "")
    assert OTHER not in keys(store)


def test_a_store_is_whole_or_its_broken_artifacts_are_named(store: LocalStore) -> None:
    found = call_here("verify", "--store", store.root)
    assert (found.returncode, found.stdout, found.stderr) == (0, "2 of 2 artifacts are whole\n", "")
    whole = json.loads(call_here("verify", "--store", store.root, "--json").stdout)
    assert whole == {"schema_version": 1, "artifacts": 2, "broken": []}
    artifact = store.read(OTHER)
    assert artifact is not None
    artifact.path("file").unlink()
    found = call_here("verify", "--store", store.root)
    assert found.returncode == 1
    assert found.stdout == f"broken: load {OTHER[:12]}: file file is missing\n1 of 2 artifacts are whole\n"
    assert found.stderr == "run their study again: what is broken is made anew\n"
    found = call_here("verify", "--store", store.root, "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["broken"] == [{"key": OTHER, "step": "load", "problem": "file file is missing"}]


def test_a_store_that_is_not_there_is_one_line_and_stays_so(study: Path, tmp_path: Path) -> None:
    for command in (("verify",), ("gc", study, "--yes")):
        said = one_error(call_here(*command, "--store", tmp_path / "none"))
        assert said.startswith(f"error: there is no store at {tmp_path / 'none'}; ")
    assert not (tmp_path / "none").exists()
