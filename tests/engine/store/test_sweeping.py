from __future__ import annotations

from tests.engine.store.locations import key_of, manifest

from prettyuseful.engine.store.base import GRACE_SECONDS, FileEntry
from prettyuseful.engine.store.sweeping import Division, files_of

SHARED, OWN, OTHER = (FileEntry(name=name, size=1, sha256=name * 64) for name in "abc")
KEPT, UNUSED, BROKEN = key_of("kept"), key_of("unused"), key_of("broken")
MANIFESTS = [(KEPT, manifest((SHARED,), "kept")), (UNUSED, manifest((SHARED, OWN), "unused")), (BROKEN, None)]


def test_artifacts_that_are_not_kept_or_not_valid_are_unused() -> None:
    division = Division.of(MANIFESTS, {KEPT, BROKEN})
    assert division.unused == (UNUSED, BROKEN)
    assert (division.needed, division.unreferenced) == ({SHARED.sha256}, {OWN.sha256})


def test_files_of_unused_artifacts_are_removable_at_once_and_unknown_ones_after_a_day() -> None:
    division = Division.of(MANIFESTS, {KEPT})
    old = 2 * GRACE_SECONDS
    assert [division.is_removable(e.sha256, 0) for e in (SHARED, OWN, OTHER)] == [False, True, False]
    assert [division.is_removable(e.sha256, old) for e in (SHARED, OWN, OTHER)] == [False, True, True]


def test_files_of_invalid_manifests_are_unknown() -> None:
    assert files_of(manifest for _, manifest in MANIFESTS) == {SHARED.sha256, OWN.sha256}
    assert files_of([None]) == set()
