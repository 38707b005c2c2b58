from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from tests.study.texts import EXAMPLE, error_message

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.listed import ImageSelection
from prettyuseful.errors import StudyError
from prettyuseful.generators.base import Sampling
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.study.file import DatasetPlan, ProbePlan, Study, TrainPlan
from prettyuseful.study.reading import json_schema, parse_study

NO_ORIGIN = "study.yaml:4: datasets.base: set exactly one of generator, mix, of and select"


def test_the_example_parses() -> None:
    study = parse_study(EXAMPLE)
    assert study.task.name == "photos"
    assert study.datasets["base"].images_per_class == 100
    assert study.datasets["base"].sampling == "vendor"
    assert study.train.seeds == (0, 1, 2)
    assert study.metrics == ("density", "coverage")


def test_defaults_equal_the_example() -> None:
    short = parse_study("version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 100}}\n")
    assert short == parse_study(EXAMPLE)


def test_sampling_can_be_set() -> None:
    study = parse_study(EXAMPLE.replace("seed: 0", "sampling: {steps: 2, cfg: 3.5, negative: blur}"))
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
    text = EXAMPLE.replace("class-name", prompts)
    assert parse_study(text).datasets["base"].prompts == plan
    jsonschema.validate(yaml.safe_load(text), json_schema())


@pytest.mark.parametrize("count", ["50", "50 per class", "'50'"])
def test_a_mix_counts_per_class(count: str) -> None:
    text = EXAMPLE.replace("train:", f"  both: {{mix: {{real: {count}, base: 100}}}}\ntrain:").replace(
        "100", "100 per class"
    )
    assert parse_study(text).datasets["both"].mix == {"real": 50, "base": 100}
    assert parse_study(text).datasets["both"].count == ClassCounts(150)
    if count != "'50'":
        jsonschema.validate(yaml.safe_load(text), json_schema())


def test_a_study_is_frozen() -> None:
    study = parse_study(EXAMPLE)
    with pytest.raises(ValueError, match="frozen"):
        study.title = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (
            "{rael: 5}",
            "study.yaml:3: datasets: 'both' refers to 'rael', which is not a data set of the study; did you mean",
        ),
        (
            "{bse: 5}",
            "study.yaml:3: datasets: 'both' refers to 'bse', which is not a data set of the study; did you mean 'base'",
        ),
        ("{base: 101}", "study.yaml:3: datasets: 'both' takes 101 images per class of 'base', which has only 100"),
        ("{third: 6}", "study.yaml:3: datasets: 'both' takes 6 images per class of 'third', which has only 5"),
        ("{both: 1}", "study.yaml:3: datasets: 'both' depends on itself, through mix, of, select or pretrain"),
        ("{circle: 1}", "study.yaml:3: datasets: 'circle' depends on itself"),
        ("{base: 5}, pretrain: circle", "study.yaml:3: datasets: 'circle' depends on itself"),
        (
            "{base: 5}, pretrain: rael",
            "study.yaml:3: datasets: 'both' refers to 'rael', which is not a data set of the study; did you mean",
        ),
        ("{base: 0}", "study.yaml:7: datasets.both.mix.base: expected a whole number from 1 to 1,000,000, got 0"),
        (
            "{base: 5 per clas}",
            "study.yaml:7: datasets.both.mix.base: expected a whole number from 1 to 1,000,000, got '5 per clas'",
        ),
        ("{}", "study.yaml:7: datasets.both.mix: expected a mapping of 1 or more entries"),
        ("[base]", "study.yaml:7: datasets.both.mix: expected a mapping of 1 or more entries"),
        ("{base: 5}, sampling: paper", "study.yaml:7: datasets.both: sampling does not apply to a mix"),
    ],
)
def test_invalid_mixes_are_reported_with_their_line(mix: str, message: str) -> None:
    sets = f"  circle: {{mix: {{base: 1}}, pretrain: both}}\n  third: {{mix: {{base: 5}}}}\n  both: {{mix: {mix}}}\n"
    if "circle" not in mix:
        sets = sets.replace("pretrain: both", "pretrain: third")
    assert error_message(EXAMPLE.replace("train:", f"{sets}train:")).startswith(message)


