from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plan.plans import dataset, specs

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import read_shard
from prettyuseful.engine.execute import with_inputs
from prettyuseful.engine.step import run_step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan import selections
from prettyuseful.plan.study import Plan
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.selection import SelectSpec

PlanOf = Callable[..., Plan]
BASE = "base: {generator: pocket-base, images_per_class: 6}\n"
CRITERIA = {
    "prettiness": "top 50%",
    "label-confidence": "bottom 50%",
    "typicality": "middle 50%",
    "nearest-real": "top 3",
    "k-centre": "50%",
    "facility-location": "3",
}


def selection(by: str, keep: str, of: str = "base") -> str:
    return f"chosen: {{select: {{of: {of}, by: {by}, keep: {keep}}}}}"


@pytest.mark.parametrize(("by", "keep"), CRITERIA.items(), ids=CRITERIA)
def test_every_selection_has_a_random_control_and_uses_training_images_only(
    plan_of: PlanOf, by: str, keep: str
) -> None:
    plan = plan_of(BASE + selection(by, keep))
    assert plan.study.datasets["chosen"].control == "chosen-random"
    chosen, control = dataset(plan, "chosen"), dataset(plan, "chosen-random")
    assert chosen.images_per_class == control.images_per_class == ClassCounts(3)
    behind = with_inputs(plan.all_steps, [chosen.key, control.key])
    loads = [step.spec.split for step in behind.values() if isinstance(step.spec, LoadSpec)]
    assert set(loads) == ({"train"} if by in ("label-confidence", "typicality", "nearest-real", *SPREAD) else set())
    assert chosen.origin is not None
    assert chosen.origin.note.endswith(("3 per class", "of base by facility location")) or keep == "top 3"


SPREAD = ("k-centre", "facility-location")  # on the features of the classifier that is trained on real images


def test_the_selection_in_words_is_the_origin(plan_of: PlanOf) -> None:
    plan = plan_of(BASE + selection("prettiness", "top 50%"))
    notes = {d.name: d.origin.note for d in plan.datasets if d.origin}
    assert notes["chosen"] == "the top half of base by prettiness, 3 per class"
    assert notes["chosen-random"] == "a random half of base, 3 per class"
    assert {d.name: d.origin.kind for d in plan.datasets if d.origin}["chosen"] == "selected"


def test_every_training_seed_has_another_random_choice(plan_of: PlanOf) -> None:
    plan = plan_of(BASE + selection("prettiness", "top 50%"), more="train: {seeds: [0, 4, 7]}")
    draws = [spec.random.draw for spec in specs(plan, SelectSpec) if spec.random]
    assert sorted(draws) == [0, 1, 2]
    images = {
        name: {with_pixels(plan, run.train) for run in plan.runs if run.dataset == name}
        for name in ("chosen", "chosen-random")
    }
    assert {name: len(keys) for name, keys in images.items()} == {"chosen": 1, "chosen-random": 3}
    assert {d.key for d in plan.more_choices} | {dataset(plan, "chosen-random").key} == images["chosen-random"]


def with_pixels(plan: Plan, train: str) -> str:
    return plan.steps[plan.steps[train].inputs["pixels"]].inputs["dataset"]


def test_seeds_that_may_be_added_add_no_step_until_they_are(plan_of: PlanOf) -> None:
    plan = plan_of(BASE + selection("prettiness", "top 50%"), more="train: {seeds: [0, 1], until: sure, at_most: 4}")
    draws = {spec.random.draw for spec in specs(plan, SelectSpec) if spec.random}
    assert draws == {0, 1}
    later = {
        step.spec.random.draw
        for step in plan.all_steps.values()
        if isinstance(step.spec, SelectSpec) and step.spec.random
    }
    assert later == {0, 1, 2, 3}


def test_selections_of_equal_size_share_random_images(plan_of: PlanOf) -> None:
    plan = plan_of(
        BASE
        + "top: {select: {of: base, by: prettiness, keep: top 50%}}\n"
        + "low: {select: {of: base, by: prettiness, keep: bottom 50%}}"
    )
    assert dataset(plan, "top-random").key == dataset(plan, "low-random").key
    assert dataset(plan, "top").key != dataset(plan, "low").key


def test_a_selection_can_be_selected_from_and_mixed(plan_of: PlanOf) -> None:
    plan = plan_of(
        BASE
        + "sure: {select: {of: base, by: label-confidence, keep: top 4}}\n"
        + "pretty: {select: {of: sure, by: prettiness, keep: top 50%}}\n"
        + "more: {mix: {pretty: 2, real: 3}}"
    )
    assert dataset(plan, "pretty").images_per_class == ClassCounts(2)
    assert plan.steps[dataset(plan, "pretty-random").key].inputs["dataset"] == dataset(plan, "sure").key


