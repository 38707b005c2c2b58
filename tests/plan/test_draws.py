"""Draws of generators: how many each data set has, and the steps and runs that they add to a plan."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plan.plans import dataset, keys, specs

from prettyuseful.errors import DataError, StudyError
from prettyuseful.plan.draws import dataset_draws
from prettyuseful.plan.study import Plan
from prettyuseful.records import dataset_title
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.study.reading import parse_study

PlanOf = Callable[..., Plan]
ONE = "base: {generator: pocket-base, images_per_class: 6}"
THREE = "base: {generator: pocket-base, images_per_class: 6, draws: 3}"


def draw_keys(plan: Plan, name: str) -> list[str]:
    """The keys of the images of a data set, by draw."""
    return [planned.key for planned in (*plan.datasets, *plan.more_draws) if planned.name == name]


def test_the_first_draw_is_the_data_set_itself(plan_of: PlanOf) -> None:
    one, three = plan_of(ONE), plan_of(THREE)
    assert [(key, step.label) for key, step in three.steps.items() if key in one.steps] == [
        (key, step.label) for key, step in one.steps.items()
    ]
    assert dataset(three, "base").keys == dataset(one, "base").keys
    assert [(draw.name, draw.draw, set(draw.keys)) for draw in three.more_draws] == [
        ("base", 1, {"dataset"}),
        ("base", 2, {"dataset"}),
    ]


def test_each_draw_adds_one_to_the_seed_and_shares_its_steps_with_that_seed(plan_of: PlanOf) -> None:
    three = plan_of(THREE.replace("draws", "seed: 5, draws"))
    assert [spec.seed for spec in specs(three, GenerateSpec)] == [5, 5, 6, 6, 7, 7]  # two classes
    seven = plan_of(ONE.replace("6}", "6, seed: 7}"))
    assert draw_keys(three, "base")[2] == dataset(seven, "base").key
    assert {run.train for run in seven.runs if run.dataset == "base"} <= {run.train for run in three.runs}


def test_further_draws_are_generated_trained_on_and_tested_only(plan_of: PlanOf) -> None:
    more = "train: {seeds: [0, 4], probes: [rgb, edges]}"
    one, three = plan_of(ONE, more), plan_of(THREE, more)
    added = [step.spec.kind for key, step in three.steps.items() if key not in one.steps]
    runs = 2 * 2 * 2  # draws, seeds, probes
    wanted = {"generate": 4, "collect": 2, "decode": 2, "probe": 2, "train": runs, "evaluate": runs}
    assert {kind: added.count(kind) for kind in added} == wanted
    drawn = [(run.draw, run.seed, run.cell.probe) for run in three.runs if run.dataset == "base"]
    assert sorted(drawn) == [(d, s, probe) for d in range(3) for s in (0, 4) for probe in ("edges", "rgb")]
    assert all(set(run.evaluations) == {"real"} for run in three.runs if run.dataset == "base")
    assert len({run.train for run in three.runs}) == len({run.label for run in three.runs}) == len(three.runs)
    assert next(run.label for run in three.runs if run.draw == 2) == "base@draw-2@small@small@rgb@0"


def test_metrics_and_diagnoses_are_of_the_first_draw(plan_of: PlanOf) -> None:
    def measuring(text: str) -> int:
        plan = plan_of(text.replace("6", "12"), "diagnosis: true\ntrain: {seeds: [0]}", task="photos")
        return sum(
            kind in ("diagnose", "inspect", "check", "sample") for kind in (s.spec.kind for s in plan.steps.values())
        )

    assert measuring(ONE) == measuring(THREE) > 0


def test_labels_of_steps_name_the_draw(plan_of: PlanOf) -> None:
    soft = "soft: {of: base, transform: {kind: blur, width: 0.1}, images_per_class: 6}\nboth: {mix: {real: 2, base: 4}}"
    labels = {step.label for step in plan_of(f"{THREE}\n{soft}").steps.values()}
    assert labels >= {
        "generate base: red 0-6",
        "generate base, draw 2: red 0-6",
        "collect base, draw 1",
        "change base: soft, draw 2",
        "mix both, draw 1",
        "train small on base, draw 1, seed 0",
        "test small on soft, draw 2, seed 0 on real",
    }


def test_data_sets_follow_the_draws_of_those_that_they_are_made_from(plan_of: PlanOf, shared_task: Path) -> None:
    plan = plan_of(
        f"{THREE}\nmore: {{generator: pocket-base, images_per_class: 6, seed: 9, draws: 2}}\n"
        f"folder: {{generator: {shared_task / 'train'}, images_per_class: 6}}\n"
        "soft: {of: base, transform: {kind: blur, width: 0.1}, images_per_class: 6}\n"
        "both: {mix: {base: 3, more: 3}}\nwith-folder: {mix: {soft: 3, folder: 3, real: 1}}\n"
        "tuned: {mix: {real: 6}, pretrain: base}\nonly-real: {mix: {real: 5}}\n"
    )
    draws = {"base": 3, "more": 2, "folder": 1, "soft": 3, "both": 2, "with-folder": 3, "tuned": 3, "only-real": 1}
    assert dataset_draws(plan.study) == draws
    inputs = [set(plan.steps[key].inputs.values()) for key in draw_keys(plan, "with-folder")]
    for made_of, soft in zip(inputs, draw_keys(plan, "soft"), strict=True):
        assert made_of == {soft, dataset(plan, "folder").key, *(inputs[0] & inputs[1])}
    changed = [plan.steps[key].inputs["dataset"] for key in draw_keys(plan, "soft")]
    assert changed == draw_keys(plan, "base")
    starts = [plan.steps[run.train].inputs["start"] for run in plan.runs if run.dataset == "tuned"]
    trained = {run.draw: run.train for run in plan.runs if run.dataset == "base"}
    assert starts == [trained[draw] for draw in range(3)]
    assert len(set(draw_keys(plan, "tuned"))) == 1  # the same images, other pretraining


def test_prompts_and_their_embeddings_are_shared(plan_of: PlanOf) -> None:
    one, three = plan_of(ONE), plan_of(THREE)
    assert keys(one, "prompt") == keys(three, "prompt")
    assert keys(one, "encode") == keys(three, "encode")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a: {generator: FOLDER, images_per_class: 8, draws: 3}", "data set 'a': draws has no effect here: the images"),
        ("a: {generator: FOLDER, images_per_class: 8, draws: 1}", "already exist; remove it"),
        (f"{ONE}\na: {{of: base, transform: {{kind: blur, width: 1}}, images_per_class: 6, draws: 2}}", "derived data"),
        (f"{ONE}\na: {{mix: {{base: 2}}, draws: 2}}", "draws does not apply to a mix; set it in the data sets that it"),
        (ONE.replace("6}", "6, draws: 0}"), "datasets.base.draws: expected a whole number from 1 to 100, got 0"),
        (ONE.replace("6}", "6, draws: 101}"), "got 101"),
        (
            f"{ONE}\na: {{generator: pocket-turbo, images_per_class: 6, draws: 3, pretrain: base}}",
            "data set 'a' has 3 draws, but 'base', on which it is pretrained, 1; set draws: 3 in every generated",
        ),
    ],
)
def test_impossible_draws_are_reported(
    plan_of: PlanOf, tmp_path: Path, shared_task: Path, lines: str, message: str
) -> None:
    shutil.copytree(shared_task / "train", tmp_path / "images")
    with pytest.raises(StudyError) as error:
        plan_of(lines.replace("FOLDER", str(tmp_path / "images")))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_control_that_shares_draws_is_rejected(plan_of: PlanOf) -> None:
    other = "other: {generator: pocket-base, images_per_class: 6, seed: SEED, draws: 3, control: base}"
    with pytest.raises(DataError, match="draw 0 of 'other' is draw 2 of 'base', because each"):
        plan_of(f"{THREE}\n{other.replace('SEED', '2')}")
    plan_of(f"{THREE}\n{other.replace('SEED', '3')}")


def test_files_are_not_looked_at_without_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.plan.draws.existing_images", lambda place: pytest.fail(place))
    study = parse_study(f"version: 1\ntask: photos\ndatasets:\n  {ONE}")
    assert dataset_draws(study) == {"base": 1}


def test_the_first_draw_has_the_name_of_the_data_set() -> None:
    assert [dataset_title("base", draw) for draw in (0, 2)] == ["base", "base, draw 2"]
