"""What holds for a store wherever it is."""

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
from tests.engine.store.places import KEY, Place, manifest, manifest_name, object_name

from prettyuseful.engine.keys import digest
from prettyuseful.engine.store.base import Store
from prettyuseful.errors import CorruptArtifactError

ROOT = Path(__file__).parents[2]


def test_what_is_committed_can_be_read(place: Place, store: Store) -> None:
    store.commit(manifest((place.put(store, b"hello"),), colour="red"))
    for reader in (store, place.open()):
        artifact = reader.read(KEY)
        assert artifact is not None
        assert artifact.path("file").read_bytes() == b"hello"
        assert artifact.manifest.facts == {"colour": "red"}
        assert [m.key for m in reader.list()] == [KEY]
        with pytest.raises(CorruptArtifactError, match="no file 'other'"):
            artifact.path("other")


def test_nothing_is_there_before_the_commit(place: Place, store: Store) -> None:
    place.put(store, b"hello")
    assert store.read(KEY) is None
    assert list(store.list()) == []
    assert store.present([KEY]) == set()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=2000), name=st.sampled_from(["a", "data-00000-of-00001.parquet", "ä b"]))
def test_bytes_come_back_as_they_were(place: Place, store: Store, content: bytes, name: str) -> None:
    entry = place.put(store, content, name)
    key = digest([name, entry.sha256])
    store.commit(manifest((entry,), key=key))
    found = place.open().read(key)
    assert found is not None
    assert found.path(name).read_bytes() == content


def test_the_first_commit_wins(place: Place, store: Store) -> None:
    store.commit(manifest(who="first"))
    assert place.open().commit(manifest(who="second")).manifest.facts == {"who": "first"}


