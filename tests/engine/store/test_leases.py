from __future__ import annotations

import json
import time
from pathlib import Path

import fsspec
import pytest
from tests.engine.store.places import KEY

from prettyuseful.engine.store import leases
from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.leases import Leases
from prettyuseful.errors import StoreError

NAME = f"leases/{KEY}.json"


@pytest.fixture
def bucket() -> Bucket:
    fsspec.filesystem("memory").store.clear()
    return Bucket("memory://bucket/store")


def hold_elsewhere(bucket: Bucket, beat: int = 0) -> None:
    """As a process of another machine would."""
    bucket.write(NAME, json.dumps({"id": "other", "process": "elsewhere boot 1 2", "beat": beat}).encode())


def test_a_lease_that_no_longer_changes_is_taken_over(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", 0.3)
    hold_elsewhere(bucket)
    mine = Leases(bucket)
    with mine.hold(KEY) as held:
        assert not held, "nobody knows yet whether it changes"
    time.sleep(0.35)
    with mine.hold(KEY) as held:
        assert held
        with Leases(bucket).hold(KEY) as another:
            assert not another


def test_a_lease_that_changes_is_not(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", 0.3)
    mine = Leases(bucket)
    for beat in range(6):
        hold_elsewhere(bucket, beat)
        with mine.hold(KEY) as held:
            assert not held
        time.sleep(0.1)


def test_clocks_that_differ_do_no_harm(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is a day ahead sees no lease as fresh, and yet takes none over."""
    monkeypatch.setattr(Bucket, "age", lambda *_: 24 * 3600.0)
    hold_elsewhere(bucket)
    mine = Leases(bucket)
    assert mine.held() == set()
    with mine.hold(KEY) as held:
        assert not held


def test_a_holder_renews_its_lease(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", 0.4)
    other = Leases(bucket)
    with Leases(bucket).hold(KEY) as held:
        assert held
        for _ in range(8):
            with other.hold(KEY) as theirs:
                assert not theirs
            time.sleep(0.1)
        assert json.loads(bucket.read(NAME))["beat"] >= 3
    assert bucket.size(NAME) is None


def test_storage_that_fails_for_a_while_does_not_end_the_work(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", 0.1)

    def refuse(*_: object) -> None:
        raise StoreError("the network is away")

    with Leases(bucket).hold(KEY) as held:
        assert held
        monkeypatch.setattr(Bucket, "write", refuse)
        time.sleep(0.2)
        monkeypatch.setattr(Bucket, "read", refuse)
    assert bucket.size(NAME) is not None


def test_what_another_took_over_is_not_given_back(bucket: Bucket) -> None:
    with Leases(bucket).hold(KEY) as held:
        assert held
        hold_elsewhere(bucket)
    assert json.loads(bucket.read(NAME))["id"] == "other"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"process": 3}', b'{"process": "a b"}'])
def test_a_torn_lease_is_waited_for_like_any(bucket: Bucket, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", 0.1)
    bucket.write(NAME, content)
    mine = Leases(bucket)
    with mine.hold(KEY) as held:
        assert not held
    time.sleep(0.15)
    with mine.hold(KEY) as held:
        assert held


def test_a_process_that_ended_is_known_from_one_that_has_its_number(bucket: Bucket) -> None:
    here = leases._process()
    *machine, pid, began = here.split(" ")
    assert Path(f"/proc/{pid}").exists()
    older = " ".join((*machine, pid, str(int(began) - 1)))
    for process, dead in ((here, False), (older, True)):
        bucket.write(NAME, json.dumps({"id": "x", "process": process}).encode())
        with Leases(bucket).hold(KEY) as held:
            assert held is dead
