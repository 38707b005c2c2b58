from __future__ import annotations

from typing import Any

import pytest

from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.study.numerics import StudyNumerics


@pytest.mark.parametrize(
    ("settings", "generation", "training"),
    [
        ({}, ("float32", "contiguous"), ("float32", "channels_last")),
        ({"device": "cuda"}, ("float16", "contiguous"), ("bfloat16", "channels_last")),
        ({"dtype": "float16"}, ("float16", "contiguous"), ("bfloat16", "channels_last")),
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
    settings: dict[str, Any], generation: tuple[str, str], training: tuple[str, str]
) -> None:
    numerics = StudyNumerics.model_validate(settings)
    for_generation = numerics.generation_numerics("float16")
    assert (for_generation.dtype, for_generation.memory_format) == generation
    for step_numerics in (numerics.training_numerics(), numerics.inference_numerics()):
        assert (step_numerics.dtype, step_numerics.memory_format) == training


def test_recomputing_is_a_setting_of_training_that_is_in_keys_only_if_set() -> None:
    plain = StudyNumerics(memory_format="contiguous").training_numerics()
    assert "recompute" not in plain.model_dump()
    assert plain.model_dump() == {**Numerics().model_dump(), "images_at_once": None}
    again = StudyNumerics(recompute=True)
    assert again.training_numerics().model_dump()["recompute"] is True
    for numerics in (again.generation_numerics("float16"), again.inference_numerics(), again.step_numerics()):
        assert type(numerics) is Numerics
        assert "recompute" not in numerics.model_dump()


def test_each_kind_of_step_gets_only_the_settings_that_affect_it() -> None:
    numerics = StudyNumerics(threads=3, compile=True, images_at_once=8, attention="math", fuse_projections=True)
    classifiers = {"threads": 3, "compile": True, "memory_format": "channels_last"}
    assert numerics.training_numerics() == TrainingNumerics.model_validate({**classifiers, "images_at_once": 8})
    assert numerics.inference_numerics() == Numerics.model_validate(classifiers)
    assert numerics.step_numerics() == Numerics(threads=3, compile=True)
    assert numerics.generation_numerics("float32") == Numerics(
        threads=3, compile=True, attention="math", fuse_projections=True
    )


def test_tf32_is_for_generation_and_classifiers_and_never_for_metrics() -> None:
    on_gpu = StudyNumerics(device="cuda", float32_precision="tf32")
    assert on_gpu.generation_numerics("float16").float32_precision == "tf32"
    assert on_gpu.training_numerics().float32_precision == on_gpu.inference_numerics().float32_precision == "tf32"
    assert on_gpu.step_numerics().float32_precision == "ieee"
    assert StudyNumerics(device="cuda").training_numerics().float32_precision == "ieee"