def test_real_training_images_can_be_selected_by_what_does_not_compare_them_with_themselves(
    plan_of: PlanOf, error_message: Callable[..., str]
) -> None:
    plan = plan_of(BASE + selection("prettiness", "top 50%", "real"))
    assert dataset(plan, "chosen").images_per_class == ClassCounts(4)
    both = BASE + "both: {mix: {real: 2, base: 2}}\n"
    for by in ("label-confidence", "typicality", "nearest-real"):
        for more, of in ((BASE, "real"), (both, "both")):
            message = error_message(more + selection(by, "top 50%", of))
            assert f"'chosen' selects real training images by {by}, which compares images with these real" in message


def test_images_of_the_test_set_are_refused_under_any_name(
    error_message: Callable[..., str], shared_task: Path, tmp_path: Path
) -> None:
    """Their bytes count: one test image among training images is enough."""
    copied = tmp_path / "innocent"
    shutil.copytree(shared_task / "train", copied)
    source = next((shared_task / "test" / "red").iterdir())
    shutil.copy(source, copied / "red" / "new.png")
    for place, number in ((shared_task / "test", 28), (copied, 1)):
        message = error_message(
            f"stolen: {{generator: {place}, images_per_class: 4}}\n" + selection("prettiness", "top 50%", "stolen")
        )
        start = f"{number} images of {place}, such as " if number > 1 else "the image red/new.png of "
        assert message.startswith(f"data set 'chosen': select: {start}")
        assert message.endswith("; test images must not be selected for training, so remove them")


def test_held_out_test_images_are_refused(error_message: Callable[..., str], shared_task: Path) -> None:
    """The task holds test images out of the same folder."""
    place = shared_task / "train"
    lines = f"stolen: {{generator: {place}, images_per_class: 4}}\n" + selection("prettiness", "top 50%", "stolen")
    message = error_message(lines, task=f"{{real: {place}, hold_out: 0.25}}")
    assert "are real test images" in message


def test_a_score_that_depends_on_test_images_is_refused(
    error_message: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted mistake of the planner: real images to compare with are those of the test set."""
    monkeypatch.setattr(selections.SelectionPlanner, "_features", lambda self, *_: self.real.test_step)
    message = error_message(BASE + selection("typicality", "top 50%"))
    assert message == (
        "data set 'chosen': select: load 14 real test images per class reads real test images, which must not decide "
        "what classifiers are trained on; select by scores that use no test images"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (selection("clip-score", "top 50%"), "data set 'chosen': select: clip-score needs an encoder that also embeds"),
        (selection("prettiness", "top 5%"), "data set 'chosen': keep: top 5% keeps no image, because the class 'blue'"),
        (selection("prettiness", "top 7"), "'chosen' takes 7 images per class of 'base', which has only 6"),
        (selection("prettiness", "top 6"), "data set 'chosen': keep: top 6 keeps every image, because the class"),
        (selection("prettiness", "top 5", "bse"), "'bse', which is not a data set of the study; did you mean 'base'?"),
        (selection("prettiness", "top 5", "chosen"), "'chosen' depends on itself, through mix, of, select or pretrain"),
    ],
)
def test_impossible_selections_are_one_line(error_message: Callable[..., str], lines: str, message: str) -> None:
    assert message in error_message(BASE + lines)


def test_images_with_wrong_labels_have_the_lowest_confidence_and_typicality(
    plan_of: PlanOf, shared_task: Path, tmp_path: Path
) -> None:
    """From the images to the selection, with every step in between, as a run computes them."""
    mixed = tmp_path / "mixed"
    for name, other in (("red", "blue"), ("blue", "red")):
        shutil.copytree(shared_task / "train" / name, mixed / name)
        for number in (2, 5):
            source = shared_task / "train" / other / f"00{number}.png"
            shutil.copy(source, mixed / name / f"00{number}.png")
    plan = plan_of(
        f"mixed: {{generator: {mixed}, images_per_class: 8}}\n"
        + "unsure: {select: {of: mixed, by: label-confidence, keep: bottom 2}}\n"
        + "odd: {select: {of: mixed, by: typicality, keep: bottom 2}}",
        more="train: {seeds: [0], recipes: [short]}\nrecipes: {short: {like: small, epochs: 12}}",
    )
    store = LocalStore(tmp_path / "store")
    chosen = [dataset(plan, name).key for name in ("unsure", "odd")]
    for step in with_inputs(plan.all_steps, chosen).values():
        run_step(step, store, lambda _: None)
    for key in chosen:
        artifact = store.read(key)
        assert artifact is not None
        rows = [row for entry in artifact.manifest.files for row in read_shard(artifact.path(entry.name))]
        assert sorted(Path(row.path).name for row in rows) == ["002.png", "002.png", "005.png", "005.png"]
