from __future__ import annotations

import json
import time
from pathlib import Path

import fsspec
import pytest
from tests.engine.store.locations import KEY

from prettyuseful.engine.processes import process_identity
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
    """Write the lease of a process on another machine."""
    bucket.write(NAME, json.dumps({"id": "other", "process": "elsewhere boot 1 2", "beat": beat}).encode())


def test_lease_without_renewal_is_taken_over(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.3)
    hold_elsewhere(bucket)
    our_leases = Leases(bucket)
    with our_leases.hold(KEY) as held:
        assert not held, "not yet observed long enough"
    time.sleep(0.35)
    with our_leases.hold(KEY) as held:
        assert held
        with Leases(bucket).hold(KEY) as another:
            assert not another


def test_renewed_lease_is_not_taken_over(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.3)
    our_leases = Leases(bucket)
    for beat in range(6):
        hold_elsewhere(bucket, beat)
        with our_leases.hold(KEY) as held:
            assert not held
        time.sleep(0.1)


def test_different_clocks_are_safe(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is a day ahead considers no lease active, but takes none over."""
    monkeypatch.setattr(Bucket, "age", lambda *_: 24 * 3600.0)
    hold_elsewhere(bucket)
    our_leases = Leases(bucket)
    assert our_leases.held_keys() == set()
    with our_leases.hold(KEY) as held:
        assert not held


def test_holder_renews_its_lease(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.4)
    other = Leases(bucket)
    with Leases(bucket).hold(KEY) as held:
        assert held
        for _ in range(8):
            with other.hold(KEY) as other_held:
                assert not other_held
            time.sleep(0.1)
        assert json.loads(bucket.read(NAME))["beat"] >= 3
    assert bucket.size(NAME) is None


def test_temporary_storage_failure_does_not_end_the_lease_block(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.1)

    def fail(*_: object) -> None:
        raise StoreError("no network")

    with Leases(bucket).hold(KEY) as held:
        assert held
        monkeypatch.setattr(Bucket, "write", fail)
        time.sleep(0.2)
        monkeypatch.setattr(Bucket, "read", fail)
    assert bucket.size(NAME) is not None


def test_lease_of_another_holder_is_not_removed(bucket: Bucket) -> None:
    with Leases(bucket).hold(KEY) as held:
        assert held
        hold_elsewhere(bucket)
    assert json.loads(bucket.read(NAME))["id"] == "other"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"process": 3}', b'{"process": "a b"}'])
def test_invalid_lease_expires_like_a_valid_one(
    bucket: Bucket, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.1)
    bucket.write(NAME, content)
    our_leases = Leases(bucket)
    with our_leases.hold(KEY) as held:
        assert not held
    time.sleep(0.15)
    with our_leases.hold(KEY) as held:
        assert held


def test_exited_process_is_distinguished_from_one_with_the_same_pid(bucket: Bucket) -> None:
    here = process_identity()
    *machine, pid, start = here.split(" ")
    assert Path(f"/proc/{pid}").exists()
    older = " ".join((*machine, pid, str(int(start) - 1)))
    for process, expected in ((here, False), (older, True)):
        bucket.write(NAME, json.dumps({"id": "x", "process": process}).encode())
        with Leases(bucket).hold(KEY) as held:
            assert held is expected
