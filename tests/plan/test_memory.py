"""What is predicted to exceed the memory of a GPU is said before it runs."""

from __future__ import annotations

import pytest
from tests.plan.plans import plan_study, specs

from prettyuseful.cards import CARDS, DEFAULT_CARD
from prettyuseful.plan.memory import memory_warnings
from prettyuseful.plan.predictions import Predictions
from prettyuseful.plan.study import Plan
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.tuning import TuneSpec

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
    this = DEFAULT_CARD if card is None else CARDS["h100"].model_copy(update={"memory": card, "words": "this GPU"})
    return list(memory_warnings(plan.steps.values(), Predictions(plan.steps, len(plan.task.classes), this)))


def encoding_specs(plan: Plan) -> list[GenerateSpec]:
    return [spec for spec in specs(plan, GenerateSpec) if spec.encoding]


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
    in_main_memory = [spec.needs.memory for spec in encoding_specs(plan)]  # 16.5 GB that sample, 11.5 GB that encode
    assert in_main_memory == [pytest.approx(28e9, rel=0.01)] * len(in_main_memory) != []
    (peak,) = {spec.peak_memory for spec in encoding_specs(plan)}
    assert peak == pytest.approx(23e9, rel=0.01)
    assert lines(plan, int(23.5e9)) == []
    warnings = lines(plan, int(11e9))
    assert "steps that encode sd3.5-large need 11.5 GB, and this GPU has 11.0 GB" in warnings
    assert any(line.startswith("data set big: 12 images of sd3.5-large at once need 23") for line in warnings)
    on_cpu = plan_study(study % "cpu")
    needed = [spec.needs.memory for spec in encoding_specs(on_cpu)]
    assert min(needed) > 2 * 28e9  # in float32, with what denoising needs


def test_steps_on_cpus_are_not_compared_with_a_gpu() -> None:
    assert lines(plan_study(STUDY % "cpu"), int(1e9)) == []


def test_trainings_say_how_their_batches_are_divided() -> None:
    trained = """
    version: 1
    task: photos
    numerics: {device: cuda}
    datasets: {a: {generator: sd-1.5, images_per_class: 70}}
    metrics: []
    train: {seeds: [0], architectures: [vit_tiny_patch16_224, resnet10t], recipes: [paper]}
    """
    plan = plan_study(trained)
    assert lines(plan, int(40e9)) == []
    (network,) = lines(plan, int(16e9))
    assert network.startswith("trainings of vit_tiny_patch16_224 at 224 px with 1,024 images at once need 19.")
    assert network.endswith("gradients are accumulated over 2 parts of 512")
    warnings = lines(plan, int(6e9))
    (network,) = (line for line in warnings if "resnet10t" in line)  # parts would have other statistics of batch norm
    assert "; set numerics.recompute: true or numerics.images_at_once, or choose" in network
    divided = trained.replace("cuda", "cuda, images_at_once: 64").replace(", resnet10t", "")
    assert lines(plan_study(divided), int(16e9)) == []


TUNED = """
version: 1
task: photos
numerics: {device: %s}
tune: {mine: {of: %s, images_per_class: 8}}
datasets:
  tuned: {generator: {model: %s, lora: mine}, images_per_class: 25%s}
metrics: []
train: {seeds: [0]}
"""


def tuned(device: str = "cuda", model: str = "sdxl", more: str = "") -> Plan:
    return plan_study(TUNED % (device, model, model, more))


def test_a_tuning_says_how_its_batch_is_divided() -> None:
    plan = tuned()
    assert lines(plan, int(40e9)) == []
    (warning,) = lines(plan, int(24e9))
    assert warning == (
        "tuning mine: 4 images of sdxl at once need 36.4 GB, and this GPU has 24.0 GB; gradients are accumulated over "
        "parts of 2"
    )
    warning = next(line for line in lines(plan, int(10e9)) if line.startswith("tuning"))
    assert warning.endswith("; not even one image fits: set a smaller size, or tune a smaller model")
    encoding = next(line for line in lines(tuned(model="sd3-medium"), int(10e9)) if line.startswith("tuning"))
    assert encoding.startswith("tuning mine: the text encoders of sd3-medium need 11.5 GB, and this GPU has 10.0 GB")


def test_the_memory_of_a_tuning_is_that_where_it_runs() -> None:
    """On a GPU, all weights are loaded through main memory; on a CPU, they are float32 and stay there."""
    (step,) = (step for step in tuned().steps.values() if isinstance(step.spec, TuneSpec))
    card = CARDS["h100"].model_copy(update={"memory": int(24e9)})
    divided = Predictions({step.key: step}, 16, card).memory(step)
    assert divided == pytest.approx(21.0e9, rel=0.01)
    assert step.spec.needs.memory == pytest.approx(5.3e9, rel=0.01)
    (on_cpu,) = specs(tuned("cpu"), TuneSpec)
    assert on_cpu.needs.memory == pytest.approx(55.5e9, rel=0.02)
    (unknown,) = specs(tuned("cpu", "pocket-base"), TuneSpec)
    assert unknown.needs.memory == 0


def test_the_weights_of_an_image_prompt_are_added() -> None:
    prompt = "{generator: sd-1.5, images_per_class: 50, condition: {kind: image-prompt, adapter: {id: h94/IP-Adapter}}}"
    plain, prompted = (
        plan_study(
            f"{{version: 1, task: photos, numerics: {{device: cuda}}, metrics: [], train: {{seeds: [0]}}, "
            f"datasets: {{a: {text}}}}}"
        )
        for text in ("{generator: sd-1.5, images_per_class: 50}", prompt)
    )
    more = {b - a for a in peaks(plain) for b in peaks(prompted)}
    assert more == {2 * 632_080_000}
    of_main = {spec.needs.memory for spec in specs(prompted, GenerateSpec)}
    assert of_main == {spec.needs.memory + 2 * 632_080_000 for spec in specs(plain, GenerateSpec)}


def peaks(plan: Plan) -> set[int]:
    return {spec.peak_memory for spec in specs(plan, GenerateSpec)}
