from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.few_steps import sign_of_few_steps
from prettyuseful.generators.files import FolderFiles
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model
from prettyuseful.generators.settings import resolve_sampling

Tiny = Callable[[str], Path]


@pytest.mark.parametrize(
    "name",
    [
        "stabilityai/sd-turbo",
        "SDXL_Turbo",
        "ByteDance/SDXL-Lightning",
        "Hyper-SD",
        "latent-consistency/lcm-lora-sdxl",
        "tianweiy/DMD2",
        "segmind/SSD-1B-4steps",
        "model-8step",
        "FLUX.1-schnell",
        "Sana_Sprint_1.6B",
    ],
)
def test_names_of_few_step_models(name: str, tmp_path: Path) -> None:
    assert sign_of_few_steps(name, {}, FolderFiles(tmp_path)).endswith("is part of its name")


@pytest.mark.parametrize("model", [model for model in MODELS.values() if (model.vendor.steps or 0) >= 20])
def test_other_names_are_none(model: Model, tmp_path: Path) -> None:
    assert sign_of_few_steps(model.path_or_id, {}, FolderFiles(tmp_path)) == ""
    for name in ("me/turbocharger-photos", "hyperrealism", "stepstone-2steppes", "my-model-v1-50000steps"):
        assert sign_of_few_steps(name, {}, FolderFiles(tmp_path)) == ""


@pytest.mark.parametrize(
    ("scheduler", "sign"),
    [
        ({"_class_name": "LCMScheduler"}, "its scheduler is LCMScheduler"),
        ({"_class_name": "TCDScheduler"}, "its scheduler is TCDScheduler"),
        (
            {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"},
            "its scheduler has trailing timesteps",
        ),
        ({"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}, ""),
        (
            {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True},
            "",
        ),
        ({"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}, ""),
    ],
)
def test_schedulers_of_few_step_models(scheduler: dict[str, Any], sign: str, tmp_path: Path) -> None:
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    assert sign_of_few_steps("model", {}, FolderFiles(tmp_path)) == sign


@pytest.mark.parametrize(
    ("card", "sign"),
    [
        ("pipe(prompt, num_inference_steps=1)\npipe(prompt, num_inference_steps = 4)", "asks for 4 steps"),
        ("pipe(prompt, num_inference_steps=4) or num_inference_steps=30", ""),
        ("num_inference_steps=50", ""),
        ("a model", ""),
    ],
)
def test_model_cards_that_ask_for_few_steps(card: str, sign: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card)
    assert sign_of_few_steps("model", {}, FolderFiles(tmp_path)).endswith(sign)
    assert bool(sign_of_few_steps("model", {}, FolderFiles(tmp_path))) == bool(sign)


def test_few_step_model_without_a_row_needs_its_number_of_steps(tiny: Tiny, tmp_path: Path) -> None:
    model = find_model(str(shutil.copytree(tiny("sd"), tmp_path / "sd-turbo")))
    for requested in (Sampling(), Sampling(cfg=1.0)):
        with pytest.raises(DataError, match=r"few denoising steps.*'turbo'.*50 steps at cfg 7.5.*steps: 4, cfg: 1"):
            resolve_sampling(requested, model)
    with pytest.raises(DataError, match="few denoising steps"):
        resolve_sampling("vendor", model)
    resolved = resolve_sampling(Sampling(steps=2), model)
    assert (resolved.steps, resolved.cfg) == (2, 1.0)


def test_latent_consistency_model_takes_guidance_as_an_input(tiny: Tiny, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("sd"), tmp_path / "model"))
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "time_cond_proj_dim": 32}))
    model = find_model(str(folder))
    assert model.distilled
    with pytest.raises(DataError, match="set distilled_guidance"):
        resolve_sampling(Sampling(steps=4), model)
    with pytest.raises(DataError, match="takes no cfg; set distilled_guidance instead"):
        resolve_sampling(Sampling(steps=4, cfg=2.0, distilled_guidance=8.0), model)
    assert resolve_sampling(Sampling(steps=4, distilled_guidance=8.0), model).distilled_guidance == 8.0
