"""The steps that decode images, apply probes, and train and test classifiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file
from tests.plan.plans import BASE, PROBED, STUDY, dataset, kinds, plan_study, specs, trained

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.plan.study import Plan
from prettyuseful.steps.classifiers import DecodeSpec, EvaluateSpec, TrainSpec

PlanOf = Callable[..., Plan]


def test_a_probe_is_applied_to_training_and_test_images() -> None:
    plan = plan_study(PROBED)
    assert (
        kinds(plan).count("probe") == 3 * 3
    )  # three probes with a transform; generated, real training and real test images
    for run in plan.runs:
        steps = [plan.steps[run.train], *(plan.steps[key] for key in run.evaluations.values())]
        seen = [plan.steps[step.inputs["pixels"]] for step in steps]
        assert {step.spec.kind for step in seen} == {"decode" if run.cell.probe == "rgb" else "probe"}
        assert len({step.spec.model_dump_json(include={"transform", "stored_size"}) for step in seen}) == 1


def test_keys_contain_the_transform_of_a_probe_but_not_its_name() -> None:
    same = PROBED.replace("coarse", "blurred")
    other = PROBED.replace("[0, 0.25]", "[0, 0.3]")
    trained = [{run.cell.probe: run.train for run in plan_study(text).runs} for text in (PROBED, same, other)]
    assert trained[0]["coarse"] == trained[1]["blurred"] != trained[2]["coarse"]
    assert trained[0]["edges"] == trained[2]["edges"]


def test_unknown_names_in_a_probe_are_reported() -> None:
    with pytest.raises(UnknownNameError, match="probe 'sieved': unknown generator 'pocket-bse'"):
        plan_study(PROBED.replace("kind: vae, generator: pocket-base", "kind: vae, generator: pocket-bse"))


@pytest.mark.parametrize("numerics", ["micro_batch: 7", "attention: math", "fuse_projections: true"])
def test_generation_settings_do_not_change_training_keys(numerics: str) -> None:
    plans = [plan_study(STUDY), plan_study(f"{STUDY}numerics: {{{numerics}}}\n")]
    real, generated = (
        [{r.train for r in plan.runs if (r.dataset == "real") is is_real} for plan in plans]
        for is_real in (True, False)
    )
    assert real[0] == real[1]
    assert not generated[0] & generated[1]


@pytest.mark.parametrize(
    ("numerics", "same"),
    [
        ("dtype: bfloat16", False),
        ("images_at_once: 8", False),
        ("memory_format: contiguous", False),
        ("dtype: float32", True),
    ],
)
def test_training_keys_contain_the_settings_of_training(numerics: str, same: bool) -> None:
    trained = [{run.train for run in plan_study(text).runs} for text in (STUDY, f"{STUDY}numerics: {{{numerics}}}\n")]
    assert (trained[0] == trained[1]) is same


def test_images_at_once_does_not_change_image_and_test_keys() -> None:
    plans = [plan_study(STUDY), plan_study(f"{STUDY}numerics: {{images_at_once: 8}}\n")]
    for kind in ("generate", "decode"):
        first, second = ({key for key, step in plan.steps.items() if step.spec.kind == kind} for plan in plans)
        assert first == second
    specs = [{s.spec.model_dump_json() for s in plan.steps.values() if s.spec.kind == "evaluate"} for plan in plans]
    assert specs[0] == specs[1]


def test_a_texture_probe_classifies_a_grid_of_crops() -> None:
    plan = plan_study(STUDY.replace("train: {", "train: {probes: [texture], "))
    assert {run.cell.names for run in plan.runs} == {("bagnet9", "small-texture", "texture")}
    specs = [step.spec for step in plan.steps.values() if step.spec.kind == "evaluate"]
    assert all(spec.model_dump()["view"] == {"resize": 32, "size": 24, "crops": 2} for spec in specs)


def test_pretraining_reuses_the_training_of_the_other_data_set(plan_of: PlanOf) -> None:
    plan = plan_of(
        f"{BASE}tuned: {{mix: {{real: 6}}, pretrain: base}}\nscratch: {{mix: {{real: 6}}}}\n"
        "chain: {generator: pocket-base, images_per_class: 6, seed: 1, pretrain: tuned}\n"
        "after: {generator: pocket-base, images_per_class: 6, pretrain: real}"
    )
    trained = {run.dataset: plan.steps[run.train] for run in plan.runs}
    assert trained["tuned"].inputs["start"] == trained["base"].key
    assert trained["chain"].inputs["start"] == trained["tuned"].key
    assert trained["after"].inputs["start"] == trained["real"].key
    assert "start" not in trained["scratch"].inputs
    assert trained["scratch"].inputs["pixels"] == trained["tuned"].inputs["pixels"]
    assert len({step.key for step in trained.values()}) == len(trained) == 7
    assert dataset(plan, "tuned").keys["dataset"] == dataset(plan, "scratch").keys["dataset"]


def test_pretraining_on_real_images_uses_equally_many(plan_of: PlanOf) -> None:
    base = "{{generator: pocket-base, images_per_class: {}, pretrain: real}}"
    plan = plan_of(f"few: {base.format(4)}\nmany: {base.format(6)}\nall: {base.format(100)}")
    real = {run.images_per_class.smallest: run.train for run in plan.runs if run.dataset == "real"}
    starts = {run.dataset: plan.steps[run.train].inputs.get("start") for run in plan.runs}
    assert (starts["few"], starts["many"], starts["all"]) == (real[4], real[6], real[8])


def test_images_are_decoded_once_for_all_classifiers(plan_of: PlanOf) -> None:
    train = "train: {seeds: [0, 1], architectures: [small, resnet18], recipes: [small, quick]}"
    plan = plan_of(f"{BASE}", train)
    sizes = {spec.stored_size for spec in specs(plan, DecodeSpec)}
    assert sizes == {32, 144}
    assert kinds(plan).count("decode") == 2 * 4  # both data sets, real training and real test images
    assert kinds(plan).count("train") == 2 * 2 * 2 * 3


def test_work_units_count_images_times_epochs_or_crops(plan_of: PlanOf) -> None:
    plan = plan_of(BASE, "train: {seeds: [0], probes: [rgb, texture]}")
    [plain, texture] = [run for run in plan.runs if run.dataset == "base"]
    assert plan.steps[plain.train].units == 12 * trained(plain.cell).recipe.epochs
    assert plan.steps[plain.evaluations["real"]].units == 28
    assert plan.steps[texture.evaluations["real"]].units == 28 * 4


def test_labels_contain_data_set_probe_and_seed(plan_of: PlanOf) -> None:
    plan = plan_of(BASE, "train: {seeds: [3], probes: [rgb, edges]}")
    labels = [step.label for step in plan.steps.values() if isinstance(step.spec, TrainSpec | EvaluateSpec)]
    assert "train small on base, seed 3" in labels
    assert "train small on 6 real, edges, seed 3" in labels
    assert "test small on 6 real, edges, seed 3 on base" in labels


def test_keys_contain_the_content_of_pretrained_weights_where_they_are_used(plan_of: PlanOf, tmp_path: Path) -> None:
    state = timm.create_model("resnet10t", pretrained=False).state_dict()
    for name in ("a", "b"):
        save_file(state, tmp_path / f"{name}.safetensors")

    def plan(name: str, recipes: str) -> Plan:
        weights = f"weights: {{resnet10t: {tmp_path}/{name}.safetensors}}"
        return plan_of(BASE, f"train: {{seeds: [0], architectures: [resnet10t], recipes: [{recipes}], {weights}}}")

    trained = plan("a", "small, fine-tuning")
    assert [spec.weights is None for spec in specs(trained, TrainSpec)].count(False) == 3
    assert plan("b", "small, fine-tuning").steps.keys() == trained.steps.keys()
    state["conv1.0.weight"] += 1
    save_file(state, tmp_path / "b.safetensors")
    assert plan("b", "small, fine-tuning").steps.keys() != trained.steps.keys()
    with pytest.raises(DataError, match=r"none\.safetensors"):
        plan("none", "fine-tuning")


def test_a_training_that_continues_another_uses_no_pretrained_weights(plan_of: PlanOf, tmp_path: Path) -> None:
    save_file(timm.create_model("resnet10t", pretrained=False).state_dict(), tmp_path / "w.safetensors")
    weights = f"weights: {{resnet10t: {tmp_path}/w.safetensors}}"
    plan = plan_of(
        f"{BASE}tuned: {{mix: {{real: 6}}, pretrain: base}}",
        f"train: {{seeds: [0], architectures: [resnet10t], recipes: [fine-tuning], {weights}}}",
    )
    trained = {run.dataset: plan.steps[run.train].spec for run in plan.runs}
    begins = {name: spec.weights is not None for name, spec in trained.items() if isinstance(spec, TrainSpec)}
    assert begins == {"real": True, "base": True, "more": True, "tuned": False}
