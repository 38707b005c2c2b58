"""The section `tune` of a study."""

from __future__ import annotations

import pytest

from prettyuseful.errors import StudyError
from prettyuseful.generators.choice import choice_of
from prettyuseful.study.file import Study
from prettyuseful.study.reading import parse_study
from prettyuseful.tuning.plan import TuneSettings

STUDY = (
    "version: 1\ntask: photos\ntune: {{mine: {{{0}}}}}\n"
    "datasets: {{a: {{generator: {{model: pocket-base, lora: mine}}, images_per_class: 9}}}}\n"
)


def parse(tune: str) -> Study:
    return parse_study(STUDY.format(tune))


def test_defaults_are_those_of_the_recipe() -> None:
    study = parse("of: pocket-base, images_per_class: 8")
    plan = study.tune["mine"]
    assert plan.of == choice_of("pocket-base")
    assert plan.settings == TuneSettings(steps=400, batch_size=4, rank=8, learning_rate=1e-4, size=None, flip=True)
    assert (plan.method, plan.on, plan.per, plan.seed) == ("lora", "real", "task", 0)
    assert study.is_conditioned("a")  # its images are made from real ones


def test_a_single_tuning_needs_no_name() -> None:
    text = STUDY.format("of: pocket-base, images_per_class: 8")
    short = text.replace("{mine: {of: pocket-base, images_per_class: 8}}", "{of: pocket-base, images_per_class: 8}")
    assert parse_study(short.replace("lora: mine", "lora: tune")) == parse_study(text.replace("mine", "tune"))
    with pytest.raises(StudyError, match=r"^study:3: tune\.tune\.steps: expected a whole number from 1"):
        parse_study(short.replace("lora: mine", "lora: tune").replace("pocket-base, images", "x, steps: 0, images"))


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        ("images_per_class: 8", "'tune.mine.of' is missing"),
        ("of: pocket-base", "'tune.mine.images_per_class' is missing"),
        ("of: pocket-base, images_per_class: 8, on: test", "tune.mine.on: expected 'real', got 'test'"),
        ("of: pocket-base, images_per_class: 8, method: dreambooth", "tune.mine.method: expected 'lora'"),
        ("of: pocket-base, images_per_class: 0", "tune.mine.images_per_class: expected"),
        ("of: pocket-base, images_per_class: 8, stpes: 3", "unknown key 'stpes' in tune.mine; did you mean 'steps'?"),
        (
            "of: {model: pocket-base, lora: x.safetensors}, images_per_class: 8",
            "lora does not apply to the model that is tuned",
        ),
        ("of: sdxl-lightning, images_per_class: 8", "sdxl-lightning is sdxl with LoRA weights; tune sdxl"),
    ],
)
def test_mistakes_are_one_line(tune: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        parse(tune)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tuning_that_no_generator_uses_is_a_mistake() -> None:
    text = STUDY.format("of: pocket-base, images_per_class: 8").replace("lora: mine", "lora: mien")
    with pytest.raises(StudyError, match="no generator uses the tuning 'mine'; name it in lora"):
        parse_study(text)
