from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from tests.study.texts import CONTRACT, complaint

from prettyuseful.errors import StudyError
from prettyuseful.generators.base import Sampling
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.study.file import DatasetPlan, ProbePlan, Study, TrainPlan
from prettyuseful.study.reading import json_schema, parse_study

NOWHERE = "study.yaml:4: datasets.base: say where the images come from: generator, mix or of"


def test_the_contract_parses() -> None:
    study = parse_study(CONTRACT)
    assert study.task.name == "photos"
    assert study.datasets["base"].images_per_class == 100
    assert study.datasets["base"].sampling == "vendor"
    assert study.train.seeds == (0, 1, 2)
    assert study.metrics == ("density", "coverage")


def test_what_may_be_left_out_has_the_contract_as_default() -> None:
    short = parse_study("version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 100}}\n")
    assert short == parse_study(CONTRACT)


def test_sampling_can_be_set() -> None:
    study = parse_study(CONTRACT.replace("seed: 0", "sampling: {steps: 2, cfg: 3.5, negative: blur}"))
    assert study.datasets["base"].sampling == Sampling(steps=2, cfg=3.5, negative="blur")


@pytest.mark.parametrize(
    ("prompts", "plan"),
    [
        ("caption", PromptPlan(strategy="caption")),
        ("{}", PromptPlan(strategy="class-name")),
        ("{strategy: template}", PromptPlan(strategy="template")),
        ("{strategy: template, templates: ['a {}']}", PromptPlan(strategy="template", templates=("a {}",))),
        ("{strategy: definition, definitions: {a: b}}", PromptPlan(strategy="definition", definitions={"a": "b"})),
        (
            "{strategy: caption, captioner: owner/name}",
            PromptPlan(strategy="caption", captioner=CaptionerSource(model="owner/name")),
        ),
    ],
)
def test_prompts_are_a_name_or_a_mapping(prompts: str, plan: PromptPlan) -> None:
    text = CONTRACT.replace("class-name", prompts)
    assert parse_study(text).datasets["base"].prompts == plan
    jsonschema.validate(yaml.safe_load(text), json_schema())


@pytest.mark.parametrize("count", ["50", "50 per class", "'50'"])
def test_a_mix_counts_per_class(count: str) -> None:
    text = CONTRACT.replace("train:", f"  both: {{mix: {{real: {count}, base: 100}}}}\ntrain:").replace(
        "100", "100 per class"
    )
    assert parse_study(text).datasets["both"].mix == {"real": 50, "base": 100}
    assert parse_study(text).datasets["both"].count == 150
    if count != "'50'":
        jsonschema.validate(yaml.safe_load(text), json_schema())


def test_a_study_is_frozen() -> None:
    study = parse_study(CONTRACT)
    with pytest.raises(ValueError, match="frozen"):
        study.title = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("mix", "said"),
    [
        ("{rael: 5}", "study.yaml:3: datasets: 'both' needs 'rael', which is no data set here; did you mean 'real'?"),
        ("{bse: 5}", "study.yaml:3: datasets: 'both' needs 'bse', which is no data set here; did you mean 'base'?"),
        ("{base: 101}", "study.yaml:3: datasets: 'both' takes 101 images per class of 'base', which has 100"),
        ("{third: 6}", "study.yaml:3: datasets: 'both' takes 6 images per class of 'third', which has 5"),
        ("{both: 1}", "study.yaml:3: datasets: 'both' needs itself, by way of its mix, of or pretrain"),
        ("{circle: 1}", "study.yaml:3: datasets: 'circle' needs itself"),
        ("{base: 5}, pretrain: circle", "study.yaml:3: datasets: 'circle' needs itself"),
        (
            "{base: 5}, pretrain: rael",
            "study.yaml:3: datasets: 'both' needs 'rael', which is no data set here; did you mean",
        ),
        ("{base: 0}", "study.yaml:7: datasets.both.mix.base: expected a whole number from 1 to 1,000,000, got 0"),
        (
            "{base: 5 per clas}",
            "study.yaml:7: datasets.both.mix.base: expected a whole number from 1 to 1,000,000, got '5 per clas'",
        ),
        ("{}", "study.yaml:7: datasets.both.mix: expected a mapping of 1 or more entries"),
        ("[base]", "study.yaml:7: datasets.both.mix: expected a mapping of 1 or more entries"),
        ("{base: 5}, sampling: paper", "study.yaml:7: datasets.both: a mix has no sampling of its own"),
    ],
)
def test_a_mix_that_cannot_be_is_named_with_its_line(mix: str, said: str) -> None:
    sets = f"  circle: {{mix: {{base: 1}}, pretrain: both}}\n  third: {{mix: {{base: 5}}}}\n  both: {{mix: {mix}}}\n"
    if "circle" not in mix:
        sets = sets.replace("pretrain: both", "pretrain: third")
    assert complaint(CONTRACT.replace("train:", f"{sets}train:")).startswith(said)


