from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.reading import parse_study

STUDY = """
version: 1
task: photos
datasets:
  one: {generator: pocket-base, images_per_class: 120}
  two: {generator: pocket-base, images_per_class: 120}
train: {seeds: [0, 1]}
"""


def plan_of(text: str) -> Plan:
    return make_plan(parse_study(text))


def kinds(plan: Plan) -> list[str]:
    return [step.spec.kind for step in plan.steps.values()]


def test_every_step_comes_after_what_it_needs() -> None:
    seen: set[str] = set()
    for key, step in plan_of(STUDY).steps.items():
        assert key == step.key
        assert set(step.inputs.values()) <= seen
        seen.add(key)


def test_nothing_is_made_twice() -> None:
    plan = plan_of(STUDY)  # the two data sets are equal but for their names
    assert kinds(plan).count("generate") == 16 * 2  # 120 images are two shards a class
    assert kinds(plan).count("collect") == 1
    assert kinds(plan).count("train") == 2 * 2  # real and generated, two seeds
    assert plan.datasets[1].keys["dataset"] == plan.datasets[2].keys["dataset"]


def test_more_images_keep_the_shards_that_are_whole() -> None:
    few, more = plan_of(STUDY), plan_of(STUDY.replace("120", "200"))
    shared = few.steps.keys() & more.steps.keys()
    assert sum(few.steps[key].spec.kind == "generate" for key in shared) == 16


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("images_per_class: 120}", "images_per_class: 120, seed: 1}"),
        ("images_per_class: 120}", "images_per_class: 120, sampling: {steps: 3}}"),
        ("images_per_class: 120}", "images_per_class: 120, sampling: {cfg: 3}}"),
        ("images_per_class: 120}", "images_per_class: 120, prompts: caption}"),
        ("pocket-base", "pocket-curated"),
        ("train:", "numerics: {threads: 2}\ntrain:"),
        ("train:", "numerics: {micro_batch: 10}\ntrain:"),
        ("train:", "numerics: {memory_format: channels_last}\ntrain:"),
        ("train:", "numerics: {compile: true}\ntrain:"),
    ],
)
def test_what_changes_images_changes_every_shard(old: str, new: str) -> None:
    def shards(text: str) -> set[str]:
        return {key for key, step in plan_of(text).steps.items() if step.spec.kind == "generate"}

    assert not shards(STUDY) & shards(STUDY.replace(old, new))


def test_a_micro_batch_is_nothing_to_training_on_real_images() -> None:
    def real_runs(text: str) -> list[str]:
        return [run.train for run in plan_of(text).runs if run.dataset == "real"]

    assert real_runs(STUDY) == real_runs(STUDY.replace("train:", "numerics: {micro_batch: 10}\ntrain:"))


def test_equal_settings_have_equal_keys_however_they_are_written() -> None:
    spelt = STUDY.replace("120}", "120, sampling: {steps: 25, cfg: 1}, prompts: {strategy: class-name}}")
    assert plan_of(STUDY).steps.keys() == plan_of(spelt).steps.keys()


