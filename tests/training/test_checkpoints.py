from __future__ import annotations

import errno
import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from prettyuseful.errors import StepFailedError, StoreError
from prettyuseful.training import checkpoints
from prettyuseful.training.checkpoints import Checkpoints, State, is_like, restore, training_state
from prettyuseful.training.small import SmallNet


@dataclass
class Run:
    """A small training with all kinds of state."""

    build: Callable[[], nn.Module]
    kind: type[torch.optim.Optimizer]
    model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(3)
        self.model = self.build().train()
        self.optimiser = self.kind(self.model.parameters(), lr=1e-2)  # type: ignore[call-arg]
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, lambda step: 1 / (1 + step))
        self.draws = torch.Generator().manual_seed(5)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.9))  # type: ignore[no-untyped-call]

    def steps(self, count: int) -> None:
        for _ in range(count):
            images = torch.randn(4, 3, 32, 32, generator=self.draws)
            loss = nn.functional.cross_entropy(self.model(images), torch.arange(4) % 3)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
            self.average.update_parameters(self.model)

    def state(self) -> State:
        return training_state(self.model, self.optimiser, self.schedule, {"draws": self.draws}, self.average)

    def restore(self, state: State) -> None:
        restore(state, self.model, self.optimiser, self.schedule, {"draws": self.draws}, self.average)


def small() -> nn.Module:
    return SmallNet(3)


def with_dropout() -> nn.Module:
    """Dropout and drop path use torch's global random state."""
    return nn.Sequential(
        timm.create_model("test_resnet", num_classes=8, drop_rate=0.3, drop_path_rate=0.3), nn.Linear(8, 3)
    )


def channels_last() -> nn.Module:
    return small().to(memory_format=torch.channels_last)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam])
@pytest.mark.parametrize("build", [small, with_dropout, channels_last])
def test_an_interrupted_training_ends_with_the_same_weights(
    build: Callable[[], nn.Module], kind: type[torch.optim.Optimizer], tmp_path: Path
) -> None:
    whole = Run(build, kind)
    whole.steps(3)
    Checkpoints(tmp_path).save(1, whole.state() | {"history": [{"loss": 0.1 + 0.2}]})
    whole.steps(3)

    again = Run(build, kind)
    again.steps(1)
    torch.manual_seed(99)
    result = Checkpoints(tmp_path).latest()
    assert result is not None
    assert result[0] == 1
    assert result[1]["history"] == [{"loss": 0.1 + 0.2}]
    again.restore(result[1])
    again.steps(3)

    for one, other in ((whole.model, again.model), (whole.average, again.average)):
        names = one.state_dict()
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in names.items())
    assert again.optimiser.param_groups[0]["lr"] == whole.optimiser.param_groups[0]["lr"]
    # Fused optimisers need moments in the memory layout of the weights.
    for parameter in again.model.parameters():
        assert again.optimiser.state[parameter]["exp_avg"].stride() == parameter.stride()


def test_without_an_average_and_of_another_training() -> None:
    run = Run(small, torch.optim.Adam)
    state = training_state(run.model, run.optimiser, run.schedule, {})
    restore(state, run.model, run.optimiser, run.schedule, {})
    with pytest.raises(StepFailedError, match=r"another training .*head"):
        restore(state, SmallNet(4), run.optimiser, run.schedule, {})
    with pytest.raises(StepFailedError, match=r"another training .*draws"):
        run.restore(state)
    with pytest.raises(StepFailedError, match="belongs to another training"):
        restore(run.state(), run.model, run.optimiser, run.schedule, {})
    with pytest.raises(StepFailedError, match="belongs to another training"):
        restore(state, run.model, run.optimiser, run.schedule, {}, run.average)


def filled(folder: Path, epochs: int = 3) -> list[Path]:
    """Write checkpoints of some epochs, and return their files, the oldest first."""
    kept = Checkpoints(folder)
    for epoch in range(1, epochs + 1):
        kept.save(epoch, {"weights": torch.full((50,), float(epoch))})
    return sorted(folder.iterdir())


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new" / "folder").latest() is None
    assert [file.name.split("-")[1] for file in filled(tmp_path / "kept")] == ["000002", "000003"]
    result = Checkpoints(tmp_path / "kept").latest()
    assert result is not None
    assert result[0] == 3
    assert torch.equal(result[1]["weights"], torch.full((50,), 3.0))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


