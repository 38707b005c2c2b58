from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.errors import CorruptArtifactError, StoreError
from prettyuseful.store.base import GRACE, FileEntry, Manifest
from prettyuseful.store.local import LocalStore

KEY = "ab" * 32


def manifest(files: tuple[FileEntry, ...] = (), key: str = KEY, **facts: object) -> Manifest:
    return Manifest(
        key=key,
        step="load",
        version=1,
        spec={},
        inputs={},
        files=files,
        facts=facts,
        environment={},
        created="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        units=1.0,
        rate_class="load",
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def put(store: LocalStore, content: bytes, name: str = "file") -> FileEntry:
    source = store.root / "tmp" / "source"
    source.write_bytes(content)
    return store.put_file(name, source)


def object_of(store: LocalStore, entry: FileEntry) -> Path:
    return store.root / "objects" / entry.sha256[:2] / entry.sha256


def test_what_is_committed_can_be_read(store: LocalStore) -> None:
    store.commit(manifest((put(store, b"hello"),), colour="red"))
    artifact = store.read(KEY)
    assert artifact is not None
    assert artifact.path("file").read_bytes() == b"hello"
    assert artifact.manifest.facts == {"colour": "red"}
    assert [m.key for m in store.list()] == [KEY]


def test_nothing_is_there_before_the_commit(store: LocalStore) -> None:
    put(store, b"hello")
    assert store.read(KEY) is None
    assert list(store.list()) == []


@settings(max_examples=20, deadline=None)
@given(content=st.binary(max_size=2000))
def test_bytes_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    found = store.commit(manifest((put(store, content),)))
    assert found.path("file").read_bytes() == content


def test_the_first_commit_wins(store: LocalStore) -> None:
    store.commit(manifest(who="first"))
    assert store.commit(manifest(who="second")).manifest.facts == {"who": "first"}


def test_of_racing_processes_one_wins_and_all_agree(store: LocalStore) -> None:
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[3]);"
        "from tests_store_helper import manifest; from prettyuseful.store.local import LocalStore;"
        "print(LocalStore(Path(sys.argv[1])).commit(manifest(who=sys.argv[2])).manifest.facts['who'])"
    )
    helper = store.root.parent / "tests_store_helper.py"
    helper.write_text(Path(__file__).read_text("utf-8"))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.root), str(i), str(helper.parent)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    winners = {racer.communicate()[0].strip() for racer in racers}
    assert len(winners) == 1
    assert winners <= {"0", "1", "2", "3"}


@pytest.mark.parametrize("damage", ["flipped", "truncated", "removed"])
def test_a_damaged_file_is_never_read(store: LocalStore, damage: str) -> None:
    entry = put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    path = object_of(store, entry)
    path.chmod(0o644)
    if damage == "flipped":
        path.write_bytes(b"precious bytfs")
        artifact = LocalStore(store.root).read(KEY)
        assert artifact is not None  # size is right: only reading the bytes can tell
        with pytest.raises(CorruptArtifactError, match=r"file of artifact .* differs from its manifest"):
            artifact.path("file")
    elif damage == "truncated":
        path.write_bytes(b"precious")
    else:
        path.unlink()
    assert store.read(KEY) is None


def test_a_damaged_file_can_be_made_again(store: LocalStore) -> None:
    entry = put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    object_of(store, entry).unlink()
    put(store, b"precious bytes")
    assert store.commit(manifest((entry,))).path("file").read_bytes() == b"precious bytes"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_a_broken_manifest_is_absent_and_replaced(store: LocalStore, text: str) -> None:
    store.commit(manifest(who="first"))
    path = store.root / "manifests" / KEY[:2] / f"{KEY}.json"
    path.write_text(text)
    assert store.read(KEY) is None
    assert list(store.list()) == []
    assert store.commit(manifest(who="second")).manifest.facts == {"who": "second"}


def test_a_manifest_under_another_name_is_not_that_artifact(store: LocalStore) -> None:
    store.commit(manifest())
    other = "cd" * 32
    path = store.root / "manifests" / "cd" / f"{other}.json"
    path.parent.mkdir()
    path.write_text((store.root / "manifests" / KEY[:2] / f"{KEY}.json").read_text())
    assert store.read(other) is None


