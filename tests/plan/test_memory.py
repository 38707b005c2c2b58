"""What is predicted to exceed the memory of a GPU is said before it runs."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from tests.plan.plans import plan_study

from prettyuseful.plan.memory import gpu_memory, memory_warnings
from prettyuseful.plan.study import Plan

STUDY = """
version: 1
task: photos
numerics: {device: %s}
datasets:
  big: {generator: qwen-image, images_per_class: 50}
  small: {generator: sd-1.5, images_per_class: 50}
metrics: []
train: {seeds: [0]}
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_study(STUDY % "cuda")


def lines(plan: Plan, card: int | None) -> list[str]:
    return list(memory_warnings(plan.steps.values(), card))


def test_each_data_set_is_named_once_with_a_micro_batch_that_fits(plan: Plan) -> None:
    assert lines(plan, None) == lines(plan, int(80e9)) == []
    (line,) = lines(plan, int(48.5e9))
    assert line.startswith("data set big: 25 images of qwen-image at once need 5")
    assert ", and this GPU has 48.5 GB; set micro_batch: " in line
    mended = plan_study(STUDY.replace("50}", "50, micro_batch: 5}", 1) % "cuda")
    assert lines(mended, int(52e9)) == []


def test_what_never_fits_is_said_with_what_may(plan: Plan) -> None:
    (line,) = lines(plan, int(24e9))
    assert line.endswith("; not even one image fits: use a smaller size, or sampling: {quantise: float8}")


def test_a_step_that_encodes_needs_no_memory_for_text_encoders_and_sampling_together() -> None:
    """With a prompt for each image, it moves the weights that sample out of the device."""
    captions = "50, prompts: {strategy: template, templates: %s}}" % [f"{{}} {number}" for number in range(50)]
    study = STUDY.replace("50}", captions, 1).replace("qwen-image", "sd3.5-large")
    plan = plan_study(study % "cuda")
    needed = [step.spec.needs.memory for step in plan.steps.values() if getattr(step.spec, "encoding", None)]
    assert needed == [pytest.approx(28e9, rel=0.01)] * len(needed) != []  # 16.5 GB that sample, 11.5 GB that encode
    assert lines(plan, int(23.5e9)) == []
    told = lines(plan, int(11e9))
    assert "steps that encode sd3.5-large need 11.5 GB, and this GPU has 11.0 GB" in told
    assert any(line.startswith("data set big: 12 images of sd3.5-large at once need 23") for line in told)
    on_cpu = plan_study(study % "cpu")
    needed = [step.spec.needs.memory for step in on_cpu.steps.values() if getattr(step.spec, "encoding", None)]
    assert min(needed) > 2 * 28e9  # in float32, with what denoising needs


def test_steps_on_cpus_are_not_compared_with_a_gpu() -> None:
    assert lines(plan_study(STUDY % "cpu"), int(1e9)) == []


@pytest.mark.parametrize(("answer", "expected"), [("81559\n24564\n", 24564 << 20), ("", None), ("[N/A]\n", None)])
def test_the_smallest_gpu_counts(monkeypatch: pytest.MonkeyPatch, answer: str, expected: int | None) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer))
    assert gpu_memory() == expected


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(subprocess, "run", run)
    assert gpu_memory() is None
