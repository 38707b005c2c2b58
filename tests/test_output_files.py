from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.test_deletion import make_deep

from prettyuseful.engine.processes import process_identity
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError
from prettyuseful.output_files import (
    check_outside_stores,
    check_writable,
    convert_write_errors,
    draft_folder,
    exited_drafts,
    is_own_file,
    is_stream,
    make_folder,
    move_to,
    replaceable,
    write_text,
)

# Leaves a folder of drafts with a file in it, like any process that is killed while it writes.
KILLED = """
import os, signal, sys
from pathlib import Path
from prettyuseful.output_files import draft_folder
with draft_folder(Path(sys.argv[1])) as drafts:
    (drafts / "half").write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "first")
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~_umask()
    target.chmod(0o640)
    with target.open() as reader:
        write_text(target, "second \N{SNOWMAN}")
        assert reader.read() == "first"
    assert target.read_text("utf-8") == "second \N{SNOWMAN}"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names(tmp_path) == ["file"]


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_a_link_stays_and_the_file_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/file")
    (tmp_path / "chain").symlink_to("link")
    for text in ("the link dangles", "the file exists"):
        write_text(tmp_path / "chain", text)
        assert (tmp_path / "elsewhere" / "file").read_text() == text
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "chain").is_symlink()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(StoreError, match=r"cannot write to .*circle"):
        write_text(tmp_path / "circle", "x")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: socket.socket(socket.AF_UNIX).bind(str(path))])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x")
    kind = (tmp_path / "x").stat().st_mode
    with pytest.raises(StoreError, match=r"it is a (folder|socket); name a file"):
        write_text(tmp_path / "x", "x")
    assert (tmp_path / "x").stat().st_mode == kind
    assert names(tmp_path) == ["x"]


def test_a_device_is_written_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for device in (Path("/dev/null"), link):
        write_text(device, "x")
        assert stat.S_ISCHR(device.stat().st_mode)
    with pytest.raises(StoreError, match=r"cannot write to /dev/full: No space left on device"):
        write_text(Path("/dev/full"), "x")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)
    assert link.is_symlink()


def test_a_pipe_is_written_to_if_it_has_a_reader(tmp_path: Path) -> None:
    pipe, text, result = tmp_path / "pipe", "x" * 200_000, []
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match=r"no process reads this pipe; start its reader first"):
        write_text(pipe, text)
    reader = threading.Thread(target=lambda: result.append(pipe.read_text()))
    reader.start()
    while not result:
        try:
            write_text(pipe, text)
        except StoreError:  # the reader has not opened it yet
            continue
        reader.join()
    assert result == [text]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_is_written_to_and_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = f"""