HOSTILE = {
    "stack": b"\x80\x02s.",
    "memo": b"\x80\x02h\x05.",
    "class": b"cos\nsystem\n(S'true'\ntR.",
    "magic": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02h\x05.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_with_their_checksum_are_a_corrupted_checkpoint(content: bytes, tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / f"v1-000009-{hashlib.sha256(content).hexdigest()}.pt").write_bytes(content)
    kept = Checkpoints(tmp_path)
    result = kept.latest()
    assert result is not None
    assert result[0] == 3
    assert len([*tmp_path.glob("v1-000009-*.corrupt")]) == 1
    assert "epoch 9" in kept.warnings[0]


def test_checkpoint_that_cannot_be_used_is_discarded(tmp_path: Path) -> None:
    filled(tmp_path)
    kept = Checkpoints(tmp_path)
    kept.discard(3, "of another training")
    result = kept.latest()
    assert result is not None
    assert result[0] == 2
    assert kept.warnings == [f"the checkpoint of epoch 3 in {tmp_path} is not used: of another training"]


@pytest.mark.parametrize("name", ["model", "optimiser", "schedule", "generators", "random", "average"])
@pytest.mark.parametrize("value", [None, 3, {}, {"step": 1}, [1], torch.zeros(2)])
def test_state_with_odd_parts_is_of_another_training(name: str, value: object) -> None:
    run = Run(small, torch.optim.Adam)
    with pytest.raises(StepFailedError, match="belongs to another training"):
        run.restore({**run.state(), name: value})


def test_form_of_data() -> None:
    own = {"a": [1, None, (0.5, True)], "b": torch.zeros(2)}
    assert is_like({"a": [2.0, None, (1, 0)], "b": torch.ones(2)}, own)
    for odd in ({"a": [1, None, (0.5, "x")]}, {"a": [1, None, [0.5, True]]}, {"a": [math.inf, None, (0.5, True)]}):
        assert not is_like({**own, **odd}, own)
    for odd_tensor in (torch.zeros(3), torch.zeros(2, dtype=torch.int64), [0.0, 0.0]):
        assert not is_like({**own, "b": odd_tensor}, own)


@pytest.mark.parametrize("damage", [flip_a_byte, truncate_file, empty])
def test_corrupted_checkpoint_falls_back_to_the_previous(damage: Callable[[Path], None], tmp_path: Path) -> None:
    _, newest = filled(tmp_path)
    damage(newest)
    kept = Checkpoints(tmp_path)
    result = kept.latest()
    assert result is not None
    assert result[0] == 2
    assert torch.equal(result[1]["weights"], torch.full((50,), 2.0))
    assert kept.warnings == [f"the checkpoint of epoch 3 in {tmp_path} is corrupted; the training resumes from epoch 2"]
    # After renaming, epoch 3 is saved again, and there is no second warning.
    kept.save(3, {"weights": torch.zeros(1)})
    again = Checkpoints(tmp_path)
    result = again.latest()
    assert result is not None
    assert result[0] == 3
    assert again.warnings == []
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".corrupt", ".pt", ".pt"]


def test_two_corrupted_checkpoints_start_the_training_again(tmp_path: Path) -> None:
    for path, damage in zip(filled(tmp_path), (truncate_file, flip_a_byte), strict=True):
        damage(path)
    kept = Checkpoints(tmp_path)
    assert kept.latest() is None
    assert kept.warnings == [
        f"the checkpoint of epoch {epoch} in {tmp_path} is corrupted; the training starts again" for epoch in (3, 2)
    ]


def test_valid_checksum_of_invalid_content_is_corrupted(tmp_path: Path) -> None:
    """A pickle that would run code is refused, even with a valid checksum."""

    class Hostile:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    kept = Checkpoints(tmp_path)
    kept.save(1, {"weights": Hostile()})
    kept.save(2, [1, 2])  # type: ignore[arg-type]
    assert kept.latest() is None
    assert len(kept.warnings) == 2
    assert not (tmp_path / "ran").exists()


