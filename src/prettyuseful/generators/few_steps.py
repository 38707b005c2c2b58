"""Recognise models that are made for few denoising steps: the default settings of their family spoil their images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prettyuseful.generators.files import PipelineFiles

FEW = 12
"""A model whose card never asks for more steps than this is made for few steps."""
_WORDS = frozenset(("turbo", "lightning", "hyper", "lcm", "tcd", "pcm", "dmd", "dmd2", "schnell", "sprint", "flash"))
_STEPS_IN_NAME = re.compile(r"(?<![0-9a-z])\d{1,2}[ _-]?steps?(?![a-z])")
_STEPS_IN_CARD = re.compile(r"num_inference_steps\s*[=:]\s*(\d{1,4})")
_SCHEDULERS = frozenset({"LCMScheduler", "TCDScheduler"})


def sign_of_few_steps(name: str, denoiser: Mapping[str, Any], files: PipelineFiles) -> str:
    """Return why a pipeline seems to be made for few steps, such as `its scheduler is LCMScheduler`; empty if not.

    Args:
        name: of the hub repository or of the folder.
        denoiser: the configuration of the denoiser.
        files: `scheduler/scheduler_config.json` and the model card are read.
    """
    if denoiser.get("time_cond_proj_dim") is not None:
        return "the guidance value is an input of its UNet, as in latent consistency models"
    scheduler = files.json_if_readable("scheduler/scheduler_config.json")
    kind = str(scheduler.get("_class_name"))
    if kind in _SCHEDULERS:
        return f"its scheduler is {kind}"
    # Turbo and Lightning models start at the last timestep. So do models for noise without signal, at all numbers of
    # steps; those rescale their betas.
    trailing = kind.startswith("Euler") and scheduler.get("timestep_spacing") == "trailing"
    if trailing and not scheduler.get("rescale_betas_zero_snr"):
        return "its scheduler has trailing timesteps"
    words = re.split(r"[^0-9a-z]+", name.lower())
    if found := next((word for word in words if word in _WORDS), None) or _first(_STEPS_IN_NAME, name.lower()):
        return f"{found!r} is part of its name"
    steps = [int(number) for number in _STEPS_IN_CARD.findall(files.text_if_readable("README.md"))]
    if steps and max(steps) <= FEW:
        return f"its model card asks for {max(steps)} steps"
    return ""


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group() if found else None
