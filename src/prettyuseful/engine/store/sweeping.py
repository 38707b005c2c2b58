"""What a sweep deletes, shared by all kinds of stores."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Self

from prettyuseful.engine.store.base import GRACE_SECONDS, Manifest


@dataclass(frozen=True)
class Division:
    """The artifacts and files of a store, divided by what is kept.

    Attributes:
        unused: keys of the artifacts that are deleted, in the order of the manifests.
        needed: digests of the files of artifacts that are kept.
        unreferenced: digests of the files that only unused artifacts have.
    """

    unused: tuple[str, ...]
    needed: Set[str]
    unreferenced: Set[str]

    @classmethod
    def of(cls, manifests: Iterable[tuple[str, Manifest | None]], keep: Set[str]) -> Self:
        """Divide manifests, given with their keys; an invalid one, None, is not kept."""
        unused, needed, unreferenced = list[str](), set[str](), set[str]()
        for key, manifest in manifests:
            if manifest is None or key not in keep:
                unused.append(key)
                unreferenced |= files_of([manifest])
            else:
                needed |= files_of([manifest])
        return cls(tuple(unused), needed, unreferenced - needed)

    def is_removable(self, sha256: str, age: float) -> bool:
        """Whether a file may be deleted: only unused artifacts have it, or none has it and it is older than a day.

        `age`: seconds since it was written.
        """
        return sha256 in self.unreferenced or (sha256 not in self.needed and age > GRACE_SECONDS)


def files_of(manifests: Iterable[Manifest | None]) -> set[str]:
    """Return the digests of all files of the valid manifests."""
    return {entry.sha256 for manifest in manifests if manifest for entry in manifest.files}
