"""Plans of linear probes on frozen features."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.frozen import frozen_study, write_encoder
from tests.plan.plans import keys, plan_study

from prettyuseful.errors import StudyError, UnknownNameError
from prettyuseful.plan.study import Plan
from prettyuseful.steps.diagnosis import DiagnoseSpec
from prettyuseful.study.file import REAL


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def plan(encoder: str) -> Plan:
    return plan_study(frozen_study(encoder, ", real_curve: [1, 5]"))


def test_every_data_set_is_embedded_once_and_nothing_is_decoded_or_trained(plan: Plan) -> None:
    labels = [plan.steps[key].label for key in keys(plan, "embed")]
    assert sorted(labels) == [
        "embed further real train images by means",
        "embed real test images by means",
        "embed real train images by means",
        "embed soft by means",
    ]
    assert keys(plan, "train") == keys(plan, "decode") == []


def test_each_seed_has_another_draw_of_real_images_and_the_same_generated_ones(plan: Plan) -> None:
    fits = {(run.dataset, run.seed): run.train for run in plan.runs if run.steps_of is None}
    assert len({fits[REAL, seed] for seed in (0, 1, 2)}) == 3
    assert len({fits["soft", seed] for seed in (0, 1, 2)}) == 1
    further = next(plan.steps[key].spec for key in keys(plan, "load-further"))
    assert (further.skipped.value, further.per_class.value) == (5, 10)  # type: ignore[attr-defined]


def test_a_point_of_the_curve_with_all_images_is_the_baseline(plan: Plan) -> None:
    curve = {run.train for run in plan.runs if run.steps_of is not None and run.images_per_class.value == 5}
    assert curve == {run.train for run in plan.runs if run.steps_of is None and run.dataset == REAL}


def test_the_notes_say_what_intervals_cover(plan: Plan) -> None:
    [note] = [note for note in plan.notes if "Linear probes" in note]
    assert "intervals cover the test images and 3 draws of real images" in note
    assert "no other draw of generated images" in note


def test_metrics_use_the_same_features(encoder: str) -> None:
    study = (
        frozen_study(encoder, more="").replace("metrics: []", "metrics: [density]").replace("_class: 5", "_class: 8")
    )
    plan = plan_study(study)
    assert [*plan.encoders] == ["means"]
    tested = {plan.steps[run.evaluations[REAL]].inputs["features"] for run in plan.runs}
    measured = {plan.steps[key].inputs["reference"] for key in keys(plan, "measure")}
    assert tested < measured


def test_a_network_beside_the_encoder_is_combined_with_the_other_recipes_only(encoder: str) -> None:
    text = frozen_study(encoder).replace('["', '[small, "').replace("[frozen-features]", "[small, frozen-features]")
    plan = plan_study(text)
    assert [(group.architecture, group.recipe) for group in plan.groups] == [
        ("small", "small"),
        ("means", "frozen-features"),
    ]


def test_a_diagnosis_uses_the_encoder_and_trains_no_network(encoder: str) -> None:
    text = frozen_study(encoder, more="diagnosis: true")
    text = text.replace("datasets:\n", "datasets:\n  made: {generator: pocket-base, images_per_class: 5}\n")
    plan = plan_study(text)
    kinds = Counter(step.spec.kind for step in plan.steps.values())
    assert (kinds["diagnose"], kinds["try"], kinds["train"]) == (1, 2, 0)
    [diagnose] = [step for step in plan.steps.values() if isinstance(step.spec, DiagnoseSpec)]
    assert isinstance(diagnose.spec, DiagnoseSpec)
    setup = diagnose.spec.setup
    assert setup.encoder is not None
    assert setup.encoder.source.label == "means"
    assert not {name for name in diagnose.inputs if name.startswith("classifier")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("recipes: [frozen-features]", "recipes: [frozen-features], probes: [rgb, edges]", "needs the probe rgb"),
        ("metrics: []", "metrics: [label-agreement]", "needs a network that is trained on real images"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1], until: sure", "until"),
        ("blur, width: 0.2}", "blur, width: 0.2}, pretrain: real", "pretrain needs networks"),
        ("metrics: []", "recipes: {mine: {like: frozen-features}}", "has no settings"),
        ("metrics: []", "probes: {rgb: {crops: 2}}", "one crop"),
    ],
)
def test_what_frozen_features_cannot_do_is_one_line(encoder: str, old: str, new: str, message: str) -> None:
    text = frozen_study(encoder).replace(old, new)
    if "until" in new:
        text = text.replace("_class: 5}", "_class: 5, control: other}").replace(
            "train:", "  other: {mix: {real: 5}}\ntrain:"
        )
    if "mine" in new:
        text = text.replace("[frozen-features]", "[mine]")
    with pytest.raises((StudyError, UnknownNameError), match=message) as error:
        plan_study(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("efficientnet-lite", "did you mean 'efficientnet-lite0'"),
        ("dinov2-b14", "did you mean 'dinov2-b-14'"),
        ("resnet5000", "did you mean"),
        ("xyz", "encoders: efficientnet-lite0, clip-vit-b-32"),
        ("small", "small has no pretrained weights"),
        ("real-trained", "real-trained has no pretrained weights"),
        ("inception", "inception has no default weights; give them in train.weights"),
    ],
)
def test_names_that_cannot_be_used_are_reported(name: str, message: str) -> None:
    with pytest.raises((StudyError, UnknownNameError), match=message):
        plan_study(frozen_study(name))


def test_an_encoder_needs_the_recipe_for_it() -> None:
    text = frozen_study("dinov2-b-14").replace('["', '[small, "').replace("[frozen-features]", "[small]")
    with pytest.raises(UnknownNameError, match="unknown architecture 'dinov2-b-14'"):
        plan_study(text)


def test_selected_images_are_not_embedded_again(encoder: str) -> None:
    text = frozen_study(encoder).replace(
        "datasets:\n", "datasets:\n  half: {select: {of: soft, by: prettiness, keep: top 50%}}\n"
    )
    plan = plan_study(text)
    embedded = [plan.steps[key].label for key in keys(plan, "embed")]
    assert sorted(label for label in embedded if " real " not in label) == ["embed soft by means"]
    taken = {plan.steps[key].label for key in keys(plan, "select-features")}
    assert taken == {f"select features of {name} by means" for name in ("half", "half-random")}
    fits = {run.dataset: plan.steps[run.train].inputs["features"] for run in plan.runs}
    assert plan.steps[fits["half"]].spec.kind == "select-features"
