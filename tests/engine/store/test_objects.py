from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from prettyuseful.engine.store.objects import DamagedError, ObjectFolder

CONTENT, OTHER = b"precious bytes", b"precious bytfs"
NAME = sha256(CONTENT).hexdigest()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectFolder:
    return ObjectFolder(tmp_path / "new" / "root")


@pytest.fixture
def kept(objects: ObjectFolder, tmp_path: Path) -> Path:
    """The file under its name, copied from another place."""
    (tmp_path / "source").write_bytes(CONTENT)
    objects.copy(NAME, tmp_path / "source")
    return objects.path(NAME)


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(OTHER)


def test_a_file_lies_read_only_under_its_digest(objects: ObjectFolder, kept: Path) -> None:
    assert kept == objects.root / "objects" / NAME[:2] / NAME == objects.verified(NAME)
    assert kept.read_bytes() == CONTENT
    assert kept.stat().st_mode & 0o777 == 0o444
    assert list(objects.drafts.iterdir()) == []


def test_what_is_not_written_to_its_end_is_not_there(objects: ObjectFolder) -> None:
    def write(draft: Path) -> None:
        draft.write_bytes(CONTENT[:3])
        raise OSError("the network is away")

    with pytest.raises(OSError, match="the network is away"):
        objects.keep(NAME, write)
    assert list(objects.drafts.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        objects.verified(NAME)


def test_a_damaged_file_is_set_aside_and_can_be_kept_again(objects: ObjectFolder, kept: Path) -> None:
    damage(kept)
    with pytest.raises(DamagedError):
        objects.verified(NAME)
    assert kept.with_suffix(".corrupt").read_bytes() == OTHER
    with pytest.raises(FileNotFoundError):
        objects.verified(NAME)
    objects.keep(NAME, lambda draft: draft.write_bytes(CONTENT))
    assert objects.verified(NAME).read_bytes() == CONTENT


def test_damage_after_a_check_is_seen_by_size_and_time(objects: ObjectFolder, kept: Path) -> None:
    objects.verified(NAME)
    damage(kept)
    os.utime(kept, (1e9, 1e9))
    with pytest.raises(DamagedError):
        objects.verified(NAME)


def test_bytes_are_hashed_once(objects: ObjectFolder, kept: Path) -> None:
    """A file that changes while its size and time do not is taken at its word: by this object, not by the next."""
    times = kept.stat()
    objects.verified(NAME)
    damage(kept)
    os.utime(kept, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert objects.verified(NAME) == kept
    with pytest.raises(DamagedError):
        ObjectFolder(objects.root).verified(NAME)
