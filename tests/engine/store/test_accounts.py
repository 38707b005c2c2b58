"""Stores in folders that several accounts share."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.store.accounts import ALICE, BOB, GROUP, group_folder, needs_accounts, run_as
from tests.engine.store.locations import KEY, key_of, manifest, manifest_name

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError

pytestmark = needs_accounts


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from group_folder()


def commit(root: Path, name: str = "", content: bytes = b"precious bytes") -> bytes:
    """Commit an artifact of one file, and return the bytes of that file in the store."""
    store = LocalStore(root)
    with store.claim(key_of(name)) as claimed, store.scratch(key_of(name)) as scratch:
        assert claimed
        (scratch / "file").write_bytes(content)
        store.commit(manifest((store.put_file("file", scratch / "file"),), name, who=os.getuid()))
    return read(root, name)


def read(root: Path, name: str = "", writable: bool = True) -> bytes:
    artifact = LocalStore(root, writable).read(key_of(name))
    assert artifact is not None
    return artifact.path("file").read_bytes()


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o027, 0o077])
def test_modes_follow_the_umask(folder: Path, umask: int) -> None:
    folder.chmod(0o775)  # not the folder of a group
    run_as(ALICE, lambda: commit(folder / "store", content=b"x"), umask)
    run_as(ALICE, lambda: LocalStore(folder / "store").record_failure(KEY, "no luck"), umask)
    modes = {path.relative_to(folder): stat.S_IMODE(path.stat().st_mode) for path in (folder / "store").rglob("*")}
    for path, mode in modes.items():
        allowed = 0o777 if (folder / path).is_dir() else 0o444 if "objects" in path.parts else 0o666
        assert mode == allowed & ~umask, f"{path}: {mode:o}"


def test_accounts_of_a_group_share_a_store(folder: Path) -> None:
    root = folder / "store"
    run_as(ALICE, lambda: commit(root, "first"))
    run_as(BOB, lambda: commit(root, "second"))
    run_as(BOB, lambda: LocalStore(root).record_failure(KEY, "no luck"))
    run_as(ALICE, lambda: LocalStore(root).record_failure(KEY, "no luck again"))
    run_as(ALICE, lambda: commit(root))
    for user in (ALICE, BOB):
        assert run_as(user, lambda: {read(root, name) for name in ("first", "second")}) == {b"precious bytes"}
        assert run_as(user, lambda: LocalStore(root).failures()) == {}
        assert all(check.problem is None for check in run_as(user, lambda: list(LocalStore(root).check())))
    assert {path.stat().st_gid for path in root.rglob("*")} == {GROUP}
    assert run_as(BOB, lambda: LocalStore(root).sweep({KEY}, remove=True)).artifacts == 2
    assert run_as(ALICE, lambda: [m.key for m in LocalStore(root).list()]) == [KEY]


def test_claim_of_another_account_is_respected(folder: Path) -> None:
    root = folder / "store"

    def claim() -> tuple[bool, set[str]]:
        store = LocalStore(root)
        with store.claim(KEY) as claimed:
            return claimed, store.claimed_keys()

    def claim_while_bob_tries() -> tuple[bool, set[str]]:
        with LocalStore(root).claim(KEY) as claimed:
            assert claimed
            return run_bob()

    def run_bob() -> tuple[bool, set[str]]:
        with LocalStore(root).claim(KEY) as claimed:
            return claimed, LocalStore(root).claimed_keys()

    assert run_as(ALICE, claim_while_bob_tries) == (False, {KEY})
    assert run_as(BOB, claim) == (True, {KEY}), "the file of Alice's lock is still there"
    (lock,) = (root / "locks").iterdir()
    for mode in (0o644, 0o600, 0o000):
        lock.chmod(mode)
        os.chown(lock, ALICE, GROUP)
        assert run_as(BOB, claim)[0]
        lock.touch()


def test_what_an_account_cannot_read_is_an_error_and_stays(folder: Path) -> None:
    root = folder / "store"
    run_as(ALICE, lambda: commit(root))
    path = root / manifest_name()
    path.chmod(0o600)
    before = path.read_bytes()
    for call in (
        lambda: commit(root),
        lambda: read(root),
        lambda: LocalStore(root).select_existing([KEY]),
        lambda: list(LocalStore(root).list()),
        lambda: LocalStore(root).sweep(set(), remove=True),
        lambda: LocalStore(root).sweep({KEY}, remove=True),
    ):
        with pytest.raises(
            StoreError, match=rf"^cannot read {path} in the store {root}: Permission denied; ask its owner"
        ):
            run_as(BOB, call)
    (check,) = run_as(BOB, lambda: list(LocalStore(root).check()))
    assert check.key == KEY
    assert check.problem is None
    assert (check.unreadable or "").startswith(f"cannot read {path} in the store {root}: Permission denied")
    assert path.read_bytes() == before
    assert run_as(ALICE, lambda: read(root)) == b"precious bytes"


def test_object_that_an_account_cannot_read_is_not_damaged(folder: Path) -> None:
    root = folder / "store"
    run_as(ALICE, lambda: commit(root))
    (path,) = (root / "objects").glob("*/*")
    path.chmod(0o400)
    with pytest.raises(StoreError, match="Permission denied; ask its owner"):
        run_as(BOB, lambda: read(root))
    path.parent.chmod(0o700)
    with pytest.raises(StoreError, match="Permission denied; make the folder writable"):
        run_as(BOB, lambda: commit(root))
    path.parent.chmod(0o755)
    assert run_as(ALICE, lambda: read(root)) == b"precious bytes"


def test_read_only_store_serves_readers_and_stays_unchanged(folder: Path) -> None:
    root = folder / "store"
    run_as(ALICE, lambda: commit(root))
    for path in (root, *root.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022)
    before = _all_but_access_times(root)

    def use() -> None:
        store = LocalStore(root, writable=False)
        assert read(root, writable=False) == b"precious bytes"
        assert [m.key for m in store.list()] == [KEY]
        assert [check.problem for check in store.check()] == [None]
        assert (store.failures(), store.swept(), store.claimed_keys()) == ({}, {}, set())
        assert store.sweep(set(), remove=False).artifacts == 1

    run_as(BOB, use)
    with pytest.raises(StoreError, match=r"cannot write to the store .*Permission denied.*--store"):
        run_as(BOB, lambda: LocalStore(root))
    assert _all_but_access_times(root) == before


def _all_but_access_times(root: Path) -> dict[Path, tuple[int, ...]]:
    """Return what a write changes: a read may set the time of the last access."""
    found = {path: path.stat() for path in root.rglob("*")}
    return {
        path: (status.st_mode, status.st_ino, status.st_uid, status.st_gid, status.st_size, status.st_ctime_ns)
        for path, status in found.items()
    }