def test_where_files_lie_is_in_no_key(tmp_path: Path, shared_task: Path, pipeline_folder: Path) -> None:
    text = "version: 1\ntask: {{folder: {}}}\ndatasets: {{a: {{generator: {}, images_per_class: 7}}}}\n"
    moved_task, moved_model = tmp_path / "t" / shared_task.name, tmp_path / "m" / pipeline_folder.name
    shutil.copytree(shared_task, moved_task)
    shutil.copytree(pipeline_folder, moved_model)
    here, there = text.format(shared_task, pipeline_folder), text.format(moved_task, moved_model)
    assert plan_of(here).steps.keys() == plan_of(there).steps.keys()
    weights = next(moved_model.glob("unet/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert plan_of(here).steps.keys() != plan_of(there).steps.keys()


def test_real_images_are_as_many_or_as_many_as_there_are() -> None:
    plan = plan_of(STUDY.replace("  two: {generator: pocket-base, images_per_class: 120}", "  two: {generator: pocket-base, images_per_class: 500}"))  # fmt: skip # noqa: E501
    assert [d.images_per_class for d in plan.datasets if d.name == "real"] == [120, 300]
    tested = {run.images_per_class: set(run.evaluations) for run in plan.runs if run.dataset == "real"}
    assert tested == {120: {"real", "one"}, 300: {"real", "two"}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pocket-base", "pocket-bse", "did you mean 'pocket-base'"),
        ("task: photos", "task: photo", "did you mean 'photos'"),
        ("train: {", "train: {architectures: [resnet5], ", "unknown architecture 'resnet5'; did you mean"),
        ("train: {", "train: {recipes: [smal], ", "did you mean 'small'"),
        ("train: {", "train: {probes: [rbg], ", "did you mean 'rgb'"),
    ],
)
def test_unknown_names_get_the_nearest_one(old: str, new: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        plan_of(STUDY.replace(old, new))


def test_a_control_that_is_the_same_images_is_refused() -> None:
    with pytest.raises(DataError, match=r"'two' and 'one', its control, are the same images"):
        plan_of(STUDY.replace("  two: {generator: pocket-base,", "  two: {generator: pocket-base, control: one,"))


def test_an_unknown_generator_is_told_with_its_data_set() -> None:
    with pytest.raises(UnknownNameError, match="data set 'one': unknown generator"):
        plan_of(STUDY.replace("pocket-base", "pocket-bse"))


def test_too_few_images_for_the_metrics_are_told_before_anything_runs() -> None:
    with pytest.raises(DataError, match="more than 5 images per class"):
        plan_of(STUDY.replace("120", "5"))
    plan_of(STUDY.replace("120", "5") + "metrics: []\n")


PROBED = """
version: 1
task: photos
datasets:
  one: {generator: pocket-base, images_per_class: 10}
probes:
  coarse: {transform: {kind: band, keep: [0, 0.25]}}
  sieved: {transform: {kind: chain, transforms: [{kind: vae, generator: pocket-base}, {kind: band, keep: [0.5, all]}]}}
train: {seeds: [0], probes: [rgb, edges, coarse, sieved]}
"""


def test_a_probe_meets_training_and_test_images_alike() -> None:
    plan = plan_of(PROBED)
    assert (
        kinds(plan).count("probe") == 3 * 3
    )  # three that change something; generated, real train and real test images
    for run in plan.runs:
        steps = [plan.steps[run.train], *(plan.steps[key] for key in run.evaluations.values())]
        seen = [plan.steps[step.inputs["pixels"]] for step in steps]
        assert {step.spec.kind for step in seen} == {"decode" if run.cell.probe == "rgb" else "probe"}
        assert len({step.spec.model_dump_json(include={"identity"}) for step in seen}) == 1


def test_a_probe_is_in_the_key_by_what_it_does() -> None:
    same = PROBED.replace("coarse", "blurred")
    other = PROBED.replace("[0, 0.25]", "[0, 0.3]")
    trained = [{run.cell.probe: run.train for run in plan_of(text).runs} for text in (PROBED, same, other)]
    assert trained[0]["coarse"] == trained[1]["blurred"] != trained[2]["coarse"]
    assert trained[0]["edges"] == trained[2]["edges"]


def test_features_come_from_images_as_they_are() -> None:
    steps = plan_of(PROBED.replace("[rgb, edges", "[edges, rgb")).steps
    embedded = [steps[step.inputs["pixels"]].spec.kind for step in steps.values() if step.spec.kind == "embed"]
    assert embedded
    assert set(embedded) == {"decode"}


def test_an_unknown_probe_is_told_with_the_studys_own_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown probe 'coars'; did you mean 'coarse'"):
        plan_of(PROBED.replace("edges, coarse", "edges, coars"))


def test_what_a_probe_names_must_be_there() -> None:
    with pytest.raises(UnknownNameError, match="probe 'sieved': unknown generator 'pocket-bse'"):
        plan_of(PROBED.replace("kind: vae, generator: pocket-base", "kind: vae, generator: pocket-bse"))


@pytest.mark.parametrize("numerics", ["micro_batch: 7", "attention: math", "fuse_projections: true"])
def test_what_only_generation_looks_at_trains_nothing_again(numerics: str) -> None:
    plans = [plan_of(STUDY), plan_of(f"{STUDY}numerics: {{{numerics}}}\n")]
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
        ("memory_format: contiguous", True),
        ("dtype: float32", True),
    ],
)
def test_what_training_looks_at_is_in_its_key(numerics: str, same: bool) -> None:
    trained = [{run.train for run in plan_of(text).runs} for text in (STUDY, f"{STUDY}numerics: {{{numerics}}}\n")]
    assert (trained[0] == trained[1]) is same


def test_images_at_once_change_no_image_and_no_test() -> None:
    plans = [plan_of(STUDY), plan_of(f"{STUDY}numerics: {{images_at_once: 8}}\n")]
    for kind in ("generate", "decode"):
        first, second = ({key for key, step in plan.steps.items() if step.spec.kind == kind} for plan in plans)
        assert first == second
    specs = [{s.spec.model_dump_json() for s in plan.steps.values() if s.spec.kind == "evaluate"} for plan in plans]
    assert specs[0] == specs[1]


def test_a_grid_of_crops_is_as_many_looks() -> None:
    plan = plan_of(STUDY.replace("train: {", "train: {probes: [texture], "))
    assert {run.cell.names for run in plan.runs} == {("bagnet9", "small-texture", "texture")}
    specs = [step.spec for step in plan.steps.values() if step.spec.kind == "evaluate"]
    assert all(spec.model_dump()["view"] == {"resize": 32, "size": 24, "crops": 2} for spec in specs)


def test_a_curve_is_trained_in_the_steps_of_the_data_sets() -> None:
    plan = plan_of(STUDY.replace("train: {", "train: {real_curve: [10, 20, 40], "))
    curve = [run for run in plan.runs if run.steps_of is not None]
    (asked,) = {run.images_per_class for run in plan.runs if run.dataset != "real"}
    assert {(run.images_per_class, run.steps_of) for run in curve} == {(n, asked) for n in (10, 20, 40)}
    for run in curve:
        recipe = plan.steps[run.train].spec.model_dump()["recipe"]
        batch = min(recipe["batch_size"], run.images_per_class * 16)
        usual = run.cell.recipe.epochs * (asked * 16 // min(recipe["batch_size"], asked * 16))
        per_epoch = run.images_per_class * 16 // batch
        assert abs(recipe["epochs"] * per_epoch - usual) <= per_epoch / 2
        assert list(run.evaluations) == ["real"]


def test_more_real_images_than_there_are_cannot_be_in_a_curve() -> None:
    with pytest.raises(DataError, match="has 300 train images per class, 500 were asked for"):
        plan_of(STUDY.replace("train: {", "train: {real_curve: [10, 500], "))
