"""The steps of all kinds of data sets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.plan.plans import BASE, dataset, keys, plan_study, specs

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError, StudyError, UnknownNameError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.pocket import pipeline_folder
from prettyuseful.generators.weight_headers import read_header
from prettyuseful.plan.planned import PlannedRun
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.changed import ChangeSpec
from prettyuseful.steps.datasets import ImportSpec, LoadFurtherSpec, LoadSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec
from prettyuseful.study.reading import load_study

PlanOf = Callable[..., Plan]


# User-defined generators


def test_a_class_next_to_the_study_is_found_from_any_working_directory(tmp_path: Path, shared_task: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "planted_generators.py", tmp_path / "beside_a_study.py")
    plans = []
    for name in ("beside_a_study.py:Noise", "beside_a_study:Noise"):
        text = (
            f"version: 1\ntask: {{folder: {shared_task}}}\ndatasets:\n  a: {{generator: '{name}', images_per_class: 9}}"
        )
        (tmp_path / "study.yaml").write_text(text)
        plan = make_plan(load_study(tmp_path / "study.yaml"))
        assert {spec.model.source.model for spec in specs(plan, GenerateSpec)} == {
            f"{tmp_path}/beside_a_study.py:Noise"
        }
        plans.append(plan)
    assert plans[0].steps.keys() == plans[1].steps.keys()
    origin = dataset(plans[0], "a").origin
    assert origin is not None
    assert (origin.id, origin.kind) == ("beside_a_study:Noise", "custom")
    with (tmp_path / "beside_a_study.py").open("a") as file:
        file.write("# changed code may generate other images\n")
    changed = make_plan(load_study(tmp_path / "study.yaml"))
    assert not set(keys(changed, "generate")) & set(keys(plans[0], "generate"))


def test_a_user_defined_generator_has_no_sampling_settings(plan_of: PlanOf, planted: Callable[[str], str]) -> None:
    plan = plan_of(f"a: {{generator: '{planted('Noise')}', images_per_class: 9, prompts: template, seed: 5}}")
    assert {(spec.sampling, spec.seed, spec.prompts) for spec in specs(plan, GenerateSpec)} == {(None, 5, 7)}
    assert keys(plan, "encode") == []


def test_each_data_set_may_have_its_own_micro_batch(plan_of: PlanOf, planted: Callable[[str], str]) -> None:
    """So advice for a data set that exceeds the memory changes the keys of no other data set."""
    noise = f"generator: '{planted('Noise')}', images_per_class: 60"
    both = plan_of(f"a: {{{noise}}}\nb: {{{noise}, seed: 1}}")
    smaller = plan_of(f"a: {{{noise}, micro_batch: 8}}\nb: {{{noise}, seed: 1}}")
    assert {spec.micro_batch for spec in specs(both, GenerateSpec)} == {25}
    assert {(spec.seed, spec.micro_batch) for spec in specs(smaller, GenerateSpec)} == {(0, 8), (1, 25)}
    kept = {key for key in keys(both, "generate") if key in smaller.steps}
    assert {both.steps[key].spec.seed for key in kept} == {1}  # type: ignore[attr-defined]
    assert dataset(smaller, "b").key == dataset(both, "b").key
    of_study = plan_of(f"a: {{{noise}, micro_batch: 8}}\nb: {{{noise}, seed: 1}}", "numerics: {micro_batch: 3}")
    assert {(spec.seed, spec.micro_batch) for spec in specs(of_study, GenerateSpec)} == {(0, 8), (1, 3)}


def test_the_micro_batch_of_a_model_is_that_of_its_row(plan_of: PlanOf) -> None:
    sets = "a: {generator: sd3.5-large, images_per_class: 60}\nb: {generator: pocket-base, images_per_class: 60}"
    sizes = {spec.generator: spec.micro_batch for spec in specs(plan_of(sets), GenerateSpec)}
    assert sizes == {"sd3.5-large": 12, "pocket-base": 25}


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        (
            "Noise",
            ", sampling: paper",
            "sampling has no effect here: a user-defined generator has its own settings",
        ),
        ("Nois", "", "planted_generators.py' has no 'Nois'; did you mean 'Noise'?"),
    ],
)
def test_errors_of_user_defined_generators_are_one_line(
    error_message: Callable[..., str], planted: Callable[[str], str], kind: str, more: str, message: str
) -> None:
    error = error_message(f"a: {{generator: '{planted(kind)}', images_per_class: 9{more}}}")
    assert error.startswith("data set 'a': ")
    assert message in error


# Existing images


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
def test_generation_fields_are_rejected_for_a_folder(
    error_message: Callable[..., str], images: Path, field: str
) -> None:
    name = field.split(":")[0]
    error = error_message(f"a: {{generator: {images}, images_per_class: 8, {field}}}")
    assert error == f"data set 'a': {name} has no effect here: the images already exist; remove it"


def test_too_few_images_and_missing_classes_are_reported(error_message: Callable[..., str], images: Path) -> None:
    error = error_message(f"a: {{generator: {images}, images_per_class: 9}}")
    assert error.startswith(f"data set 'a': {images}: class 'blue' has only 8 images, but 9 were requested (2 classes")
    (images / "red").rename(images / "read")
    error = error_message(f"a: {{generator: {images}, images_per_class: 8}}")
    assert error.startswith(f"data set 'a': {images} has no images of 1 of the task's 2 classes: 'red' (did you mean")
    error = error_message(f"a: {{generator: {images}/none.tar, images_per_class: 8}}")
    assert error == f"data set 'a': {images}/none.tar: no such file; check the path"


# Mixes


def test_a_mix_combines_other_data_sets(plan_of: PlanOf) -> None:
    plan = plan_of(
        f"{BASE}both: {{mix: {{real: 3 per class, base: 4}}}}\ndeep: {{mix: {{both: 6, more: 2 per class}}}}"
    )
    assert [dataset(plan, name).images_per_class for name in ("both", "deep")] == [ClassCounts(7), ClassCounts(8)]
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


def test_per_class_may_be_left_out(plan_of: PlanOf) -> None:
    spelt, short = (plan_of(f"{BASE}both: {{mix: {{real: {n}, base: 4}}}}") for n in ("3 per class", "3"))
    assert spelt.steps.keys() == short.steps.keys()


def test_another_mix_has_another_key(plan_of: PlanOf) -> None:
    mixes = ["{real: 3, base: 4}", "{real: 3, more: 4}", "{real: 4, base: 4}", "{base: 4}"]
    assert len({keys(plan_of(f"{BASE}both: {{mix: {mix}}}"), "mix")[0] for mix in mixes}) == len(mixes)


def test_classifiers_of_real_images_are_not_tested_on_mixes_with_real_images(plan_of: PlanOf) -> None:
    mixes = "half: {mix: {real: 2, base: 4}}\ndeep: {mix: {half: 4, more: 2}}\nown: {mix: {base: 4, more: 2}}"
    plan = plan_of(BASE + mixes)
    tested = {run.dataset: set(run.evaluations) for run in plan.runs}
    assert tested.pop("real") == {"real", "base", "more", "own"}
    assert set(map(frozenset, tested.values())) == {frozenset({"real"})}


def test_too_many_real_images_in_a_mix_are_reported(error_message: Callable[..., str]) -> None:
    error = error_message(f"{BASE}both: {{mix: {{real: 9, base: 4}}}}")
    assert error.startswith("data set 'both': ")
    assert "9" in error
    assert "8" in error


# Pretraining


def test_a_control_may_differ_only_in_its_pretraining(plan_of: PlanOf, error_message: Callable[..., str]) -> None:
    tuned = "{mix: {real: 6}, pretrain: base, control: scratch}"
    plan_of(f"{BASE}scratch: {{mix: {{real: 6}}}}\ntuned: {tuned}")
    error = error_message(f"{BASE}scratch: {{mix: {{real: 6}}, pretrain: base}}\ntuned: {tuned}")
    assert "data sets 'tuned' and 'scratch', its control, have the same images" in error


# Sampling and numerics


def sampling(plan: Plan) -> Sampling:
    (settings,) = {spec.sampling for spec in specs(plan, GenerateSpec)}
    assert isinstance(settings, Sampling)
    return settings


@pytest.mark.parametrize(
    ("generator", "settings", "expected"),
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
def test_sampling_settings_of_the_study_are_resolved(
    plan_of: PlanOf, generator: str, settings: str, expected: Sampling
) -> None:
    plan = plan_of(f"a: {{generator: {generator}, images_per_class: 9, sampling: {settings}}}")
    assert sampling(plan) == expected
    (encode,) = specs(plan, EncodeSpec)
    assert (encode.guided, encode.negative) == ((expected.cfg or 1) > 1, expected.negative)


@pytest.mark.parametrize(
    ("generator", "settings", "message"),
    [
        ("pocket-base", "paper", "the paper"),
        ("sd-1.5", "{distilled_guidance: 3.5}", "'sd-1.5' does not support distilled_guidance"),
        ("sd-1.5", "{step_cache: 0.1}", "'sd-1.5' does not support step_cache"),
        ("flux.1-dev", "{negative: grey}", "'flux.1-dev' ignores the negative prompt at cfg 1"),
    ],
)
def test_unsupported_settings_are_reported_with_the_data_set(
    error_message: Callable[..., str], generator: str, settings: str, message: str
) -> None:
    error = error_message(f"a: {{generator: {generator}, images_per_class: 9, sampling: {settings}}}")
    assert error.startswith(f"data set 'a': {message}")


@pytest.mark.parametrize(
    ("numerics", "dtypes"),
    [
        ("{}", {"float32"}),
        ("{device: cuda}", {"float16", "bfloat16"}),
        ("{device: cuda, dtype: float32}", {"float32"}),
        ("{dtype: bfloat16}", {"bfloat16"}),
    ],
)
def test_the_native_number_format_is_used_on_a_gpu(plan_of: PlanOf, numerics: str, dtypes: set[str]) -> None:
    plan = plan_of(
        "a: {generator: sd-1.5, images_per_class: 9}\nb: {generator: sana-1.6b, images_per_class: 9}",
        f"numerics: {numerics}",
    )
    formats = {(spec.generator, spec.numerics.dtype) for spec in [*specs(plan, GenerateSpec), *specs(plan, EncodeSpec)]}
    assert {dtype for _, dtype in formats} == dtypes
    assert len(formats) == 2


def test_auto_is_resolved_in_keys(plan_of: PlanOf) -> None:
    text = "a: {generator: sana-1.6b, images_per_class: 9}"
    auto, bfloat16 = (plan_of(text, f"numerics: {{device: cuda, dtype: {dtype}}}") for dtype in ("auto", "bfloat16"))
    assert keys(auto, "generate") == keys(bfloat16, "generate")


def test_errors_keep_their_type(plan_of: PlanOf) -> None:
    with pytest.raises(UnknownNameError):
        plan_of("a: {generator: pocket-bas, images_per_class: 9}")
    with pytest.raises(DataError):
        plan_of("a: {generator: pocket-base, images_per_class: 9, sampling: paper}")


# Derived data sets


def test_transforms_are_applied_at_the_size_of_training(plan_of: PlanOf) -> None:
    plan = plan_of("soft: {of: real, transform: {kind: blur, width: 0.1}, images_per_class: 4}")
    [spec] = specs(plan, ChangeSpec)
    assert (spec.per_class, spec.stored_size, spec.transform.source.kind) == (ClassCounts(4), 32, "blur")
    soft = dataset(plan, "soft")
    assert soft.origin is not None
    assert soft.origin.kind == "changed"
    load = next(iter(plan.steps[soft.keys["dataset"]].inputs.values()))
    assert plan.steps[load].spec.kind == "load"
    # Classifiers trained on real images may have been trained on its sources.
    assert all("soft" not in run.evaluations for run in plan.runs)


def test_derived_data_sets_can_be_derived_again(plan_of: PlanOf, shared_task: Path) -> None:
    folder = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    soft = "soft: {of: base, transform: {kind: blur, width: 0.1}, images_per_class: 4, control: base}"
    softer = "softer: {of: soft, transform: {kind: blur, width: 0.2}, images_per_class: 2}"
    plan = plan_of("\n".join([folder, soft, softer]))
    last = plan.steps[dataset(plan, "softer").keys["dataset"]]
    assert last.inputs["dataset"] == dataset(plan, "soft").keys["dataset"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "a: {of: b, transform: {kind: blur, width: 1}, images_per_class: 2}",
            "'a' refers to 'b', which is not a data set of the study",
        ),
        ("a: {of: real, drop: copies, images_per_class: 2}", "drop does not apply to real images"),
        (
            "a: {of: a, transform: {kind: blur, width: 1}, images_per_class: 2}",
            "'a' depends on itself, through mix, of, select or",
        ),
        ("a: {of: real, transform: {kind: blur, width: 1}, images_per_class: 9}", "9"),
        ("a: {of: real, transform: {kind: blr, width: 1}, images_per_class: 2}", "blr"),
    ],
)
def test_impossible_derivations_are_reported(error_message: Callable[..., str], lines: str, message: str) -> None:
    assert message in error_message(lines)


def test_dropping_copies_needs_enough_images_for_a_diagnosis(
    error_message: Callable[..., str], shared_task: Path
) -> None:
    base = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    assert "a diagnosis with 2 classes needs" in error_message(
        f"{base}\na: {{of: base, drop: copies, images_per_class: 4}}"
    )
    error = error_message(f"{base}\na: {{of: base, drop: copies, images_per_class: 2}}")
    assert "'a' drops images of 'base': set its images_per_class to 4" in error


def test_images_of_a_list_are_dropped_without_a_diagnosis(plan_of: PlanOf, shared_task: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path\na.png\n")
    base = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    dropped = f"checked: {{of: base, drop: {tmp_path / 'list.csv'}, images_per_class: 4, control: base}}"
    plan = plan_of(f"{base}\n{dropped}")
    step = plan.steps[dataset(plan, "checked").keys["dataset"]]
    assert step.spec.kind == "drop-list"
    assert step.inputs == {"dataset": dataset(plan, "base").keys["dataset"]}
    assert "diagnose" not in {planned.spec.kind for planned in plan.steps.values()}
    assert dataset(plan, "checked").origin.note == "base without the images listed in list.csv"  # type: ignore[union-attr]


def test_a_list_that_cannot_be_used_is_reported(
    error_message: Callable[..., str], shared_task: Path, tmp_path: Path
) -> None:
    base = f"base: {{generator: {shared_task / 'train'}, images_per_class: 4}}"
    drop = f"checked: {{of: base, drop: {tmp_path / 'list.csv'}, images_per_class: 4}}"
    assert "data set 'checked': cannot read the list of images" in error_message(f"{base}\n{drop}")
    (tmp_path / "list.csv").write_text("path\n")
    assert "lists no images; remove drop" in error_message(f"{base}\n{drop}")
    drawn = "base: {generator: pocket-base, images_per_class: 4, draws: 2}"
    (tmp_path / "list.csv").write_text("path\na.png\n")
    assert "a list of images is about one draw, but 'base' has 2" in error_message(f"{drawn}\n{drop}")


def test_a_curve_uses_only_its_curve_seeds(plan_of: PlanOf) -> None:
    train = "train: {seeds: [0, 1], real_curve: [2, 4], curve_seeds: [1]}"
    plan = plan_of("soft: {of: real, transform: {kind: blur, width: 0.1}, images_per_class: 4}", more=train)
    assert {run.seed for run in plan.runs if run.steps_of} == {1}
    assert {run.seed for run in plan.runs if not run.steps_of} == {0, 1}


def test_each_seed_of_a_curve_has_another_draw_of_real_images(plan_of: PlanOf, folder_task: Path) -> None:
    train = "train: {seeds: [0, 1, 2], real_curve: [1, 2, 4]}"
    plan = plan_of("soft: {of: real, transform: {kind: blur, width: 0.1}, images_per_class: 4}", more=train)

    def images(run: PlannedRun) -> set[str]:
        step = plan.steps[run.train]
        while not isinstance(step.spec, LoadSpec):
            (step,) = (plan.steps[key] for key in step.inputs.values())
        source = step.spec.task.source.open()
        skipped = step.spec.skipped if isinstance(step.spec, LoadFurtherSpec) else ClassCounts(0)
        until = ClassCounts([skipped[label] + step.spec.per_class[label] for label in range(len(source.classes))])
        first = {row.path for row in source.images("train", skipped)}
        return {row.path for row in source.images("train", until)} - first

    drawn = {(run.images_per_class.smallest, run.seed): images(run) for run in plan.runs if run.steps_of}
    classes = len(list((folder_task / "train").iterdir()))
    assert {number: len(paths) for (number, _), paths in drawn.items()} == {n: n * classes for n in (1, 2, 4)}
    assert not drawn[1, 0] & drawn[1, 1]
    assert not drawn[1, 1] & drawn[1, 2]
    assert not drawn[2, 0] & drawn[2, 1]
    available = len(list((folder_task / "train" / "red").iterdir()))
    assert (drawn[4, 0] == drawn[4, 1]) == (available == 4)  # where there are no others, the same images are used


# Names of classes


def test_classes_of_a_data_set_may_have_the_names_before_renaming(folder_task: Path, tmp_path: Path) -> None:
    """Or after it."""
    for name, new in (("before", "red"), ("after", "crimson")):
        shutil.copytree(folder_task / "train", tmp_path / name)
        (tmp_path / name / "red").rename(tmp_path / name / new)
    (tmp_path / "study.yaml").write_text(
        f"version: 1\ntask: {{folder: {folder_task}, classes: {{red: crimson}}}}\ndatasets:\n"
        + "".join(f"  {name}: {{generator: ./{name}, images_per_class: 4}}\n" for name in ("before", "after"))
        + "metrics: []\n"
    )
    plan = make_plan(load_study(tmp_path / "study.yaml"))
    assert plan.task.classes == ("blue", "crimson")
    imports = specs(plan, ImportSpec)
    assert [(spec.classes, spec.names) for spec in imports] == [(("blue", "crimson"), {"red": "crimson"})] * 2


@pytest.mark.parametrize("name", ["model.safetensors", "weights"])
def test_weights_that_are_no_pipeline_are_refused_with_the_remedy(plan_of: PlanOf, tmp_path: Path, name: str) -> None:
    (tmp_path / "weights").mkdir(exist_ok=True)
    for file in ("model.safetensors", "weights/model.safetensors"):
        (tmp_path / file).write_bytes(b"x" * 20)
    with pytest.raises(UnknownNameError, match="name the model that it was made from"):
        plan_of(f"a: {{generator: '{tmp_path / name}', images_per_class: 9}}")


def test_a_lora_is_in_the_key_of_the_steps_that_read_it(tmp_path: Path) -> None:
    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_{}.weight"
    with pipeline_folder("base") as folder:
        header = read_header(next((folder / "unet").glob("*.safetensors")), "unet")
    width = header["mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"][0]
    pair = {key.format("A"): np.zeros((2, width), np.float32), key.format("B"): np.zeros((width, 2), np.float32)}
    save_file(pair, tmp_path / "a.safetensors")
    study = "{{version: 1, task: photos, metrics: [], datasets: {{a: {{generator: {0}, images_per_class: 30}}}}}}"
    plain = plan_study(study.format("pocket-base"))
    lora = f"{{model: pocket-base, lora: {{path: {tmp_path}/a.safetensors, weight: 0.5}}, dtype: bfloat16}}"
    changed = plan_study(study.format(lora.replace(", dtype: bfloat16", "")))

    def kinds(plan: Plan) -> set[str]:
        return {step.spec.kind for key, step in plan.steps.items() if key not in plain.steps}

    assert "encode" not in kinds(changed)
    assert {"generate", "collect"} <= kinds(changed)
    assert "encode" in kinds(plan_study(study.format(lora)))
    (dataset,) = (dataset for dataset in changed.datasets if dataset.name == "a")
    assert dataset.origin is not None
    assert dataset.origin.note.endswith("with LoRA a.safetensors at 0.5")
    assert [(file.field, file.name, file.weight) for file in dataset.origin.added] == [("lora", "a.safetensors", 0.5)]


@pytest.mark.parametrize("generator", ["{0}:Noise", "{1}"])
def test_settings_of_a_model_have_no_effect_on_other_sources(
    planted: Callable[[str], str], shared_task: Path, plan_of: PlanOf, generator: str
) -> None:
    source = generator.format(planted("Noise").removesuffix(":Noise"), shared_task / "train")
    with pytest.raises(DataError, match=r"data set 'a': generator\.dtype has no effect here"):
        plan_of(f"a: {{generator: {{model: '{source}', dtype: bfloat16}}, images_per_class: 4}}")


def test_a_variant_is_planned_or_refused() -> None:
    study = "{{version: 1, task: photos, metrics: [], train: {{seeds: [0]}}, datasets: {{a: {{{0}}}}}}}"
    pocket = study.format("generator: {model: pocket-base, variant: %s}, images_per_class: 10")
    assert plan_study(pocket % "fp16").steps.keys() == plan_study(pocket.replace(", variant: %s", "")).steps.keys()
    with pytest.raises(
        DataError, match="data set 'a': 'pocket-base' has no weights of the variant 'bf16'; available: "
    ):
        plan_study(pocket % "bf16")
    for wrong in ("fp 16", "../x", "''"):
        with pytest.raises(StudyError, match="variant"):
            plan_study(pocket % wrong)
