from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.errors import DataError, StudyError, UnknownNameError, UserError
from prettyuseful.metrics import METRICS
from prettyuseful.names import names_of
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.reencode import ReencodeSpec
from prettyuseful.study.reading import parse_study

ALL = ", ".join(METRICS.rows)
StudyText = Callable[..., str]


def planned(text: str) -> Plan:
    return make_plan(parse_study(text))


def kinds(plan: Plan) -> Counter[str]:
    return Counter(step.spec.kind for step in plan.steps.values())


def test_every_metric_of_the_table_can_be_asked_for() -> None:
    study = parse_study(
        f"version: 1\ntask: photos\ndatasets: {{a: {{generator: sd-1.5, images_per_class: 9}}}}\nmetrics: [{ALL}]\n"
    )
    assert study.metrics == tuple(names_of("metrics"))


def test_features_are_extracted_once_per_data_set_encoder_and_encoding(
    study_text: StudyText, clip_folder: Path
) -> None:
    more = f"metrics: [{ALL}]\nencoders: [real-trained, {{name: clip-vit-b-32, weights: {clip_folder}}}]\n"
    plan = planned(study_text(more=more))
    assert kinds(plan)["embed"] == 2 * (
        3 + 4
    )  # test, train, tiny; train and tiny re-encoded, and the test images with each
    assert kinds(plan)["embed-text"] == 1
    assert kinds(plan)["re-encode"] == 4
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    real = next(dataset for dataset in plan.datasets if dataset.name == "real")
    assert len(tiny.measures) == 2 * (6 + 7 + 1)  # clip-score by CLIP alone, label agreement once
    assert len(real.measures) == 2 * (2 * (6 + 7) + 1)  # a classifier's agreement with what it was trained on is none
    assert {measure.label for measure in tiny.measures} <= set(tiny.keys)


def test_a_metric_more_changes_no_step_that_was_there(study_text: StudyText) -> None:
    before, after = (
        planned(study_text(more=f"metrics: [{names}]\n")) for names in ("density", "density, frechet, kid")
    )
    assert set(before.steps) < set(after.steps)
    new = {type(after.steps[key].spec) for key in set(after.steps) - set(before.steps)}
    assert new == {MeasureSpec}


def test_both_sides_are_reencoded(study_text: StudyText) -> None:
    plan = planned(study_text())
    reencoded = [step for step in plan.steps.values() if isinstance(step.spec, ReencodeSpec)]
    pairs = {(step.inputs["dataset"], step.inputs["other"]) for step in reencoded}
    assert {(b, a) for a, b in pairs} == pairs
    tiny = next(dataset for dataset in plan.datasets if dataset.name == "tiny")
    for measure in tiny.measures:
        step = plan.steps[measure.key]
        embedded = [plan.steps[step.inputs[side]] for side in ("reference", "candidate")]
        sources = [plan.steps[plan.steps[one.inputs["pixels"]].inputs["dataset"]].spec.kind for one in embedded]
        assert (sources == ["re-encode", "re-encode"]) == bool(measure.reencoded)


def test_texts_name_the_classes(study_text: StudyText, clip_folder: Path) -> None:
    more = f"metrics: [clip-score]\nencoders: [{{name: clip-vit-b-32, weights: {clip_folder}}}]\n"
    [spec] = [
        step.spec for step in planned(study_text(more=more)).steps.values() if isinstance(step.spec, EmbedTextSpec)
    ]
    assert spec.texts == ("a photo of a blue", "a photo of a red")


def test_without_metrics_nothing_is_embedded(study_text: StudyText) -> None:
    assert not {"embed", "re-encode", "measure"} & set(kinds(planned(study_text(more="metrics: []\n"))))


def test_an_encoder_that_is_not_asked_for_is_not_planned(study_text: StudyText) -> None:
    specs = [step.spec for step in planned(study_text()).steps.values()]
    assert {spec.encoder.source.name for spec in specs if isinstance(spec, EmbedSpec)} == {"real-trained"}


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ("metrics: [clip-score]\n", StudyError, "clip-score needs an encoder that reads texts"),
        ("encoders: [clip-vit-b-23]\n", UnknownNameError, "encoders: unknown encoder 'clip-vit-b-23'; did you mean"),
        ("encoders: [{name: inception, weights: /no/file}]\n", DataError, "encoders: cannot read the weights /no/file"),
    ],
)
def test_what_cannot_be_measured_is_told_before_anything_runs(
    study_text: StudyText, more: str, error: type[UserError], words: str
) -> None:
    with pytest.raises(error) as told:
        planned(study_text(more=more))
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_too_few_images_are_told_before_anything_runs(study_text: StudyText) -> None:
    planned(study_text(images=3, more="metrics: [kid]\n"))
    with pytest.raises(DataError, match=r"metrics need 3 images per class at least.*the fewest here are 2"):
        planned(study_text(images=2, more="metrics: [kid]\n"))
    with pytest.raises(DataError, match="coverage look at 5 neighbours"):
        planned(study_text(images=5, more="metrics: [kid, coverage]\n"))
