"""Tunings are planned as steps, with keys of all of their settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.plan.plans import plan_study, specs

from prettyuseful.errors import DataError
from prettyuseful.plan.study import Plan
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec
from prettyuseful.steps.tuning import TuneSpec

STUDY = (
    "version: 1\ntask: {task}\nmetrics: []\ntrain: {{seeds: [0]}}\ntune: {{mine: {{of: pocket-base, {tune}}}}}\n"
    "datasets:\n  plain: {{generator: pocket-base, images_per_class: 30}}\n"
    "  tuned: {{generator: {{model: {model}, lora: {lora}}}, images_per_class: 30}}\n"
)


def plan(tune: str = "images_per_class: 8", model: str = "pocket-base", lora: str = "mine") -> Plan:
    return plan_study(STUDY.format(tune=tune, model=model, lora=lora, task="photos"))


def inputs(made: Plan, kind: type) -> list[dict[str, str]]:
    return [dict(step.inputs) for step in made.steps.values() if isinstance(step.spec, kind)]


def test_one_step_trains_the_weights_of_all_images() -> None:
    made = plan()
    (tuned,) = (key for key, step in made.steps.items() if isinstance(step.spec, TuneSpec))
    (step,) = inputs(made, TuneSpec)
    images = made.steps[step["images"]].spec
    assert isinstance(images, LoadSpec)
    assert (images.split, images.per_class.smallest) == ("train", 8)
    assert [step.get("lora 0") for step in inputs(made, GenerateSpec)] == [None] * 16 + [tuned] * 16
    assert len(specs(made, EncodeSpec)) == 1  # prompts are encoded without the weights
    (dataset,) = (dataset for dataset in made.datasets if dataset.name == "tuned")
    assert dataset.origin is not None
    (record,) = dataset.origin.added
    assert record.name == "mine, tuned on 8 real training images of each class"
    assert record.content == {"steps": [tuned], "images": step["images"]}
    assert dataset.condition == f"LoRA weights {record.name}"


def test_every_class_may_have_weights_of_its_own() -> None:
    made = plan("images_per_class: 8, per: class")
    assert [spec.label for spec in specs(made, TuneSpec)] == list(range(16))
    assert len({step["lora 0"] for step in inputs(made, GenerateSpec) if "lora 0" in step}) == 16


def test_every_setting_is_in_the_key() -> None:
    settings = (
        "images_per_class: 8",
        "images_per_class: 9",
        "images_per_class: 8, steps: 401",
        "images_per_class: 8, rank: 4",
        "images_per_class: 8, learning_rate: 1.0e-3",
        "images_per_class: 8, size: 24",
        "images_per_class: 8, flip: false",
        "images_per_class: 8, batch_size: 2",
        "images_per_class: 8, seed: 1",
        "images_per_class: 8, prompts: template",
    )
    keys = [key for tune in settings for key, step in plan(tune).steps.items() if isinstance(step.spec, TuneSpec)]
    assert len(set(keys)) == len(settings)
    weighted = plan(lora="{path: mine, weight: 0.5}")
    assert not {k for k, s in weighted.steps.items() if isinstance(s.spec, GenerateSpec)} <= plan().steps.keys()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"model": "sdxl"},
            "data set 'tuned': lora: mine is tuned on pocket-base, a model of the family sd, and sdxl is",
        ),
        (
            {"model": "sd-1.5"},
            "lora: mine is tuned on pocket-base, and sd-1.5 has layers of other shapes; tune it of: sd-1.5",
        ),
        (
            {"tune": "images_per_class: 8, size: 30"},
            "tune.mine: size is 30, but pocket-base is trained on multiples",
        ),
        ({"tune": "images_per_class: 301"}, "tune.mine: "),
        ({"tune": "images_per_class: 8, prompts: nonsense"}, "nonsense"),
    ],
)
def test_mistakes_are_one_line(fields: dict[str, str], message: str) -> None:
    with pytest.raises(Exception, match=r"mine|nonsense") as error:
        plan(**fields)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_for_one_model_may_be_used_with_another_of_the_same_shapes() -> None:
    assert specs(plan(model="pocket-turbo"), TuneSpec)


def test_a_name_that_is_a_tuning_and_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="lora: mine is a tuning of this study and a file; rename one of them"):
        plan()


def test_a_training_image_that_is_a_test_image_is_refused(tmp_path: Path, shared_task: Path) -> None:
    shutil.copytree(shared_task, tmp_path / "task")
    test = sorted((tmp_path / "task" / "test" / "red").iterdir())[0]
    first = sorted((tmp_path / "task" / "train" / "red").iterdir())[0]
    shutil.copy(test, first)
    text = STUDY.format(
        tune="images_per_class: 8", model="pocket-base", lora="mine", task=f"{{folder: {tmp_path}/task}}"
    ).replace("images_per_class: 30", "images_per_class: 5")
    with pytest.raises(
        DataError, match=r"tune\.mine: images_per_class: the real training image .* is a real test image"
    ):
        plan_study(text)
