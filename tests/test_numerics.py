from __future__ import annotations

from typing import Literal

import pytest
import torch

from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics, TrainingNumerics, environment


def test_apply_sets_the_number_of_threads() -> None:
    before = torch.get_num_threads()
    Numerics(threads=2).apply()
    assert torch.get_num_threads() == 2
    Numerics(threads=1).apply()
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


@pytest.mark.parametrize("precision", ["tf32", "ieee"])
def test_apply_sets_the_precision_of_float32(precision: Literal["tf32", "ieee"]) -> None:
    Numerics(float32_precision=precision).apply()
    assert torch.backends.cuda.matmul.allow_tf32 == (precision == "tf32")
    assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
    Numerics().apply()


def test_the_precision_of_float32_is_a_setting_of_gpus_only() -> None:
    assert Numerics(device="cuda").model_dump()["float32_precision"] == "ieee"
    assert Numerics(float32_precision="tf32").model_dump() == Numerics().model_dump()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_reported() -> None:
    with pytest.raises(StudyError, match="no CUDA device"):
        Numerics(device="cuda").apply()


def test_prepare_sets_the_memory_format() -> None:
    layer = Numerics(memory_format="channels_last").prepare(torch.nn.Conv2d(3, 4, 3))
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_prepare_compiles_if_requested() -> None:
    plain, compiled = (Numerics(compile=compiled).prepare(torch.nn.Linear(2, 2)) for compiled in (False, True))
    assert plain._compiled_call_impl is None
    assert compiled._compiled_call_impl is not None


def test_attention_runs_on_the_chosen_kernel() -> None:
    def enabled() -> list[bool]:
        return [
            getattr(torch.backends.cuda, f"{kernel}_sdp_enabled")() for kernel in ("flash", "math", "mem_efficient")
        ]

    before = enabled()
    kernels = []
    for kernel in ("auto", "flash", "math", "efficient"):
        with Numerics.model_validate({"attention": kernel}).attention_kernel():
            kernels.append(enabled())
        assert enabled() == before
    assert kernels == [before, [True, False, False], [False, True, False], [False, False, True]]


def test_the_environment_lists_system_and_package_versions() -> None:
    current = environment()
    assert current.python
    assert current.system
    assert {"torch", "diffusers", "transformers", "numpy", "pillow", "pyarrow"} <= set(current.packages)
    assert current.packages["torch"] == torch.__version__.split("+")[0] or "+" in current.packages["torch"]


def test_only_training_on_a_gpu_lets_cudnn_choose_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image must not depend on the process that made it, and on a CPU there is nothing to choose."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for numerics in (TrainingNumerics(device="cuda"), Numerics(device="cuda"), TrainingNumerics()):
        numerics.apply()
        assert torch.backends.cudnn.benchmark == (numerics == TrainingNumerics(device="cuda"))