def test_a_claim_is_exclusive_and_dies_with_its_holder(store: LocalStore) -> None:
    script = (
        "import sys, time; from pathlib import Path; from prettyuseful.store.local import LocalStore;"
        f"claim = LocalStore(Path(sys.argv[1])).claim('{KEY}'); print(claim.__enter__(), flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "True"
    with store.claim(KEY) as mine:
        assert not mine
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with store.claim(KEY) as mine:
        assert mine


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to the store .*file.*--store") as error:
        LocalStore(tmp_path / "file" / "store")
    assert "\n" not in str(error.value)


def test_files_are_kept_read_only(store: LocalStore) -> None:
    assert object_of(store, put(store, b"x")).stat().st_mode & 0o222 == 0


def test_the_manifest_of_today_is_the_manifest_of_tomorrow(store: LocalStore) -> None:
    store.commit(manifest((put(store, b"x"),)))
    content = json.loads((store.root / "manifests" / KEY[:2] / f"{KEY}.json").read_text())
    assert sorted(content) == [
        "created", "environment", "facts", "files", "inputs", "key", "rate_class", "schema_version", "seconds", "spec",
        "step", "units", "version",
    ]  # fmt: skip


def test_two_who_find_the_same_damage_both_say_so(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers read one input at once: the other one sets the broken file aside first."""
    entry = put(store, b"precious bytes")
    artifact = store.commit(manifest((entry,)))
    path = object_of(store, entry)

    def hashed_while_another_moves_it(found: Path) -> str:
        found.rename(found.with_suffix(".corrupt"))
        return "another digest"

    monkeypatch.setattr("prettyuseful.store.local.file_sha256", hashed_while_another_moves_it)
    with pytest.raises(CorruptArtifactError):
        artifact.path("file")
    assert not path.exists()


def test_why_a_step_failed_stays_until_it_is_made(store: LocalStore) -> None:
    store.blame(KEY, "no luck")
    assert LocalStore(store.root).failures() == {KEY: "no luck"}
    store.commit(manifest())
    assert store.failures() == {}


def test_what_is_claimed_is_known_elsewhere_and_not_hindered(store: LocalStore) -> None:
    assert store.claimed() == set()
    with store.claim(KEY) as mine:
        assert mine
        assert LocalStore(store.root).claimed() == {KEY}
    assert store.claimed() == set()


def test_a_check_names_what_is_broken_and_changes_nothing(store: LocalStore) -> None:
    whole, flipped, lost, torn = (f"{i}" * 64 for i in range(4))
    store.commit(manifest((put(store, b"whole"),), key=whole))
    for key, content in ((flipped, b"flipped"), (lost, b"lost")):
        store.commit(manifest((put(store, content),), key=key))
    store.commit(manifest(key=torn))
    flipped_file, lost_file = (object_of(store, put(store, content)) for content in (b"flipped", b"lost"))
    flipped_file.chmod(0o644)
    flipped_file.write_bytes(b"flippet")
    lost_file.unlink()
    (store.root / "manifests" / torn[:2] / f"{torn}.json").write_text("{")
    found = {checked.key: checked.problem for checked in store.check()}
    assert found == {
        whole: None,
        flipped: "file file differs from its manifest",
        lost: "file file is missing",
        torn: "its manifest cannot be read, or is another's",
    }
    assert flipped_file.exists()


def test_a_sweep_leaves_what_is_kept_shared_claimed_or_young(store: LocalStore) -> None:
    kept, gone, busy = "1" * 64, "2" * 64, "3" * 64
    shared, own, young, old = (put(store, content) for content in (b"shared", b"own", b"young", b"oldest"))
    store.commit(manifest((shared,), key=kept))
    store.commit(manifest((shared, own), key=gone))
    store.commit(manifest(key=busy))
    store.blame("4" * 64, "nobody asks any more")
    day_old = time.time() - 2 * GRACE
    os.utime(object_of(store, old), (day_old, day_old))
    with store.claim(busy):
        found = store.sweep({kept}, remove=False)
        assert (found.artifacts, found.files) == (1, 3)
        assert found.bytes > len(b"own" + b"oldest")
        assert store.read(gone) is not None, "only counted"
        assert store.sweep({kept}, remove=True) == found
    assert store.read(kept) is not None
    assert store.read(busy) is not None
    assert store.read(gone) is None
    assert [object_of(store, e).exists() for e in (shared, own, young, old)] == [True, False, True, False]
    assert store.failures() == {}
