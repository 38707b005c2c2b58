from __future__ import annotations

from typing import Any

import pytest

from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.study.numerics import StudyNumerics


@pytest.mark.parametrize(
    ("said", "generation", "training"),
    [
        ({}, ("float32", "contiguous"), ("float32", "contiguous")),
        ({"device": "cuda"}, ("float16", "contiguous"), ("bfloat16", "channels_last")),
        ({"dtype": "float16"}, ("float16", "contiguous"), ("bfloat16", "contiguous")),
        ({"device": "cuda", "dtype": "float32"}, ("float32", "contiguous"), ("float32", "channels_last")),
        (
            {"device": "cuda", "memory_format": "contiguous"},
            ("float16", "contiguous"),
            ("bfloat16", "contiguous"),
        ),
        ({"memory_format": "channels_last"}, ("float32", "channels_last"), ("float32", "channels_last")),
    ],
)
def test_auto_is_resolved_for_each_kind_of_step(
    said: dict[str, Any], generation: tuple[str, str], training: tuple[str, str]
) -> None:
    numerics = StudyNumerics.model_validate(said)
    made = numerics.of_generation("float16")
    assert (made.dtype, made.memory_format) == generation
    for found in (numerics.of_training(), numerics.of_inference()):
        assert (found.dtype, found.memory_format) == training


def test_each_kind_of_step_is_given_what_it_looks_at() -> None:
    said = StudyNumerics(threads=3, compile=True, images_at_once=8, attention="math", fuse_projections=True)
    assert said.of_training() == TrainingNumerics(threads=3, compile=True, images_at_once=8)
    assert said.of_inference() == Numerics(threads=3, compile=True)
    assert said.of_steps() == Numerics(threads=3, compile=True)
    assert said.of_generation("float32") == Numerics(threads=3, compile=True, attention="math", fuse_projections=True)
