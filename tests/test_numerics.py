from __future__ import annotations

import pytest
import torch

from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics, environment


def test_threads_are_set() -> None:
    before = torch.get_num_threads()
    Numerics(threads=2).apply()
    assert torch.get_num_threads() == 2
    Numerics(threads=1).apply()
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(StudyError, match="no CUDA device"):
        Numerics(device="cuda").apply()


def test_the_memory_layout_is_set() -> None:
    layer = Numerics(memory_format="channels_last").place(torch.nn.Conv2d(3, 4, 3))
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_module_is_compiled_if_asked_for() -> None:
    plain, compiled = (Numerics(compile=on).place(torch.nn.Linear(2, 2)) for on in (False, True))
    assert plain._compiled_call_impl is None
    assert compiled._compiled_call_impl is not None


def test_attention_runs_on_the_kernel_that_is_named() -> None:
    def enabled() -> list[bool]:
        return [
            getattr(torch.backends.cuda, f"{kernel}_sdp_enabled")() for kernel in ("flash", "math", "mem_efficient")
        ]

    before = enabled()
    found = []
    for kernel in ("auto", "flash", "math", "efficient"):
        with Numerics.model_validate({"attention": kernel}).attending():
            found.append(enabled())
        assert enabled() == before
    assert found == [before, [True, False, False], [False, True, False], [False, False, True]]


def test_the_environment_names_what_equal_bytes_depend_on() -> None:
    found = environment()
    assert found.python
    assert found.system
    assert {"torch", "diffusers", "transformers", "numpy", "pillow", "pyarrow"} <= set(found.packages)
    assert found.packages["torch"] == torch.__version__.split("+")[0] or "+" in found.packages["torch"]