def test_the_name_real_is_reserved() -> None:
    assert "the name 'real' is reserved" in error_message(EXAMPLE.replace("base:", "real:", 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0, 1, 2]", "[0, 1, 0]", "study.yaml:5: train.seeds: duplicate entry 0; list every entry only once"),
        (
            "[density, coverage]",
            "[kid, kid]",
            "study.yaml:6: metrics: duplicate metric 'kid'; list every metric only once",
        ),
        (
            "metrics:",
            "encoders: [resnet18, resnet18]\nmetrics:",
            "study.yaml:6: encoders: duplicate encoder 'resnet18'",
        ),
        (
            "seed: 0",
            "control: bsae",
            "study.yaml:3: datasets: the control of 'base' must be another data set of the study, not 'bsae'",
        ),
        (
            "seed: 0",
            "control: base",
            "study.yaml:3: datasets: the control of 'base' must be another data set of the study, not 'base'",
        ),
        ("base:", "real:", "study.yaml:4:"),
        ("base:", "'a/b':", "study.yaml:4:"),
        ("base:", "..:", "study.yaml:4:"),
        ("generator: pocket-base, ", "", NO_ORIGIN),
        ("images_per_class: 100, ", "", "study.yaml:4: datasets.base: images_per_class is missing"),
        (
            "generator: pocket-base",
            "mix: {real: 5}",
            "study.yaml:4: datasets.base: images_per_class does not apply to a mix",
        ),
        ("seed: 0", "mix: {real: 5}", NO_ORIGIN),
        ("seed: 0", "of: real, transform: {kind: blur, width: 0.1}", NO_ORIGIN),
        (
            "generator: pocket-base",
            "of: real",
            "study.yaml:4: datasets.base: prompts does not apply to a derived data set",
        ),
        ("seed: 0", "drop: labels", "study.yaml:4: datasets.base: of needs exactly one of transform and drop"),
        ("seeds: [0, 1, 2]", "seeds: [0], curve_seeds: [1]", "train: curve_seeds contains 1, which is not in seeds"),
        ("seeds: [0, 1, 2]", "until: certain", "study.yaml:5: train.until: expected 'sure', got 'certain'"),
        ("seeds: [0, 1, 2]", "at_most: 9", "train: at_most needs until: sure; without it, seeds lists all training"),
        ("seeds: [0, 1, 2]", "until: sure, seeds: [4]", "train: until: sure needs at least two seeds"),
        (
            "seeds: [0, 1, 2]",
            "until: sure, at_most: 3",
            "at_most is 3, but seeds lists 3, and until: sure adds to them",
        ),
        ("seeds: [0, 1, 2]", "until: sure", "until: sure needs a planned comparison to decide; plan one in a data set"),
    ],
)
def test_conflicting_fields_are_reported_with_their_line(old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    assert message in error_message(EXAMPLE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("recipes: {default: {like: small}}", "the recipe name 'default' is reserved"),
        ("probes: {rgb: {transform: {kind: edges}}}", "the probe rgb is reserved for unchanged images"),
        ("recipes: {mine: {like: small, clip_norm: .inf}}", "finite"),
        ("recipes: {mine: {like: small, stored_size: natve}}", "recipes.mine.stored_size"),
        ("numerics: {memory_format: channels-last}", "channels_last"),
    ],
)
def test_invalid_definitions_are_rejected(more: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(f"{EXAMPLE}{more}\n")


def plan(**fields: Any) -> DatasetPlan:
    return DatasetPlan.model_validate(fields)


def test_count_and_dependencies_of_a_data_set() -> None:
    generated = plan(generator="x", images_per_class=5, pretrain="other")
    assert (generated.count, generated.dependencies) == (ClassCounts(5), ("other",))
    mixed = plan(mix={"real": 3, "a": "4 per class"})
    assert (mixed.count, mixed.dependencies) == (ClassCounts(7), ("real", "a"))
    changed = plan(of="a", transform={"kind": "edges"}, images_per_class=2)
    assert (changed.count, changed.dependencies) == (ClassCounts(2), ("a",))
    assert plan(generator="x", images_per_class=[5, "2 per class"]).count == ClassCounts([5, 2])
    assert plan(generator="x", images_per_class="all").count is None


def test_a_drop_is_the_name_of_a_cause_or_a_list_of_images() -> None:
    def drop(value: object) -> object:
        return plan(of="a", images_per_class=2, drop=value).drop

    assert drop("labels") == "labels"
    assert drop("findings/a.csv") == ImageSelection(file="findings/a.csv")
    selected = {"file": "a.csv", "findings": ["copies", "blank"], "at_least": 0.5}
    assert drop(selected) == ImageSelection(file="a.csv", findings=("copies", "blank"), at_least=0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"of": "a", "images_per_class": 2}, "of needs exactly one of transform and drop"),
        (
            {"of": "a", "drop": "labels", "transform": {"kind": "edges"}, "images_per_class": 2},
            "of needs exactly one of transform and drop",
        ),
        ({"of": "real", "drop": "copies", "images_per_class": 2}, "drop does not apply to real images"),
        ({"of": "a", "drop": "blur", "images_per_class": 2}, "'labels' or 'copies' or 'repeats' or 'blank'"),
        (
            {"of": "a", "transform": {"kind": "edges"}, "images_per_class": 2, "seed": 0},
            "seed does not apply to a derived data set",
        ),
        ({"generator": "x", "images_per_class": 1_000_001}, "less than or equal to 1000000"),
    ],
)
def test_invalid_data_sets_are_rejected(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"real_curve": [5]}, "real_curve needs at least two numbers"),
        ({"real_curve": [5, 5]}, "duplicate entry 5; list every entry only once"),
        ({"seeds": [0], "curve_seeds": []}, "at least 1 item"),
        ({"probes": []}, "at least 1 item"),
    ],
)
def test_invalid_train_sections_are_rejected(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainPlan.model_validate(fields)


def test_an_empty_probe_is_rejected() -> None:
    with pytest.raises(
        ValidationError, match="a probe must set at least one of transform, recipe, architecture and crops"
    ):
        ProbePlan.model_validate({})
    assert ProbePlan.model_validate({"crops": 2}).transform is None


def study(datasets: str) -> Study:
    return parse_study(f"version: 1\ntask: photos\ndatasets:\n{datasets}")


def test_image_sources_and_training_sources_follow_mix_of_and_pretrain() -> None:
    generated = "{generator: pocket-base, images_per_class: 6}"
    parsed = study(
        f"  a: {generated}\n  b: {generated}\n  both: {{mix: {{real: 3, a: 3}}}}\n  deep: {{mix: {{both: 2, b: 2}}}}\n"
        "  soft: {of: both, transform: {kind: edges}, images_per_class: 6, pretrain: b}\n"
        "  after: {mix: {a: 2}, pretrain: soft}\n"
    )
    assert parsed.image_sources("real") == {"real"}
    assert parsed.image_sources("a") == {"a"}
    assert parsed.image_sources("deep") == {"real", "a", "b"}
    assert parsed.image_sources("soft") == {"real", "a"}
    assert parsed.training_sources("soft") == {"real", "a", "b"}
    assert parsed.training_sources("after") == {"real", "a", "b"}
    assert parsed.training_sources("real") == {"real"}


def test_as_written_excludes_defaults() -> None:
    written = parse_study(EXAMPLE).as_written()
    assert written == yaml.safe_load(EXAMPLE) | {
        "task": {"name": "photos"},
        "datasets": {"base": yaml.safe_load(EXAMPLE)["datasets"]["base"] | {"prompts": {"strategy": "class-name"}}},
    }
    assert Study.model_validate(written) == parse_study(EXAMPLE)


def test_seeds_that_may_be_added_follow_the_largest_one() -> None:
    text = EXAMPLE.replace("train:", "  more: {generator: pocket-base, images_per_class: 100, control: base}\ntrain:")
    assert parse_study(text).train.later_seeds == ()
    sure = parse_study(text.replace("seeds: [0, 1, 2]", "until: sure")).train
    assert (sure.seeds, sure.at_most, sure.all_seeds) == ((0, 1, 2), 12, tuple(range(12)))
    others = parse_study(text.replace("seeds: [0, 1, 2]", "seeds: [7, 3], until: sure, at_most: 4")).train
    assert (others.later_seeds, others.all_seeds) == ((8, 9), (7, 3, 8, 9))


PRETTY = "  pretty: {select: {of: base, by: prettiness, keep: top 50%}}\n"


def with_sets(lines: str) -> str:
    return EXAMPLE.replace("train:", f"{lines}train:")


def test_a_selection_gets_a_random_control_of_equal_size() -> None:
    study = parse_study(with_sets(PRETTY))
    assert list(study.datasets) == ["base", "pretty", "pretty-random"]
    assert study.datasets["pretty"].control == "pretty-random"
    random = study.datasets["pretty-random"].select
    assert random is not None
    assert (random.of, random.by, random.keep) == ("base", None, "random 50%")
    assert study.image_sources("pretty") == {"base"}


def test_a_study_with_its_random_controls_is_the_same_study() -> None:
    """Records hold the study with the controls that were added."""
    study = parse_study(with_sets(PRETTY))
    again = parse_study(yaml.safe_dump(study.as_written(), sort_keys=False))
    assert again == study
    jsonschema.validate(study.as_written(), json_schema())


def test_the_control_can_be_named_and_shared() -> None:
    lines = (
        "  pretty: {select: {of: base, by: prettiness, keep: top 50%}, control: half}\n"
        "  ugly: {select: {of: base, by: prettiness, keep: bottom 50%}, control: half}\n"
        "  half: {select: {of: base, keep: random 50%, seed: 3}}\n"
    )
    assert list(parse_study(with_sets(lines)).datasets) == ["base", "pretty", "ugly", "half"]


def test_a_selection_has_no_random_control_only_for_a_reason() -> None:
    lines = "  all: {select: {of: base, by: prettiness, keep: top 9, without_control: shown only}, control: base}\n"
    study = parse_study(with_sets(lines))
    assert (list(study.datasets), study.datasets["all"].control) == (["base", "all"], "base")


def test_the_control_of_a_pretrained_selection_is_pretrained_too() -> None:
    lines = "  pretty: {select: {of: base, by: prettiness, keep: top 50%}, pretrain: real}\n"
    assert parse_study(with_sets(lines)).datasets["pretty-random"].pretrain == "real"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            PRETTY.replace("}}", "}, control: base}"),
            "study.yaml:3: datasets: 'pretty' is a selection, and its control 'base' is not a random half of base; "
            "leave out control, name a data set {select: {of: base, keep: random 50%}}, or give a reason",
        ),
        (
            PRETTY + "  pretty-random: {select: {of: base, keep: random 40%}}\n",
            "study.yaml:3: datasets: 'pretty' is a selection, and its control 'pretty-random' is not a random half",
        ),
        (
            PRETTY.replace("}}", "}, control: bas}"),
            "study.yaml:3: datasets: the control of 'pretty' must be another data set of the study, not 'bas'; did you",
        ),
        (
            PRETTY.replace("prettiness", "pretiness"),
            "study.yaml:5: datasets.pretty.select.by: expected ",
        ),
        (
            PRETTY.replace("top 50%", "top 0%"),
            "study.yaml:5: datasets.pretty.select.keep: 'top 0%' keeps no image; write top 50%",
        ),
        (
            PRETTY.replace("}}", "}, images_per_class: 5}"),
            "study.yaml:5: datasets.pretty: images_per_class does not apply to select; keep sets the number of images",
        ),
        (
            PRETTY.replace("}}", "}, seed: 5}"),
            "study.yaml:5: datasets.pretty: seed does not apply to a selection; set it in the data sets that",
        ),
        (
            PRETTY.replace("}}", "}, of: base}"),
            "study.yaml:5: datasets.pretty: set exactly one of generator, mix, of and select",
        ),
    ],
)
def test_impossible_selections_are_reported_with_their_line(lines: str, message: str) -> None:
    assert error_message(with_sets(lines)).startswith(message)