def test_the_reserved_name_is_explained() -> None:
    assert "nothing can be called 'real'" in complaint(CONTRACT.replace("base:", "real:", 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[0, 1, 2]", "[0, 1, 0]", "study.yaml:5: train.seeds: every entry may stand here only once"),
        ("[density, coverage]", "[kid, kid]", "study.yaml:6: metrics: every metric may stand here only once"),
        (
            "metrics:",
            "encoders: [resnet18, resnet18]\nmetrics:",
            "study.yaml:6: encoders: 'resnet18' stands here twice",
        ),
        ("seed: 0", "control: bsae", "study.yaml:3: datasets: the control of 'base' is 'bsae', which is no other"),
        ("seed: 0", "control: base", "study.yaml:3: datasets: the control of 'base' is 'base', which is no other"),
        ("base:", "real:", "study.yaml:4:"),
        ("base:", "'a/b':", "study.yaml:4:"),
        ("base:", "..:", "study.yaml:4:"),
        ("generator: pocket-base, ", "", NOWHERE),
        ("images_per_class: 100, ", "", "study.yaml:4: datasets.base: images_per_class is missing"),
        (
            "generator: pocket-base",
            "mix: {real: 5}",
            "study.yaml:4: datasets.base: a mix has no images_per_class of its own",
        ),
        ("seed: 0", "mix: {real: 5}", NOWHERE),
        ("seed: 0", "of: real, transform: {kind: blur, width: 0.1}", NOWHERE),
        ("generator: pocket-base", "of: real", "study.yaml:4: datasets.base: a changed data set has no prompts"),
        ("seed: 0", "drop: labels", "study.yaml:4: datasets.base: of goes with either transform or drop"),
        ("seeds: [0, 1, 2]", "seeds: [0], curve_seeds: [1]", "train: curve_seeds names 1, which is none of the seeds"),
    ],
)
def test_what_does_not_go_together_is_named_with_its_line(old: str, new: str, said: str) -> None:
    assert old in CONTRACT
    assert said in complaint(CONTRACT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("recipes: {default: {like: small}}", "no recipe can be called 'default'"),
        ("probes: {rgb: {transform: {kind: edges}}}", "rgb stands for the images as they are"),
        ("recipes: {mine: {like: small, clip_norm: .inf}}", "finite"),
        ("recipes: {mine: {like: small, stored_size: natve}}", "recipes.mine.stored_size"),
        ("numerics: {memory_format: channels-last}", "channels_last"),
    ],
)
def test_what_a_study_cannot_say(more: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        parse_study(f"{CONTRACT}{more}\n")


def plan(**said: Any) -> DatasetPlan:
    return DatasetPlan.model_validate(said)


def test_a_data_set_knows_how_many_images_it_has_and_what_it_needs() -> None:
    generated = plan(generator="x", images_per_class=5, pretrain="other")
    assert (generated.count, generated.needs) == (5, ("other",))
    mixed = plan(mix={"real": 3, "a": "4 per class"})
    assert (mixed.count, mixed.needs) == (7, ("real", "a"))
    changed = plan(of="a", transform={"kind": "edges"}, images_per_class=2)
    assert (changed.count, changed.needs) == (2, ("a",))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"of": "a", "images_per_class": 2}, "of goes with either transform or drop"),
        (
            {"of": "a", "drop": "labels", "transform": {"kind": "edges"}, "images_per_class": 2},
            "of goes with either transform or drop",
        ),
        ({"of": "real", "drop": "copies", "images_per_class": 2}, "drop is for generated images"),
        ({"of": "a", "drop": "blur", "images_per_class": 2}, "'labels' or 'copies'"),
        (
            {"of": "a", "transform": {"kind": "edges"}, "images_per_class": 2, "seed": 0},
            "a changed data set has no seed",
        ),
        ({"generator": "x", "images_per_class": 1_000_001}, "less than or equal to 1000000"),
    ],
)
def test_a_data_set_that_cannot_be_made_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        plan(**said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"real_curve": [5]}, "a curve needs at least two numbers"),
        ({"real_curve": [5, 5]}, "every entry may stand here only once"),
        ({"seeds": [0], "curve_seeds": []}, "at least 1 item"),
        ({"probes": []}, "at least 1 item"),
    ],
)
def test_a_training_that_cannot_be_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TrainPlan.model_validate(said)


def test_a_probe_says_something() -> None:
    with pytest.raises(ValidationError, match="a probe says at least one of transform, recipe, architecture and crops"):
        ProbePlan.model_validate({})
    assert ProbePlan.model_validate({"crops": 2}).transform is None


def study(datasets: str) -> Study:
    return parse_study(f"version: 1\ntask: photos\ndatasets:\n{datasets}")


def test_the_images_of_a_data_set_and_those_that_its_classifiers_have_seen() -> None:
    one = "{generator: pocket-base, images_per_class: 6}"
    found = study(
        f"  a: {one}\n  b: {one}\n  both: {{mix: {{real: 3, a: 3}}}}\n  deep: {{mix: {{both: 2, b: 2}}}}\n"
        "  soft: {of: both, transform: {kind: edges}, images_per_class: 6, pretrain: b}\n"
        "  after: {mix: {a: 2}, pretrain: soft}\n"
    )
    assert found.images_of("real") == {"real"}
    assert found.images_of("a") == {"a"}
    assert found.images_of("deep") == {"real", "a", "b"}
    assert found.images_of("soft") == {"real", "a"}
    assert found.seen_by("soft") == {"real", "a", "b"}
    assert found.seen_by("after") == {"real", "a", "b"}
    assert found.seen_by("real") == {"real"}


def test_what_a_file_leaves_out_is_left_out_when_it_is_written() -> None:
    written = parse_study(CONTRACT).as_written()
    assert written == yaml.safe_load(CONTRACT) | {
        "task": {"name": "photos"},
        "datasets": {"base": yaml.safe_load(CONTRACT)["datasets"]["base"] | {"prompts": {"strategy": "class-name"}}},
    }
    assert Study.model_validate(written) == parse_study(CONTRACT)