def test_checkpoint_of_another_version_is_ignored_with_a_warning(tmp_path: Path) -> None:
    _, newest = filled(tmp_path)
    later = newest.rename(newest.with_name(newest.name.replace("v1-", "v2-")))
    kept = Checkpoints(tmp_path)
    result = kept.latest()
    assert result is not None
    assert result[0] == 2
    assert kept.warnings == [
        f"the checkpoint {later.name} in {tmp_path} was written by another version of prettyuseful and is ignored"
    ]
    for epoch in (4, 5, 6):
        kept.save(epoch, {})
    assert later.exists()


def test_killed_process_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    child = os.fork()
    if child == 0:
        Path.replace = lambda *_: os._exit(9)  # type: ignore[method-assign]
        try:
            Checkpoints(tmp_path).save(4, {"weights": torch.zeros(50)})
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (draft,) = tmp_path.glob("*.draft")
    kept = Checkpoints(tmp_path)
    result = kept.latest()
    assert result is not None
    assert result[0] == 3
    assert kept.warnings == []
    # Its draft is deleted later, but not while another process might still write it.
    kept.save(4, {})
    assert draft.exists()
    monkeypatch.setattr(checkpoints, "_STALE", -1)
    kept.save(5, {})
    assert not draft.exists()


def test_bytes_reach_the_disk_before_they_are_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, move = os.fsync, Path.replace

    def watched_fsync(handle: int) -> None:
        calls.append("fsync folder" if Path(f"/proc/self/fd/{handle}").readlink() == tmp_path else "fsync")
        fsync(handle)

    def watched_move(path: Path, target: Path) -> Path:
        calls.append("move")
        return move(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_move)
    Checkpoints(tmp_path).save(1, {})
    assert calls == ["fsync", "move", "fsync folder"]


def test_checkpoint_is_due_after_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    kept, always = Checkpoints(tmp_path, every=30), Checkpoints(tmp_path, every=0)
    assert always.is_due()
    assert not kept.is_due()
    now[0] = 130
    assert kept.is_due()
    kept.save(1, {})
    assert not kept.is_due()


def test_unwritable_folder_is_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StoreError, match=r"cannot write checkpoints to .*file/inside: Not a directory; free some"
    ) as error:
        Checkpoints(tmp_path / "file" / "inside")
    assert "\n" not in str(error.value)
    kept = Checkpoints(tmp_path)
    kept.save(1, {})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def hidden(*_: object) -> None:
        try:
            full()
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904

    for failing in (full, hidden):
        monkeypatch.setattr(torch, "save", failing)
        with pytest.raises(StoreError, match="No space left on device"):
            kept.save(2, {})
    monkeypatch.setattr(torch, "save", lambda *_: 1 / int("0"))
    with pytest.raises(ZeroDivisionError):
        kept.save(2, {})
    assert [path.name[:9] for path in tmp_path.iterdir() if path.name != "file"] == ["v1-000001"]


def test_files_of_others_and_links_are_neither_read_nor_deleted(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    kept = Checkpoints(outside)
    kept.save(9, {"lines": "of somebody else"})
    (theirs,) = outside.iterdir()
    folder.mkdir()
    (folder / theirs.name).symlink_to(theirs)
    (folder / f"v1-000008-{'0' * 64}.pt").mkdir()
    os.mkfifo(folder / f"v1-000007-{'0' * 64}.pt")
    for name in ("mine.draft", "tmpmine.draft", "v1-000001-mine.pt"):
        (folder / name).write_text("mine")
        os.utime(folder / name, (0, 0))
    before = sorted(path.name for path in folder.iterdir())
    checkpoints = Checkpoints(folder)
    assert checkpoints.latest() is None
    for epoch in (1, 2, 3):
        checkpoints.save(epoch, {"epoch": epoch})
    assert checkpoints.latest() == (3, {"epoch": 3})
    own = [path.name for path in folder.iterdir() if path.name.startswith(("v1-000002", "v1-000003"))]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, *own])
    assert theirs.exists()


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a symbolic link; delete the link"):
        Checkpoints(tmp_path / "folder")
    assert list((tmp_path / "outside").iterdir()) == []
