"""Another scheduler changes the steps and the images, as diffusers' own replacement does; wrong ones are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from tests.generators.reference_pipelines import PROMPT, SEEDS, SIZE, STEPS, load_embeddings, load_pipeline, settings

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]
EULER = {"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}


def images(name: str, scheduler: Any) -> np.ndarray:
    sampling = settings(name, cfg=1.0)
    embedding = load_embeddings(name, sampling, Numerics())
    sampler = DiffusersSampler(GeneratorChoice(model=name, scheduler=scheduler), sampling, Numerics())
    return np.asarray(sampler.sample([embedding] * 3, SEEDS))


def test_images_equal_those_of_the_pipeline_with_the_scheduler(tiny: Tiny) -> None:
    pipeline = load_pipeline(tiny("sd"))
    pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing"
    )
    reference = pipeline(
        PROMPT,
        num_images_per_prompt=3,
        num_inference_steps=STEPS,
        guidance_scale=1.0,
        height=SIZE,
        width=SIZE,
        output_type="np",
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
    ).images
    name = str(tiny("sd"))
    assert np.array_equal(images(name, EULER), (reference * 255).round().astype("uint8"))
    assert not np.array_equal(images(name, EULER), images(name, None))
    assert not np.array_equal(images(name, EULER), images(name, "EulerDiscreteScheduler"))


def test_the_record_and_the_key_say_which(tiny: Tiny) -> None:
    name = str(tiny("sd"))
    plain, chosen = (pin_generator(GeneratorChoice(model=name, scheduler=scheduler)) for scheduler in (None, EULER))
    assert chosen.image.content == [plain.image.content, {"scheduler": EULER}]
    assert chosen.text.content == plain.text.content  # prompts are encoded without it
    applied = DiffusersSampler(chosen.image.source, settings(name, cfg=1.0), Numerics()).applied()
    assert applied["scheduler"] == "EulerDiscreteScheduler"
    assert applied["scheduler_options"] == {"timestep_spacing": "trailing"}
    short, mapping = "EulerDiscreteScheduler", {"class": "EulerDiscreteScheduler"}
    short_pin, pin = (pin_generator(GeneratorChoice(model=name, scheduler=value)) for value in (short, mapping))
    assert short_pin == pin


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ("EulerDiscretScheduler", "no scheduler 'EulerDiscretScheduler'; did you mean 'EulerDiscreteScheduler'?"),
        ("DiffusionPipeline", "no scheduler 'DiffusionPipeline'"),
        ("os.system", "no scheduler 'os.system'"),
        ({"timestep_spacing": "trailing"}, "class is missing"),
        ({**EULER, "beta_strat": 1}, "EulerDiscreteScheduler has no option 'beta_strat'; did you mean 'beta_start'?"),
    ],
)
def test_wrong_schedulers_are_one_line_errors_of_the_plan(tiny: Tiny, scheduler: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as error:
        pin_generator(GeneratorChoice(model=str(tiny("sd")), scheduler=scheduler))
    assert "\n" not in str(error.value)


def test_a_scheduler_of_another_kind_is_a_one_line_error(tiny: Tiny) -> None:
    name = str(tiny("flux-schnell"))
    choice = GeneratorChoice(model=name, scheduler="DDIMScheduler")
    with pytest.raises(DataError, match=r"DDIMScheduler does not replace the model's FlowMatchEuler.*choose from"):
        DiffusersSampler(choice, settings(name, cfg=1.0), Numerics())
