"""The commands gc and verify."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from tests.cli.commands import call_here, one_error
from tests.engine.store.locations import key_of, manifest

from prettyuseful.engine.step import manifest_of
from prettyuseful.engine.store.folder import SafeFolder
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import make_plan
from prettyuseful.study.reading import load_study

OTHER = key_of("other")


@pytest.fixture
def study(shared_task: Path, tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\n"
        f"datasets: {{again: {{generator: {shared_task / 'train'}, images_per_class: 2}}}}\n"
    )
    return tmp_path / "study.yaml"


@pytest.fixture
def store(study: Path, tmp_path: Path) -> LocalStore:
    """A store with an artifact of the study, and an artifact with a file that no study uses."""
    store = LocalStore(tmp_path / "store")
    step = next(iter(make_plan(load_study(study)).steps.values()))
    store.commit(manifest_of(step, (), {}, 1.0))
    (tmp_path / "source").write_bytes(b"precious bytes")
    store.commit(manifest((store.put_file("file", tmp_path / "source"),), "other"))
    return store


def keys(store: LocalStore) -> set[str]:
    return {manifest.key for manifest in store.list()}


def test_gc_deletes_unused_artifacts_after_confirmation(study: Path, store: LocalStore) -> None:
    command, before = ("gc", study, "--store", store.root), keys(store)
    declined = call_here(*command, typed="n\n")
    assert declined.returncode == 0
    assert declined.stdout.splitlines()[0] == f"{store.root}: 1 artifacts and 1 files (14 bytes) are unused"
    assert "Delete them?" in declined.stderr
    assert keys(store) == before
    assert call_here(*command, typed="").returncode == 1, "no input"
    assert keys(store) == before
    assert call_here(*command, typed="y\n").stdout.splitlines()[-1] == "deleted"
    assert keys(store) == before - {OTHER}
    assert call_here(*command).stdout.startswith("nothing to delete")


def test_gc_does_not_ask_with_yes(study: Path, store: LocalStore) -> None:
    result = call_here("gc", study, "--store", store.root, "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert OTHER not in keys(store)


def test_gc_deletes_nothing_with_dry_run(study: Path, store: LocalStore) -> None:
    before = keys(store)
    result = call_here("gc", study, "--store", store.root, "--dry-run")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("1 artifacts and 1 files (14 bytes) are unused\n")
    assert keys(store) == before


def test_verify_lists_damaged_artifacts(store: LocalStore) -> None:
    result = call_here("verify", "--store", store.root)
    assert (result.returncode, result.stdout, result.stderr) == (0, "2 of 2 artifacts are intact\n", "")
    intact = json.loads(call_here("verify", "--store", store.root, "--json").stdout)
    assert intact == {"schema_version": 1, "artifacts": 2, "broken": [], "unreadable": []}
    artifact = store.read(OTHER)
    assert artifact is not None
    artifact.path("file").unlink()
    result = call_here("verify", "--store", store.root)
    assert result.returncode == 1
    assert result.stdout == f"damaged: load {OTHER[:12]}: file file is missing\n1 of 2 artifacts are intact\n"
    assert result.stderr.startswith("to mend the store, add --discard, then run the study: ")
    result = call_here("verify", "--store", store.root, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["broken"] == [{"key": OTHER, "step": "load", "problem": "file file is missing"}]


def test_verify_can_remove_damaged_artifacts(store: LocalStore) -> None:
    artifact = store.read(OTHER)
    assert artifact is not None
    artifact.path("file").chmod(0o644)
    artifact.path("file").write_bytes(b"precious bytfs")  # of the same size, so that no run would make it again
    other = next(manifest.key for manifest in store.list() if manifest.key != OTHER)
    assert OTHER in LocalStore(store.root).select_existing([OTHER])
    result = call_here("verify", "--store", store.root, "--discard")
    assert (result.returncode, result.stderr) == (
        0, "removed 1 damaged artifact; run the study to make again what it needs of them\n"
    )  # fmt: skip
    assert LocalStore(store.root).select_existing([OTHER, other]) == {other}
    assert call_here("verify", "--store", store.root).stdout == "1 of 1 artifacts are intact\n"


@pytest.mark.parametrize("options", [[], ["--discard"]])
def test_what_cannot_be_read_is_an_error_and_not_damage(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    artifact = store.read(OTHER)
    assert artifact is not None
    path, read = artifact.path("file"), SafeFolder.sha256_and_size

    def fail(self: SafeFolder, *names: str) -> tuple[str, int] | None:
        if self.path(*names) == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))  # as `os.read` does, without a name
        return read(self, *names)

    monkeypatch.setattr(SafeFolder, "sha256_and_size", fail)
    result = call_here("verify", "--store", store.root, *options)
    assert (result.returncode, result.stdout) == (2, "1 of 2 artifacts are intact\n")
    assert result.stderr == (
        "error: 1 of 2 artifacts cannot be read, so they are not verified; the first one: cannot read "
        f"{path} in the store {store.root}: Input/output error; ask its owner for permission, or choose another store "
        "with --store\n"
    )
    report = json.loads(call_here("verify", "--store", store.root, "--json", *options).stdout)
    assert report["broken"] == []
    (entry,) = report["unreadable"]
    assert (entry["key"], entry["step"]) == (OTHER, "load")
    assert OTHER in store.select_existing([OTHER])


def test_a_missing_store_is_a_user_error_and_is_not_created(study: Path, tmp_path: Path) -> None:
    for command in (("verify",), ("gc", study, "--yes")):
        error = one_error(call_here(*command, "--store", tmp_path / "none"))
        assert error.startswith(f"error: there is no store at {tmp_path / 'none'}; ")
    assert not (tmp_path / "none").exists()