from pathlib import Path
from prettyuseful.output_files import is_stream, write_text
print("before", end=" ")
assert is_stream(Path({name!r}))
write_text(Path({name!r}), "text ")
print("after")
"""
    with (tmp_path / "out").open("w+") as out:
        out.write("earlier ")
        out.flush()
        subprocess.run([sys.executable, "-c", code], stdout=out, cwd=tmp_path, check=True)
    assert (tmp_path / "out").read_text() == "earlier before text after\n"


def test_is_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert [is_stream(path) for path in (tmp_path / "pipe", Path("/dev/null"))] == [True, True]
    others = (tmp_path, tmp_path / "file", tmp_path / "new", tmp_path / ("x" * 300), Path("a\0b"))
    assert [is_stream(path) for path in others] == [False] * 5


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    for own in ("", f"{'x' * 3_000_000} by us", f"by us {'x' * 3_000_000}"):
        target.write_text(own)
        write_text(target, "by us", mark=b"by us")
        assert target.read_text() == "by us"
    target.write_text("mine")
    with pytest.raises(StoreError, match=r"README\.md is not a file of prettyuseful, and is not replaced"):
        write_text(target, "by us", mark=b"by us")
    assert target.read_text() == "mine"
    assert [is_own_file(target, mark) for mark in (b"mine", b"by us")] == [True, False]
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    with pytest.raises(StoreError, match="is a link to a file that does not exist; delete the link"):
        write_text(tmp_path / "dangling", "by us", mark=b"by us")
    (tmp_path / "link").symlink_to(target)
    assert [is_own_file(path, b"mine") for path in (tmp_path / "link", tmp_path, tmp_path / "none")] == [False] * 3


def test_names_that_no_file_can_have_are_reported(tmp_path: Path) -> None:
    for name in ("x" * 300, "x/" * 3000, "none/x", "a\0b"):
        with pytest.raises(StoreError) as error:
            write_text(tmp_path / name, "x")
        assert "\n" not in str(error.value)
    with pytest.raises(StoreError, match="File name too long"):
        make_folder(tmp_path / ("x" * 300))
    with pytest.raises(ValueError, match="of a bug"), convert_write_errors(tmp_path):
        raise ValueError("of a bug")


def test_a_folder_is_made_or_reported(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    check_writable(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for folder in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / "loop", Path("/dev/full")):
        with pytest.raises(StoreError, match=r"cannot write to .*: it is no folder; choose another folder with --out"):
            make_folder(folder)
    with pytest.raises(StoreError, match=r"cannot write to .*; free some space, or choose another folder"):
        make_folder(Path("/proc/x"))
    with pytest.raises(StoreError, match="cannot write to"):
        check_writable(Path("/proc"))


def test_results_do_not_lie_in_a_store(tmp_path: Path) -> None:
    LocalStore(tmp_path / "store")
    (tmp_path / "link").symlink_to(tmp_path / "store")
    for name in ("store", "store/objects/83", "store/new/folder", "link", "link/x"):
        with pytest.raises(StoreError, match=r"lies in the store .*store; choose another folder with --out"):
            make_folder(tmp_path / name)
    assert not (tmp_path / "store" / "new").exists()
    make_folder(tmp_path / "beside")
    check_outside_stores(tmp_path / "objects")


def test_deep_drafts_of_a_killed_process_are_deleted(tmp_path: Path) -> None:
    left = tmp_path / f".prettyuseful-{'0' * 32}"
    left.mkdir()
    (left / "owner").write_text(process_identity().rpartition(" ")[0] + " 1")
    make_deep(left / "deep", 1_500)
    write_text(tmp_path / "file", "x")
    assert names(tmp_path) == ["file"]


def test_drafts_are_deleted_after_an_error(tmp_path: Path) -> None:
    def write() -> None:
        with draft_folder(tmp_path) as drafts:
            assert [name[0] for name in names(tmp_path)] == ["."]
            (drafts / "half").write_text("half of it")
            with draft_folder(tmp_path, drafts) as same:
                assert same == drafts
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert names(tmp_path) == []


def test_drafts_of_a_killed_process_are_deleted_by_the_next_write(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert exited_drafts(tmp_path) == [left]
    write_text(tmp_path / "file", "x")
    assert names(tmp_path) == ["file"]


def test_drafts_that_may_be_in_use_and_other_files_are_kept(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "owner").write_text("")
    folder = tmp_path / "folder"
    folder.mkdir()
    hexadecimal = "0123456789abcdef" * 2
    (folder / f".prettyuseful-{hexadecimal}").symlink_to(outside)
    exited = process_identity().rpartition(" ")[0] + " 1"
    owners = {"1" * 32: process_identity(), "2" * 32: "another machine", "f" * 31: exited, "notes": exited}
    for name, owner in owners.items():
        (folder / f".prettyuseful-{name}").mkdir()
        (folder / f".prettyuseful-{name}" / "owner").write_text(owner)
    before = names(folder)
    write_text(folder / "file", "x")
    assert names(folder) == [*before, "file"]
    assert (outside / "owner").exists()


def test_a_draft_is_moved_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "draft").write_text("new")
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o600)
    move_to(tmp_path / "draft", replaceable(tmp_path / "file"))
    assert ((tmp_path / "file").read_text(), stat.S_IMODE((tmp_path / "file").stat().st_mode)) == ("new", 0o600)


def test_drafts_on_a_file_system_without_links_are_deleted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", no_links)
        with draft_folder(tmp_path) as drafts:
            assert (drafts / "owner").read_text() == process_identity()
            (drafts / "owner").write_text(process_identity().rpartition(" ")[0] + " 1")
            assert exited_drafts(tmp_path) == [drafts]
            write_text(tmp_path / "file", "x")
    assert names(tmp_path) == ["file"]
