"""What a study may say of a data set, and the steps that it becomes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plan.plans import BASE, dataset, keys, specs

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.generators.base import Sampling
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.changed import ChangeSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec
from prettyuseful.study.reading import load_study

PlanOf = Callable[..., Plan]


# A generator of one's own


def test_a_class_beside_the_study_is_found_from_anywhere(tmp_path: Path, shared_task: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "planted_generators.py", tmp_path / "beside_a_study.py")
    found = []
    for name in ("beside_a_study.py:Noise", "beside_a_study:Noise"):
        text = (
            f"version: 1\ntask: {{folder: {shared_task}}}\ndatasets:\n  a: {{generator: '{name}', images_per_class: 9}}"
        )
        (tmp_path / "study.yaml").write_text(text)
        plan = make_plan(load_study(tmp_path / "study.yaml"))
        assert {spec.model.source for spec in specs(plan, GenerateSpec)} == {f"{tmp_path}/beside_a_study.py:Noise"}
        found.append(plan)
    assert found[0].steps.keys() == found[1].steps.keys()
    origin = dataset(found[0], "a").origin
    assert origin is not None
    assert (origin.id, origin.kind) == ("beside_a_study:Noise", "custom")
    with (tmp_path / "beside_a_study.py").open("a") as file:
        file.write("# another text may draw other images\n")
    changed = make_plan(load_study(tmp_path / "study.yaml"))
    assert not set(keys(changed, "generate")) & set(keys(found[0], "generate"))


def test_ones_own_class_knows_its_own_settings(plan_of: PlanOf, planted: Callable[[str], str]) -> None:
    plan = plan_of(f"a: {{generator: '{planted('Noise')}', images_per_class: 9, prompts: template, seed: 5}}")
    assert {(spec.sampling, spec.seed, spec.prompts) for spec in specs(plan, GenerateSpec)} == {(None, 5, 7)}
    assert keys(plan, "encode") == []


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("Noise", ", sampling: paper", "sampling has no effect here: your own generator has its own settings; remove"),
        ("Nois", "", "planted_generators.py' has no 'Nois'; did you mean 'Noise'?"),
    ],
)
def test_a_mistake_with_ones_own_class_is_one_line(
    complaint: Callable[..., str], planted: Callable[[str], str], kind: str, more: str, said: str
) -> None:
    found = complaint(f"a: {{generator: '{planted(kind)}', images_per_class: 9{more}}}")
    assert found.startswith("data set 'a': ")
    assert said in found


# Images that are there already


@pytest.fixture
def images(tmp_path: Path, shared_task: Path) -> Path:
    """Eight images per class, in class folders."""
    shutil.copytree(shared_task / "train", tmp_path / "images")
    return tmp_path / "images"


def test_a_folder_of_images_is_imported(plan_of: PlanOf, images: Path) -> None:
    plan = plan_of(f"a: {{generator: {images}, images_per_class: 8}}")
    assert len(keys(plan, "import")) == 1
    assert keys(plan, "generate") == keys(plan, "prompt") == []
    origin = dataset(plan, "a").origin
    assert origin is not None
    assert (origin.kind, origin.note) == ("folder", "images from imagefolder")


@pytest.mark.parametrize("field", ["prompts: caption", "sampling: {steps: 3}", "seed: 0"])
def test_what_says_how_to_generate_is_refused_for_a_folder(
    complaint: Callable[..., str], images: Path, field: str
) -> None:
    name = field.split(":")[0]
    said = complaint(f"a: {{generator: {images}, images_per_class: 8, {field}}}")
    assert said == f"data set 'a': {name} has no effect here: these images are there already; remove it"


def test_too_few_images_and_other_classes_are_one_line(complaint: Callable[..., str], images: Path) -> None:
    said = complaint(f"a: {{generator: {images}, images_per_class: 9}}")
    assert said.startswith(f"data set 'a': {images}: class 'blue' has 8 images, 9 were asked for (2 classes")
    (images / "red").rename(images / "read")
    said = complaint(f"a: {{generator: {images}, images_per_class: 8}}")
    assert said.startswith(f"data set 'a': {images} has no images of 1 of the task's 2 classes: 'red' (did you mean")
    said = complaint(f"a: {{generator: {images}/none.tar, images_per_class: 8}}")
    assert said == f"data set 'a': {images}/none.tar: no such file; check the path"


# Mixes


def test_a_mix_is_made_of_others_and_counts_its_own(plan_of: PlanOf) -> None:
    plan = plan_of(
        f"{BASE}both: {{mix: {{real: 3 per class, base: 4}}}}\ndeep: {{mix: {{both: 6, more: 2 per class}}}}"
    )
    assert [dataset(plan, name).images_per_class for name in ("both", "deep")] == [7, 8]
    mixes = {step.label: step for step in plan.steps.values() if step.spec.kind == "mix"}
    both, deep = mixes["mix both"], mixes["mix deep"]
    assert both.inputs["base"] == dataset(plan, "base").keys["dataset"]
    assert plan.steps[both.inputs["real"]].label == "load 3 real train images per class"
    assert deep.inputs == {"both": both.key, "more": dataset(plan, "more").keys["dataset"]}
    assert (both.units, deep.units) == (14, 16)
    assert len(keys(plan, "collect")) == 2
    origin = dataset(plan, "deep").origin
    assert origin is not None
    assert (origin.kind, origin.note) == ("mix", "6 both, 2 more per class")


def test_per_class_is_only_a_word(plan_of: PlanOf) -> None:
    spelt, short = (plan_of(f"{BASE}both: {{mix: {{real: {n}, base: 4}}}}") for n in ("3 per class", "3"))
    assert spelt.steps.keys() == short.steps.keys()


def test_other_parts_are_another_mix(plan_of: PlanOf) -> None:
    mixes = ["{real: 3, base: 4}", "{real: 3, more: 4}", "{real: 4, base: 4}", "{base: 4}"]
    assert len({keys(plan_of(f"{BASE}both: {{mix: {mix}}}"), "mix")[0] for mix in mixes}) == len(mixes)


def test_real_classifiers_are_not_tested_on_real_images_that_they_know(plan_of: PlanOf) -> None:
    mixes = "half: {mix: {real: 2, base: 4}}\ndeep: {mix: {half: 4, more: 2}}\nown: {mix: {base: 4, more: 2}}"
    plan = plan_of(BASE + mixes)
    tested = {run.dataset: set(run.evaluations) for run in plan.runs}
    assert tested.pop("real") == {"real", "base", "more", "own"}
    assert set(map(frozenset, tested.values())) == {frozenset({"real"})}


def test_more_real_images_than_there_are_is_one_line(complaint: Callable[..., str]) -> None:
    said = complaint(f"{BASE}both: {{mix: {{real: 9, base: 4}}}}")
    assert said.startswith("data set 'both': ")
    assert "9" in said
    assert "8" in said


# Training one after the other


def test_a_control_may_differ_in_its_pretraining_alone(plan_of: PlanOf, complaint: Callable[..., str]) -> None:
    tuned = "{mix: {real: 6}, pretrain: base, control: scratch}"
    plan_of(f"{BASE}scratch: {{mix: {{real: 6}}}}\ntuned: {tuned}")
    said = complaint(f"{BASE}scratch: {{mix: {{real: 6}}, pretrain: base}}\ntuned: {tuned}")
    assert "data sets 'tuned' and 'scratch', its control, are the same images" in said


# Sampling and numerics


def sampling(plan: Plan) -> Sampling:
    (found,) = {spec.sampling for spec in specs(plan, GenerateSpec)}
    assert isinstance(found, Sampling)
    return found


@pytest.mark.parametrize(
    ("generator", "asked", "given"),
    [
        ("sd-1.5", "vendor", Sampling(steps=50, cfg=7.5, negative="", size=512)),
        ("sd-1.5", "paper", Sampling(steps=50, cfg=2.0, negative="", size=512)),
        ("sdxl", "paper", Sampling(steps=50, cfg=2.0, size=512)),
        ("flux.1-dev", "paper", Sampling(steps=50, cfg=1.0, distilled_guidance=2.0, size=512)),
        ("qwen-image", "vendor", Sampling(steps=50, cfg=4.0, negative=" ", size=1328)),
        ("qwen-image", "paper", Sampling(steps=50, cfg=1.0, size=512)),
        ("sd3.5-large-turbo", "{steps: 8}", Sampling(steps=8, cfg=1.0, size=1024)),
        ("sd-1.5", "{cfg: 3, negative: grey}", Sampling(steps=50, cfg=3.0, negative="grey", size=512)),
    ],
)
def test_settings_are_those_that_the_study_names(plan_of: PlanOf, generator: str, asked: str, given: Sampling) -> None:
    plan = plan_of(f"a: {{generator: {generator}, images_per_class: 9, sampling: {asked}}}")
    assert sampling(plan) == given
    (encode,) = specs(plan, EncodeSpec)
    assert (encode.guided, encode.negative) == ((given.cfg or 1) > 1, given.negative)


@pytest.mark.parametrize(
    ("generator", "asked", "said"),
    [
        ("pocket-base", "paper", "the paper did not run 'pocket-base': take sampling: vendor"),
        ("sd-1.5", "{distilled_guidance: 3.5}", "'sd-1.5' takes no distilled_guidance"),
        ("sd-1.5", "{step_cache: 0.1}", "'sd-1.5' has no step_cache"),
        ("flux.1-dev", "{negative: grey}", "'flux.1-dev' sees no negative prompt at cfg 1"),
    ],
)
def test_settings_that_a_model_lacks_are_told_with_the_data_set(
    complaint: Callable[..., str], generator: str, asked: str, said: str
) -> None:
    found = complaint(f"a: {{generator: {generator}, images_per_class: 9, sampling: {asked}}}")
    assert found.startswith(f"data set 'a': {said}")


@pytest.mark.parametrize(
    ("numerics", "dtypes"),
    [
        ("{}", {"float32"}),
        ("{device: cuda}", {"float16", "bfloat16"}),
        ("{device: cuda, dtype: float32}", {"float32"}),
        ("{dtype: bfloat16}", {"bfloat16"}),
    ],
)
def test_a_models_own_number_format_is_for_a_gpu(plan_of: PlanOf, numerics: str, dtypes: set[str]) -> None:
    plan = plan_of(
        "a: {generator: sd-1.5, images_per_class: 9}\nb: {generator: sana-1.6b, images_per_class: 9}",
        f"numerics: {numerics}",
    )
    found = {(spec.generator, spec.numerics.dtype) for spec in [*specs(plan, GenerateSpec), *specs(plan, EncodeSpec)]}
    assert {dtype for _, dtype in found} == dtypes
    assert len(found) == 2


def test_auto_is_said_as_what_it_is(plan_of: PlanOf) -> None:
    text = "a: {generator: sana-1.6b, images_per_class: 9}"
    auto, bfloat16 = (plan_of(text, f"numerics: {{device: cuda, dtype: {dtype}}}") for dtype in ("auto", "bfloat16"))
    assert keys(auto, "generate") == keys(bfloat16, "generate")


def test_errors_keep_their_kind(plan_of: PlanOf) -> None:
    with pytest.raises(UnknownNameError):
        plan_of("a: {generator: pocket-bas, images_per_class: 9}")
    with pytest.raises(DataError):
        plan_of("a: {generator: pocket-base, images_per_class: 9, sampling: paper}")


# Made of another data set


def test_what_is_changed_is_changed_in_the_size_that_classifiers_see(plan_of: PlanOf) -> None:
    plan = plan_of("soft: {of: real, transform: {kind: blur, width: 0.1}, images_per_class: 4}")
    [spec] = specs(plan, ChangeSpec)
    assert (spec.per_class, spec.stored_size, spec.transform.source.kind) == (4, 32, "blur")
    soft = dataset(plan, "soft")
    assert soft.origin is not None
    assert soft.origin.kind == "changed"
    load = next(iter(plan.steps[soft.keys["dataset"]].inputs.values()))
    assert plan.steps[load].spec.kind == "load"
    # Real-trained classifiers have seen what it is made of.
    assert all("soft" not in run.evaluations for run in plan.runs)


def test_what_is_made_of_what_is_made_keeps_its_chain(plan_of: PlanOf, shared_task: Path) -> None:
    folder = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    soft = "soft: {of: base, transform: {kind: blur, width: 0.1}, images_per_class: 4, control: base}"
    softer = "softer: {of: soft, transform: {kind: blur, width: 0.2}, images_per_class: 2}"
    plan = plan_of("\n".join([folder, soft, softer]))
    last = plan.steps[dataset(plan, "softer").keys["dataset"]]
    assert last.inputs["dataset"] == dataset(plan, "soft").keys["dataset"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "a: {of: b, transform: {kind: blur, width: 1}, images_per_class: 2}",
            "'a' needs 'b', which is no data set here",
        ),
        ("a: {of: real, drop: copies, images_per_class: 2}", "drop is for generated images"),
        (
            "a: {of: a, transform: {kind: blur, width: 1}, images_per_class: 2}",
            "'a' needs itself, by way of its mix, of or",
        ),
        ("a: {of: real, transform: {kind: blur, width: 1}, images_per_class: 9}", "9"),
        ("a: {of: real, transform: {kind: blr, width: 1}, images_per_class: 2}", "blr"),
    ],
)
def test_what_cannot_be_made_of_another_is_one_clear_line(complaint: Callable[..., str], lines: str, said: str) -> None:
    assert said in complaint(lines)


def test_a_set_without_its_copies_needs_a_diagnosis_and_so_images_enough(
    complaint: Callable[..., str], shared_task: Path
) -> None:
    base = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    assert "a diagnosis with 2 classes needs" in complaint(
        f"{base}\na: {{of: base, drop: copies, images_per_class: 4}}"
    )
    said = complaint(f"{base}\na: {{of: base, drop: copies, images_per_class: 2}}")
    assert "'a' drops images of all 4 per class of 'base'; ask for as many" in said


def test_a_curve_of_some_seeds(plan_of: PlanOf) -> None:
    train = "train: {seeds: [0, 1], real_curve: [2, 4], curve_seeds: [1]}"
    plan = plan_of("soft: {of: real, transform: {kind: blur, width: 0.1}, images_per_class: 4}", more=train)
    assert {run.seed for run in plan.runs if run.steps_of} == {1}
    assert {run.seed for run in plan.runs if not run.steps_of} == {0, 1}
