from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from prettyuseful.engine.store.folder import SafeFolder
from prettyuseful.engine.store.objects import DamagedError, ObjectFolder

CONTENT, OTHER = b"precious bytes", b"precious bytfs"
NAME = sha256(CONTENT).hexdigest()


def open_objects(root: Path) -> ObjectFolder:
    folder = SafeFolder(root)
    folder.create("objects")
    return ObjectFolder(folder)


@pytest.fixture
def objects(tmp_path: Path) -> ObjectFolder:
    return open_objects(tmp_path / "new" / "root")


@pytest.fixture
def path(objects: ObjectFolder, tmp_path: Path) -> Path:
    """A file that was moved into the folder."""
    (tmp_path / "source").write_bytes(CONTENT)
    objects.take(NAME, tmp_path / "source")
    return objects.path(NAME)


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(OTHER)


def test_file_is_read_only_and_named_by_its_digest(objects: ObjectFolder, path: Path, tmp_path: Path) -> None:
    assert path == tmp_path / "new" / "root" / "objects" / NAME[:2] / NAME == objects.verified_path(NAME)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o222 == 0
    assert list((tmp_path / "new" / "root" / "tmp").iterdir()) == []


def test_interrupted_write_leaves_no_file(objects: ObjectFolder, tmp_path: Path) -> None:
    def write(draft: Path) -> None:
        draft.write_bytes(CONTENT[:3])
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        objects.add(NAME, write)
    assert list((tmp_path / "new" / "root" / "tmp").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        objects.verified_path(NAME)


def test_damaged_file_is_renamed_and_can_be_added_again(objects: ObjectFolder, path: Path) -> None:
    damage(path)
    with pytest.raises(DamagedError):
        objects.verified_path(NAME)
    assert path.with_suffix(".corrupt").read_bytes() == OTHER
    with pytest.raises(FileNotFoundError):
        objects.verified_path(NAME)
    objects.add(NAME, lambda draft: draft.write_bytes(CONTENT))
    assert objects.verified_path(NAME).read_bytes() == CONTENT


def test_later_damage_is_detected_by_size_and_time(objects: ObjectFolder, path: Path) -> None:
    objects.verified_path(NAME)
    damage(path)
    os.utime(path, (1e9, 1e9))
    with pytest.raises(DamagedError):
        objects.verified_path(NAME)


def test_bytes_are_hashed_once(objects: ObjectFolder, path: Path) -> None:
    """A change that keeps size and time is not noticed by this object, but by a new one."""
    times = path.stat()
    objects.verified_path(NAME)
    damage(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert objects.verified_path(NAME) == path
    with pytest.raises(DamagedError):
        open_objects(path.parents[2]).verified_path(NAME)
