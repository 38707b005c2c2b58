from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from tests.launches import CountedLaunches

from prettyuseful.training.device import copy_to, prepare_ahead

CPU = torch.device("cpu")


def test_a_copy_does_not_wait() -> None:
    tensor = torch.ones(3)
    assert copy_to(tensor, CPU) is tensor
    with CountedLaunches("meta") as counted:
        copy_to(tensor, torch.device("meta"))
    assert (counted.copies, counted.waiting) == (1, 0)


def test_on_a_cpu_batches_are_made_when_they_are_needed() -> None:
    made = []

    def batches() -> Iterator[tuple[torch.Tensor, ...]]:
        for i in range(3):
            made.append(i)
            yield (torch.tensor(i),)

    for i, (batch,) in enumerate(prepare_ahead(batches(), CPU)):
        assert (int(batch), made) == (i, [*range(i + 1)])


class FakeStream:
    """Notes what is asked of a stream; there is no GPU here."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes, self.events = name, notes, 0

    def wait_stream(self, other: FakeStream) -> None:
        self.notes.append(f"{self.name} waits for {other.name}")

    def wait_event(self, event: FakeEvent) -> None:
        self.notes.append(f"{self.name} waits for {event.name}")

    def record_event(self) -> FakeEvent:
        self.events += 1
        return FakeEvent(f"{self.name} {self.events - 1}", self.notes)


class FakeEvent:
    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def synchronize(self) -> None:
        self.notes.append(f"host waits for {self.name}")


def test_on_a_gpu_the_next_batch_is_prepared_beside_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    use, prepare = FakeStream("use", notes), FakeStream("prepare", notes)

    @contextmanager
    def stream(chosen: FakeStream) -> Iterator[None]:
        assert chosen is prepare
        yield

    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: use)
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: prepare)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, _: notes.append(f"keep {int(tensor)}"))

    def batches() -> Iterator[tuple[torch.Tensor, ...]]:
        for i in range(3):
            notes.append(f"make {i}")
            yield (torch.tensor(i),)

    for (batch,) in prepare_ahead(batches(), torch.device("cuda")):
        notes.append(f"step {int(batch)}")
    assert notes == [
        "prepare waits for use",
        "make 0",
        *("use waits for prepare 0", "keep 0", "step 0", "make 1"),
        *("use waits for prepare 1", "keep 1", "step 1", "host waits for use 0", "make 2"),
        *("use waits for prepare 2", "keep 2", "step 2", "host waits for use 1"),
    ]
