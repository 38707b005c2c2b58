from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.plan.plans import PROBED, STUDY, kinds, plan_study, trained

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError, StudyError, UnknownNameError


def test_every_step_comes_after_its_inputs() -> None:
    earlier: set[str] = set()
    for key, step in plan_study(STUDY).steps.items():
        assert key == step.key
        assert set(step.inputs.values()) <= earlier
        earlier.add(key)


def test_equal_steps_occur_once() -> None:
    plan = plan_study(STUDY)  # the two data sets differ only in their names
    assert kinds(plan).count("generate") == 16 * 2  # 120 images are two shards per class
    assert kinds(plan).count("collect") == 1
    assert kinds(plan).count("train") == 2 * 2  # real and generated, two seeds
    assert plan.datasets[1].keys["dataset"] == plan.datasets[2].keys["dataset"]


def test_more_images_keep_the_keys_of_complete_shards() -> None:
    few, more = plan_study(STUDY), plan_study(STUDY.replace("120", "200"))
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
def test_settings_that_change_images_change_all_shard_keys(old: str, new: str) -> None:
    def shards(text: str) -> set[str]:
        return {key for key, step in plan_study(text).steps.items() if step.spec.kind == "generate"}

    assert not shards(STUDY) & shards(STUDY.replace(old, new))


def test_the_micro_batch_does_not_change_training_on_real_images() -> None:
    def real_runs(text: str) -> list[str]:
        return [run.train for run in plan_study(text).runs if run.dataset == "real"]

    assert real_runs(STUDY) == real_runs(STUDY.replace("train:", "numerics: {micro_batch: 10}\ntrain:"))


def test_equal_settings_have_equal_keys_in_all_spellings() -> None:
    spelt = STUDY.replace("120}", "120, sampling: {steps: 12, cfg: 1}, prompts: {strategy: class-name}}")
    assert plan_study(STUDY).steps.keys() == plan_study(spelt).steps.keys()


def test_keys_do_not_contain_file_locations(tmp_path: Path, shared_task: Path, pipeline_folder: Path) -> None:
    text = "version: 1\ntask: {{folder: {}}}\ndatasets: {{a: {{generator: {}, images_per_class: 7}}}}\n"
    moved_task, moved_model = tmp_path / "t" / shared_task.name, tmp_path / "m" / pipeline_folder.name
    shutil.copytree(shared_task, moved_task)
    shutil.copytree(pipeline_folder, moved_model)
    here, there = text.format(shared_task, pipeline_folder), text.format(moved_task, moved_model)
    assert plan_study(here).steps.keys() == plan_study(there).steps.keys()
    weights = next(moved_model.glob("unet/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert plan_study(here).steps.keys() != plan_study(there).steps.keys()


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
def test_unknown_names_are_reported_with_the_nearest_name(old: str, new: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        plan_study(STUDY.replace(old, new))


def test_a_control_with_the_same_images_is_rejected() -> None:
    with pytest.raises(DataError, match=r"'two' and 'one', its control, have the same images"):
        plan_study(STUDY.replace("  two: {generator: pocket-base,", "  two: {generator: pocket-base, control: one,"))


def test_an_unknown_generator_is_reported_with_its_data_set() -> None:
    with pytest.raises(UnknownNameError, match="data set 'one': unknown generator"):
        plan_study(STUDY.replace("pocket-base", "pocket-bse"))


def test_too_few_images_for_the_metrics_are_rejected_when_planned() -> None:
    with pytest.raises(DataError, match="at least 6 images per class"):
        plan_study(STUDY.replace("120", "5"))
    plan_study(STUDY.replace("120", "5") + "metrics: []\n")


def test_a_curve_is_trained_for_the_steps_of_the_data_sets() -> None:
    plan = plan_study(STUDY.replace("train: {", "train: {real_curve: [10, 20, 40], "))
    curve = [run for run in plan.runs if run.steps_of is not None]
    (count,) = {run.images_per_class for run in plan.runs if run.dataset != "real"}
    assert {(run.images_per_class, run.steps_of) for run in curve} == {(ClassCounts(n), count) for n in (10, 20, 40)}
    for run in curve:
        recipe = plan.steps[run.train].spec.model_dump()["recipe"]
        batch = min(recipe["batch_size"], run.images_per_class.total(16))
        usual = trained(run.cell).recipe.epochs * (count.total(16) // min(recipe["batch_size"], count.total(16)))
        per_epoch = run.images_per_class.total(16) // batch
        assert abs(recipe["epochs"] * per_epoch - usual) <= per_epoch / 2
        assert list(run.evaluations) == ["real"]


def test_features_come_from_unchanged_images() -> None:
    steps = plan_study(PROBED.replace("[rgb, edges", "[edges, rgb")).steps
    embedded = [steps[step.inputs["pixels"]].spec.kind for step in steps.values() if step.spec.kind == "embed"]
    assert embedded
    assert set(embedded) == {"decode"}


def test_an_unknown_probe_is_reported_with_the_names_of_the_study() -> None:
    with pytest.raises(UnknownNameError, match="unknown probe 'coars'; did you mean 'coarse'"):
        plan_study(PROBED.replace("edges, coarse", "edges, coars"))


def test_names_that_are_too_long_for_files_are_rejected_when_planned(tmp_path: Path) -> None:
    text = "version: 1\ntask: photos\ndatasets: {NAME: {generator: pocket-base, images_per_class: 9}}\n"
    fits = 255 - len("run@@small@small@rgb@0.json")
    for name in ("a" * fits, "a" * 80):
        plan = plan_study(text.replace("NAME", name))
        assert {dataset.name for dataset in plan.datasets} == {"real", name}
        (tmp_path / f"run@{max(run.label for run in plan.runs)}.json").touch()
    for excess, name in ((1, "b" * (fits + 1)), (4, "b" * (fits + 4))):
        with pytest.raises(StudyError, match=rf"the name 'b+' is too long.*shorten the name by {excess} characters"):
            plan_study(text.replace("NAME", name))
    recipes = f"recipes: {{{'c' * 240}: {{like: small}}}}\ntrain: {{recipes: [{'c' * 240}]}}\n"
    with pytest.raises(StudyError, match=r"the name 'c+' is too long"):
        plan_study(text.replace("NAME", "a") + recipes)


def test_a_plan_gets_the_steps_of_further_seeds_when_results_ask_for_them() -> None:
    text = STUDY.replace("two: {", "two: {seed: 1, control: one, ")
    fixed, plan = plan_study(text), plan_study(text.replace("seeds: [0, 1]", "seeds: [0, 1], until: sure, at_most: 4"))
    assert [*plan.steps] == [*fixed.steps]
    assert [run.label for run in plan.runs] == [run.label for run in fixed.runs]
    assert fixed.all_steps == fixed.steps
    cell = plan.runs[0].cell.names
    more = plan.with_seeds({(cell, "two", 2)})
    (added,) = (run for run in more.runs if run.seed == 2)
    assert added.dataset == "two"
    assert more.steps.keys() - plan.steps.keys() == {added.train, *added.evaluations.values()}
    assert [key for key in plan.all_steps if key in more.steps] == [*more.steps]
    assert {(run.dataset, run.seed) for run in plan.all_runs if run.seed > 1} == {
        (name, seed) for name in ("one", "two") for seed in (2, 3)
    }
    every = plan.with_seeds({(cell, name, seed) for name in ("one", "two") for seed in (2, 3)})
    assert every.steps == plan.all_steps