def test_of_racing_threads_one_wins_and_all_agree(place: Place) -> None:
    racers = [place.open() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        winners = set(pool.map(lambda i: racers[i].commit(manifest(who=i)).manifest.facts["who"], range(6)))
    assert len(winners) == 1


def other_process(place: Place, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that has `store` open and calls this one's helpers."""
    opening = (
        "import sys, time; sys.path.insert(0, sys.argv[1]);"
        "from tests.engine.store.places import KEY, manifest; from prettyuseful.engine.store.open import open_store;"
        "store = open_store(sys.argv[2]);"
    )
    command = [sys.executable, "-c", opening + script, str(ROOT), place.url, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_of_racing_processes_one_wins_and_all_agree(place: Place) -> None:
    if not place.shared:
        pytest.skip("one process's own")
    script = "print(store.commit(manifest(who=sys.argv[3])).manifest.facts['who'])"
    racers = [other_process(place, script, str(i)) for i in range(3)]
    winners = {racer.communicate()[0].strip() for racer in racers}
    assert len(winners) == 1
    assert winners <= {"0", "1", "2"}


@pytest.mark.parametrize("damage", ["flipped", "truncated", "removed"])
def test_a_damaged_file_is_never_read(place: Place, store: Store, damage: str) -> None:
    entry = place.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    if damage == "flipped":
        place.damage(object_name(entry), b"precious bytfs")
        artifact = place.open().read(KEY)
        assert artifact is not None  # size is right: only reading the bytes can tell
        with pytest.raises(CorruptArtifactError, match=r"file of artifact .* differs from its manifest"):
            artifact.path("file")
    elif damage == "truncated":
        place.damage(object_name(entry), b"precious")
    else:
        place.fs.rm_file(place.path(object_name(entry)))
    assert store.read(KEY) is None
    assert store.present([KEY]) == set()


@pytest.mark.parametrize("damage", ["flipped", "removed"])
def test_a_damaged_file_can_be_made_again(place: Place, store: Store, damage: str) -> None:
    entry = place.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    if damage == "flipped":
        place.damage(object_name(entry), b"precious bytfs")
    else:
        place.fs.rm_file(place.path(object_name(entry)))
    place.put(store, b"precious bytes")
    store.commit(manifest((entry,)))
    found = place.open().read(KEY)
    assert found is not None
    assert found.path("file").read_bytes() == b"precious bytes"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_a_broken_manifest_is_absent_and_replaced(place: Place, store: Store, text: str) -> None:
    store.commit(manifest(who="first"))
    place.damage(manifest_name(), text.encode())
    assert store.read(KEY) is None
    assert list(store.list()) == []
    assert store.commit(manifest(who="second")).manifest.facts == {"who": "second"}


def test_a_manifest_without_its_file_is_absent_and_named(place: Place, store: Store) -> None:
    entry = place.put(store, b"a shard", "data-00000-of-00001.parquet")
    store.commit(manifest((entry,)))
    place.fs.rm_file(place.path(object_name(entry)))
    fresh = place.open()
    assert fresh.read(KEY) is None
    (checked,) = fresh.check()
    assert checked.problem == "file data-00000-of-00001.parquet is missing"


def test_a_manifest_under_another_name_is_not_that_artifact(place: Place, store: Store) -> None:
    store.commit(manifest())
    other = "cd" * 32
    content = place.fs.cat_file(place.path(manifest_name()))
    place.fs.makedirs(place.path("manifests/cd"), exist_ok=True)
    place.fs.pipe_file(place.path(manifest_name(other)), content)
    assert store.read(other) is None


def test_many_are_asked_for_at_once(place: Place, store: Store) -> None:
    there, torn = [f"{i:064d}" for i in range(5)], "e" * 64
    for key in (*there, torn):
        store.commit(manifest((place.put(store, key.encode()),), key=key))
    place.damage(manifest_name(torn), b"{")
    assert store.present([*there, torn, *(f"{i:064d}" for i in range(1000, 1100))]) == set(there)


def test_a_claim_is_exclusive_and_dies_with_its_holder(place: Place, store: Store) -> None:
    if not place.shared:
        pytest.skip("one process's own")
    holder = other_process(place, "claim = store.claim(KEY); print(claim.__enter__(), flush=True); time.sleep(60)")
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "True"
    with store.claim(KEY) as mine:
        assert not mine
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert store.claimed() == set()
    with store.claim(KEY) as mine:
        assert mine


def test_what_is_claimed_is_known_elsewhere_and_not_hindered(place: Place, store: Store) -> None:
    other = place.open()
    assert store.claimed() == set()
    with store.claim(KEY) as mine:
        assert mine
        assert other.claimed() == {KEY}
        with other.claim(KEY) as theirs, store.claim(KEY) as again:
            assert not theirs
            assert not again
    assert other.claimed() == set()
    with other.claim(KEY) as theirs:
        assert theirs


def test_a_bench_is_a_place_of_the_key(store: Store) -> None:
    assert store.checkpoint_dir(KEY) == store.checkpoint_dir(KEY) != store.checkpoint_dir("cd" * 32)
    assert not store.checkpoint_dir(KEY).exists()
    store.checkpoint_dir(KEY).mkdir(parents=True)


def test_the_manifest_of_today_is_the_manifest_of_tomorrow(place: Place, store: Store) -> None:
    store.commit(manifest((place.put(store, b"x"),)))
    content = json.loads(place.fs.cat_file(place.path(manifest_name())))
    assert sorted(content) == [
        "created", "environment", "facts", "files", "inputs", "key", "rate_class", "schema_version", "seconds", "spec",
        "step", "units", "version",
    ]  # fmt: skip


def test_why_a_step_failed_stays_until_it_is_made(place: Place, store: Store) -> None:
    store.record_failure(KEY, "no luck")
    assert place.open().failures() == {KEY: "no luck"}
    place.damage(f"failures/{KEY}.json", b"{")
    assert store.failures() == {}
    store.record_failure(KEY, "no luck again")
    store.commit(manifest())
    assert store.failures() == {}


def test_a_check_names_what_is_broken_and_changes_nothing(place: Place, store: Store) -> None:
    whole, flipped, lost, torn = (f"{i}" * 64 for i in range(4))
    store.commit(manifest((place.put(store, b"whole"),), key=whole))
    for key, content in ((flipped, b"flipped"), (lost, b"lost")):
        store.commit(manifest((place.put(store, content),), key=key))
    store.commit(manifest(key=torn))
    flipped_file, lost_file = (object_name(place.put(store, content)) for content in (b"flipped", b"lost"))
    place.damage(flipped_file, b"flippet")
    place.fs.rm_file(place.path(lost_file))
    place.damage(manifest_name(torn), b"{")
    found = {checked.key: checked.problem for checked in store.check()}
    assert found == {
        whole: None,
        flipped: "file file differs from its manifest",
        lost: "file file is missing",
        torn: "its manifest cannot be read, or is another's",
    }
    assert place.fs.exists(place.path(flipped_file))


def test_a_sweep_leaves_what_is_kept_shared_claimed_or_young(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone, busy = "1" * 64, "2" * 64, "3" * 64
    shared, own, young, old = (place.put(store, content) for content in (b"shared", b"own", b"young", b"oldest"))
    store.commit(manifest((shared,), key=kept))
    store.commit(manifest((shared, own), key=gone))
    store.commit(manifest(key=busy))
    store.record_failure("4" * 64, "nobody asks any more")
    place.make_old(object_name(old), monkeypatch)
    with store.claim(busy):
        found = store.sweep({kept}, remove=False)
        assert (found.artifacts, found.files) == (1, 3)
        assert found.bytes > len(b"own" + b"oldest")
        assert store.read(gone) is not None, "only counted"
        assert store.sweep({kept}, remove=True) == found
    assert store.read(kept) is not None
    assert store.read(busy) is not None
    assert store.read(gone) is None
    there = [place.fs.exists(place.path(object_name(entry))) for entry in (shared, own, young, old)]
    assert there == [True, False, True, False]
    assert store.failures() == {}
