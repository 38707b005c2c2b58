from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.aesthetics import SCORES
from prettyuseful.errors import DataError, StudyError, UnknownNameError, UserError
from prettyuseful.metrics import METRICS
from prettyuseful.names import list_names
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.reencode import ReencodeSpec
from prettyuseful.study.reading import parse_study

ALL = ", ".join(METRICS.rows)
StudyText = Callable[..., str]


def plan_study(text: str) -> Plan:
    return make_plan(parse_study(text))


def kinds(plan: Plan) -> Counter[str]:
    return Counter(step.spec.kind for step in plan.steps.values())


def test_every_built_in_metric_can_be_planned() -> None:
    study = parse_study(
        f"version: 1\ntask: photos\ndatasets: {{a: {{generator: sd-1.5, images_per_class: 9}}}}\nmetrics: [{ALL}]\n"
    )
    assert study.metrics == tuple(list_names("metrics"))


def test_features_are_extracted_once_per_data_set_encoder_and_encoding(
    study_text: StudyText, clip_folder: Path
) -> None:
    more = f"metrics: [{ALL}]\nencoders: [real-trained, {{name: clip-vit-b-32, weights: {clip_folder}}}]\n"
    plan = plan_study(study_text(more=more))
    assert kinds(plan)["embed"] == 2 * (
        3 + 4
    )  # test, train, tiny; train and tiny re-encoded, and the test images re-encoded for each
    assert kinds(plan)["embed-text"] == 1
    assert kinds(plan)["re-encode"] == 4
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    real = next(dataset for dataset in plan.datasets if dataset.name == "real")
    scores = len(SCORES.rows)  # without an encoder, so once
    assert len(tiny.measures) == 2 * (6 + 7 + 1 + scores)  # clip-score only with CLIP, label agreement once
    assert len(real.measures) == 2 * (2 * (6 + 7 + scores) + 1)  # no label agreement on training images
    assert {measure.label for measure in tiny.measures} <= set(tiny.keys)


def test_another_metric_does_not_change_existing_steps(study_text: StudyText) -> None:
    before, after = (
        plan_study(study_text(more=f"metrics: [{names}]\n")) for names in ("density", "density, frechet, kid")
    )
    assert set(before.steps) < set(after.steps)
    new = {type(after.steps[key].spec) for key in set(after.steps) - set(before.steps)}
    assert new == {MeasureSpec}


def test_data_set_and_reference_are_reencoded(study_text: StudyText) -> None:
    plan = plan_study(study_text())
    reencoded = [step for step in plan.steps.values() if isinstance(step.spec, ReencodeSpec)]
    pairs = {(step.inputs["dataset"], step.inputs["other"]) for step in reencoded}
    assert {(b, a) for a, b in pairs} == pairs
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    for measure in tiny.measures:
        step = plan.steps[measure.key]
        embedded = [plan.steps[step.inputs[side]] for side in ("reference", "candidate")]
        sources = [plan.steps[plan.steps[one.inputs["pixels"]].inputs["dataset"]].spec.kind for one in embedded]
        assert (sources == ["re-encode", "re-encode"]) == bool(measure.reencoded)


def test_text_embeddings_contain_the_class_names(study_text: StudyText, clip_folder: Path) -> None:
    more = f"metrics: [clip-score]\nencoders: [{{name: clip-vit-b-32, weights: {clip_folder}}}]\n"
    [spec] = [
        step.spec for step in plan_study(study_text(more=more)).steps.values() if isinstance(step.spec, EmbedTextSpec)
    ]
    assert spec.texts == ("a photo of a blue", "a photo of a red")


def test_scores_are_measured_without_an_encoder_from_one_pass_over_each_data_set(study_text: StudyText) -> None:
    plan = plan_study(study_text(more="metrics: [prettiness, colourfulness-auc]\n"))
    assert kinds(plan)["score"] == 3 + 4  # as the images are embedded, see above
    assert "embed" not in kinds(plan)
    names = ["prettiness", "prettiness-above-median", "prettiness-auc", "prettiness-spread", "colourfulness-auc"]
    assert [metric.name for metric in plan.metrics] == names
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    assert {(measure.encoder, measure.family) for measure in tiny.measures} == {
        ("image-scores", "prettiness"),
        ("image-scores", "colourfulness"),
    }
    for measure in tiny.measures:
        inputs = plan.steps[measure.key].inputs
        sources = [plan.steps[plan.steps[inputs[side]].inputs["dataset"]].spec.kind for side in inputs]
        assert (sources == ["re-encode", "re-encode"]) == bool(measure.reencoded)
    assert plan.encoders["image-scores"] == "of each image by itself, at its stored size"


def test_another_score_scores_no_image_again(study_text: StudyText) -> None:
    before, after = (
        plan_study(study_text(more=f"metrics: [{names}]\n")) for names in ("contrast", "contrast, exposure")
    )
    assert {after.steps[key].spec.kind for key in set(after.steps) - set(before.steps)} == {"measure"}


def test_without_metrics_nothing_is_embedded(study_text: StudyText) -> None:
    assert not {"embed", "re-encode", "measure"} & set(kinds(plan_study(study_text(more="metrics: []\n"))))


def test_encoders_that_are_not_requested_are_not_planned(study_text: StudyText) -> None:
    specs = [step.spec for step in plan_study(study_text()).steps.values()]
    assert {spec.encoder.source.name for spec in specs if isinstance(spec, EmbedSpec)} == {"real-trained"}


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ("metrics: [clip-score]\n", StudyError, "clip-score needs an encoder that also embeds texts"),
        ("encoders: [clip-vit-b-23]\n", UnknownNameError, "encoders: unknown encoder 'clip-vit-b-23'; did you mean"),
        ("encoders: [{name: inception, weights: /no/file}]\n", DataError, "encoders: cannot read the weights /no/file"),
    ],
)
def test_impossible_measurements_are_rejected_when_planned(
    study_text: StudyText, more: str, error: type[UserError], message: str
) -> None:
    with pytest.raises(error) as error_info:
        plan_study(study_text(more=more))
    assert message in str(error_info.value)
    assert "\n" not in str(error_info.value)


def test_too_few_images_are_rejected_when_planned(study_text: StudyText) -> None:
    plan_study(study_text(images=3, more="metrics: [kid]\n"))
    with pytest.raises(DataError, match=r"metrics: at least 3 images per class are needed.*at most 2 can be compared"):
        plan_study(study_text(images=2, more="metrics: [kid]\n"))
    with pytest.raises(DataError, match="coverage: at least 6 images per class are needed for 5 nearest neighbours"):
        plan_study(study_text(images=5, more="metrics: [kid, coverage]\n"))


def test_a_small_data_set_does_not_limit_the_metrics_of_others() -> None:
    """Every data set has a control of the same number: the halves of the real test images."""
    few = (
        "  few: {generator: pocket-base, images_per_class: 4}\n  many: {generator: pocket-base, images_per_class: 40}\n"
    )
    text = f"version: 1\ntask: photos\ndatasets:\n{few}metrics: [kid, coverage]\n"
    plan = plan_study(text)
    specs = [step.spec for step in plan.steps.values() if isinstance(step.spec, MeasureSpec)]
    for control in (False, True):
        numbers = {(spec.family.source, spec.per_class.value) for spec in specs if spec.control == control}
        assert numbers == {("kid", 4), ("kid", 40), ("manifold", 40)}
    assert plan.notes == (
        "Not measured for few, because most classes have fewer than 6 images, synthetic or real test images of one "
        "half: coverage.",
    )
