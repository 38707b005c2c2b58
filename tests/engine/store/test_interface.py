"""The interface of stores, tested in every kind of location."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.store.locations import KEY, StoreLocation, key_of, manifest, manifest_name, object_name

from prettyuseful.engine.store.base import Store
from prettyuseful.errors import CorruptArtifactError

ROOT = Path(__file__).parents[2]


def test_committed_artifact_can_be_read(location: StoreLocation, store: Store) -> None:
    store.commit(manifest((location.put(store, b"hello"),), colour="red"))
    for reader in (store, location.open()):
        artifact = reader.read(KEY)
        assert artifact is not None
        assert artifact.path("file").read_bytes() == b"hello"
        assert artifact.manifest.facts == {"colour": "red"}
        assert [m.key for m in reader.list()] == [KEY]
        with pytest.raises(CorruptArtifactError, match="no file 'other'"):
            artifact.path("other")


def test_nothing_is_readable_before_the_commit(location: StoreLocation, store: Store) -> None:
    location.put(store, b"hello")
    assert store.read(KEY) is None
    assert list(store.list()) == []
    assert store.select_existing([KEY]) == set()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=2000), name=st.sampled_from(["a", "data-00000-of-00001.parquet", "ä b"]))
def test_bytes_are_read_as_written(location: StoreLocation, store: Store, content: bytes, name: str) -> None:
    entry = location.put(store, content, name)
    unique = f"{name} {entry.sha256}"
    store.commit(manifest((entry,), unique))
    artifact = location.open().read(key_of(unique))
    assert artifact is not None
    assert artifact.path(name).read_bytes() == content


def test_the_first_commit_wins(location: StoreLocation, store: Store) -> None:
    store.commit(manifest(who="first"))
    assert location.open().commit(manifest(who="second")).manifest.facts == {"who": "first"}


def test_one_of_simultaneous_commits_wins_in_threads(location: StoreLocation) -> None:
    racers = [location.open() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        winners = set(pool.map(lambda i: racers[i].commit(manifest(who=i)).manifest.facts["who"], range(4)))
    assert len(winners) == 1


def other_process(location: StoreLocation, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that has `store` open and can use the helpers of this file."""
    opening = (
        "import sys, time; sys.path.insert(0, sys.argv[1]);"
        "from tests.engine.store.locations import KEY, manifest; from prettyuseful.engine.store.open import open_store;"
        "store = open_store(sys.argv[2]);"
    )
    command = [sys.executable, "-c", opening + script, str(ROOT), location.url, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_one_of_simultaneous_commits_wins_in_processes(location: StoreLocation) -> None:
    if not location.shared:
        pytest.skip("not shared between processes")
    script = "print(store.commit(manifest(who=sys.argv[3])).manifest.facts['who'])"
    racers = [other_process(location, script, str(i)) for i in range(3)]
    winners = {racer.communicate()[0].strip() for racer in racers}
    assert len(winners) == 1
    assert winners <= {"0", "1", "2"}


@pytest.mark.parametrize("damage", ["flipped", "truncated", "removed"])
def test_damaged_file_is_never_read(location: StoreLocation, store: Store, damage: str) -> None:
    entry = location.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    if damage == "flipped":
        location.damage(object_name(entry), b"precious bytfs")
        artifact = location.open().read(KEY)
        assert artifact is not None  # the size is unchanged, so only the bytes differ
        with pytest.raises(CorruptArtifactError, match=r"file of artifact .* differs from its manifest"):
            artifact.path("file")
    elif damage == "truncated":
        location.damage(object_name(entry), b"precious")
    else:
        location.fs.rm_file(location.path(object_name(entry)))
    assert store.read(KEY) is None
    assert store.select_existing([KEY]) == set()


@pytest.mark.parametrize("damage", ["flipped", "removed"])
def test_damaged_file_can_be_replaced(location: StoreLocation, store: Store, damage: str) -> None:
    entry = location.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    if damage == "flipped":
        location.damage(object_name(entry), b"precious bytfs")
    else:
        location.fs.rm_file(location.path(object_name(entry)))
    location.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    artifact = location.open().read(KEY)
    assert artifact is not None
    assert artifact.path("file").read_bytes() == b"precious bytes"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_broken_manifest_is_ignored_and_replaced(location: StoreLocation, store: Store, text: str) -> None:
    store.commit(manifest(who="first"))
    location.damage(manifest_name(), text.encode())
    assert store.read(KEY) is None
    assert list(store.list()) == []
    assert store.commit(manifest(who="second")).manifest.facts == {"who": "second"}


def test_artifact_with_a_missing_file_is_ignored_and_reported(location: StoreLocation, store: Store) -> None:
    entry = location.put(store, b"a shard", "data-00000-of-00001.parquet")
    store.commit(manifest((entry,)))
    location.fs.rm_file(location.path(object_name(entry)))
    reopened = location.open()
    assert reopened.read(KEY) is None
    (checked,) = reopened.check()
    assert checked.problem == "file data-00000-of-00001.parquet is missing"


def test_broken_artifacts_are_named_with_their_problems(location: StoreLocation, store: Store) -> None:
    entries = {name: location.put(store, name.encode()) for name in ("whole", "missing", "short", "torn")}
    for name, entry in entries.items():
        store.commit(manifest((entry,), name))
    location.fs.rm_file(location.path(object_name(entries["missing"])))
    location.damage(object_name(entries["short"]), b"s")
    location.damage(manifest_name(key_of("torn")), b"{")
    assert location.open().broken([key_of(name) for name in (*entries, "never made")]) == {
        key_of("missing"): "file file is missing",
        key_of("short"): "file file differs from its manifest",
        key_of("torn"): "its manifest is not valid, or belongs to another artifact",
    }


def test_manifest_with_a_wrong_file_name_is_ignored(location: StoreLocation, store: Store) -> None:
    store.commit(manifest())
    other = key_of("other")
    content = location.fs.cat_file(location.path(manifest_name()))
    location.fs.makedirs(location.path(f"manifests/{other[:2]}"), exist_ok=True)
    location.fs.pipe_file(location.path(manifest_name(other)), content)
    assert store.read(other) is None


def test_select_existing_handles_many_keys(location: StoreLocation, store: Store) -> None:
    for name in ("a", "b", "c", "torn"):
        store.commit(manifest((location.put(store, name.encode()),), name))
    location.damage(manifest_name(key_of("torn")), b"{")
    complete = {key_of(name) for name in "abc"}
    assert store.select_existing([*complete, key_of("torn"), *(key_of(f"{i}") for i in range(100))]) == complete


def test_claim_is_exclusive_and_ends_with_its_process(location: StoreLocation, store: Store) -> None:
    if not location.shared:
        pytest.skip("not shared between processes")
    holder = other_process(location, "claim = store.claim(KEY); print(claim.__enter__(), flush=True); time.sleep(60)")
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "True"
    with store.claim(KEY) as claimed:
        assert not claimed
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert store.claimed_keys() == set()
    with store.claim(KEY) as claimed:
        assert claimed


def test_claims_are_visible_to_other_processes(location: StoreLocation, store: Store) -> None:
    other = location.open()
    assert store.claimed_keys() == set()
    with store.claim(KEY) as claimed:
        assert claimed
        assert other.claimed_keys() == {KEY}
        with other.claim(KEY) as other_claimed, store.claim(KEY) as claimed_again:
            assert not other_claimed
            assert not claimed_again
    assert other.claimed_keys() == set()
    with other.claim(KEY) as other_claimed:
        assert other_claimed


def test_checkpoint_dir_depends_on_the_key(store: Store) -> None:
    assert store.checkpoint_dir(KEY) == store.checkpoint_dir(KEY) != store.checkpoint_dir("cd" * 32)
    assert not store.checkpoint_dir(KEY).exists()
    store.checkpoint_dir(KEY).mkdir(parents=True)


def test_format_of_manifests_is_unchanged(location: StoreLocation, store: Store) -> None:
    store.commit(manifest((location.put(store, b"x"),)))
    content = json.loads(location.fs.cat_file(location.path(manifest_name())))
    assert sorted(content) == [
        "checksum", "created", "environment", "facts", "files", "inputs", "key", "rate_class", "schema_version",
        "seconds", "spec", "step", "units", "version",
    ]  # fmt: skip


def test_failure_is_recorded_until_the_commit(location: StoreLocation, store: Store) -> None:
    store.record_failure(KEY, "no luck")
    assert location.open().failures() == {KEY: "no luck"}
    location.damage(f"failures/{KEY}.json", b"{")
    assert store.failures() == {}
    store.record_failure(KEY, "no luck again")
    store.commit(manifest())
    assert store.failures() == {}


def test_check_reports_problems_and_changes_nothing(location: StoreLocation, store: Store) -> None:
    whole, flipped, lost, torn = (key_of(name) for name in ("whole", "flipped", "lost", "torn"))
    for name in ("whole", "flipped", "lost"):
        store.commit(manifest((location.put(store, name.encode()),), name))
    store.commit(manifest(name="torn"))
    flipped_file, lost_file = (object_name(location.put(store, content)) for content in (b"flipped", b"lost"))
    location.damage(flipped_file, b"flippet")
    location.fs.rm_file(location.path(lost_file))
    location.damage(manifest_name(torn), b"{")
    problems = {checked.key: checked.problem for checked in store.check()}
    assert problems == {
        whole: None,
        flipped: "file file differs from its manifest",
        lost: "file file is missing",
        torn: "its manifest is not valid, or belongs to another artifact",
    }
    assert location.fs.exists(location.path(flipped_file))


def test_discarded_artifacts_are_missing_and_can_be_made_again(location: StoreLocation, store: Store) -> None:
    whole, torn, lost = (key_of(name) for name in ("whole", "torn", "lost"))
    for name in ("whole", "torn", "lost"):
        store.commit(manifest((location.put(store, b"bytes"),), name, who="first"))
    location.damage(manifest_name(torn), b"{")
    store.discard([torn, lost, key_of("never made")])
    assert location.open().select_existing([whole, torn, lost]) == {whole}
    assert [checked.problem for checked in location.open().check()] == [None]
    store.commit(manifest((location.put(store, b"bytes"),), "torn", who="second"))
    artifact = location.open().read(torn)
    assert artifact is not None
    assert artifact.manifest.facts == {"who": "second"}


def test_sweep_keeps_needed_claimed_and_recent_files(
    location: StoreLocation, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, unused, busy = key_of("kept"), key_of("unused"), key_of("busy")
    shared, own = location.put(store, b"shared", "shared"), location.put(store, b"own")
    young, old = location.put(store, b"young"), location.put(store, b"oldest")
    store.commit(manifest((shared,), "kept"))
    store.commit(manifest((shared, own), "unused"))
    store.commit(manifest(name="busy"))
    store.record_failure("4" * 64, "not in any study")
    location.make_old(object_name(old), monkeypatch)
    with store.claim(busy):
        swept = store.sweep({kept}, remove=False)
        assert (swept.artifacts, swept.files) == (1, 3)
        assert swept.bytes > len(b"own" + b"oldest")
        assert store.read(unused) is not None, "remove=False only counts"
        assert store.sweep({kept}, remove=True) == swept
    assert store.read(kept) is not None
    assert store.read(busy) is not None
    assert store.read(unused) is None
    exist = [location.fs.exists(location.path(object_name(entry))) for entry in (shared, own, young, old)]
    assert exist == [True, False, True, False]
    assert store.failures() == {}
