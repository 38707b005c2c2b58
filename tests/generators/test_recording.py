"""Records hold nested values, are stored as tensors, and are repeated for any number of images as the pipeline does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings
from prettyuseful.generators.recording import (
    NotRecordableError,
    from_embedding,
    given_back,
    read_form,
    recorded_calls,
    to_embedding,
)

EMBEDDING, MASK = torch.randn(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)
HALVES = torch.randn(2, 3, 2).bfloat16()  # negative and positive, or the other way round


def encode(images: int) -> Any:
    """Return nested values as pipelines do, for a number of images of a prompt."""
    return (
        EMBEDDING.repeat(images, 1, 1),
        [MASK] * images,
        HALVES.repeat_interleave(images, 0),
        HALVES.repeat(images, 1, 1),
        {"ids": torch.arange(3), "none": None, "words": ["a", 2, 0.5, True]},
        [],
    )


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return type(first) is type(second) and len(first) == len(second) and all(map(equal, first, second))
    return type(first) is type(second) and first == second


@pytest.mark.parametrize("images", [1, 2, 5])
def test_a_stored_record_gives_the_values_for_any_number_of_images(images: int, tmp_path: Path) -> None:
    record = to_embedding("a caf\u00e9", [encode(1), EMBEDDING], [encode(2), EMBEDDING])
    save_embeddings({4: record}, {}, tmp_path)
    stored = StoredEmbeddings([tmp_path / FILE]).load(4)
    assert read_form(stored) == ("a caf\u00e9", True)
    assert equal(from_embedding(stored, images, "cpu"), [encode(images), EMBEDDING])


def test_tensors_are_new_ones_for_every_call() -> None:
    record = to_embedding("", [EMBEDDING], None)
    from_embedding(record, 1, "cpu")[0].zero_()
    assert equal(from_embedding(record, 1, "cpu"), [EMBEDDING])
    assert read_form(record) == ("", False)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(1, 2), torch.ones(2, 2)),
        (torch.zeros(1, 2), torch.zeros(2, 4)),
        (torch.zeros(2), torch.zeros(1, 2)),
        ([1, 2], [1, 2, 3]),
        (1, 2),
        (object(), object()),
        (torch.Generator(), torch.Generator()),
    ],
)
def test_other_values_cannot_be_recorded(one: Any, two: Any) -> None:
    with pytest.raises(NotRecordableError, match="encode_prompt returns"):
        to_embedding("", [one], [two])


class Pipeline:
    """Calls its method within itself, as some do for the negative prompt."""

    def encode_prompt(self, prompt: str, negative: str = "") -> str:
        return f"{prompt} {self.encode_prompt(negative)}" if negative else prompt


def test_only_the_outermost_calls_are_recorded_and_given_back() -> None:
    pipeline = Pipeline()
    with recorded_calls(pipeline) as outputs:
        pipeline.encode_prompt("cat", "dog")
        pipeline.encode_prompt("bird")
    assert outputs == ["cat dog", "bird"]
    with given_back(pipeline, outputs):
        call: Callable[..., str] = pipeline.encode_prompt
        assert [call("x", "y"), call("z")] == outputs
        with pytest.raises(NotRecordableError, match="more than 2 times"):
            call("w")
    assert pipeline.encode_prompt("x") == "x"
