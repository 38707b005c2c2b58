"""From what a study asks of a model to the settings it is run with, or one clear line on what it cannot do."""

from __future__ import annotations

from typing import Literal

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.models import Model


def resolved(asked: Literal["vendor", "paper"] | Sampling, model: Model) -> Sampling:
    """The sampling with every field that the model has filled in, so that equal settings have equal keys.

    `paper` is what the paper's released code really did, with fields that it left alone at the vendor's.

    Raises:
        DataError: a setting that the model does not have.
    """
    if asked == "vendor":
        asked = Sampling()
    elif asked == "paper":
        if model.paper is None:
            raise DataError(f"the paper did not run {model.id!r}: take sampling: vendor, or your own settings")
        asked = model.paper
    vendor = model.vendor
    if asked.distilled_guidance is not None and not model.distilled:
        raise DataError(
            f"{model.id!r} takes no distilled_guidance: it is not guidance-distilled; "
            "use cfg, which is true classifier-free guidance"
        )
    if model.distilled and asked.distilled_guidance is None and vendor.distilled_guidance is None:
        raise DataError(f"{model.id!r} is guidance-distilled and has no value of its own: give a distilled_guidance")
    if asked.step_cache is not None and not model.kind.step_cache:
        able = ", ".join(family.name for family in FAMILIES.values() if family.step_cache)
        raise DataError(f"{model.id!r} has no step_cache: drop it; only models of these families have one: {able}")
    cfg = asked.cfg or vendor.cfg or 1.0
    if asked.negative and cfg <= 1:
        raise DataError(f"{model.id!r} sees no negative prompt at cfg {cfg:g}: give a cfg above 1, or drop it")
    negative = None
    if cfg > 1:
        negative = asked.negative if asked.negative is not None else vendor.negative
        # SDXL alone tells no negative prompt (zeros) from an empty one.
        if negative is None and model.family != "sdxl":
            negative = ""
    return Sampling(
        steps=asked.steps or vendor.steps,
        cfg=cfg,
        distilled_guidance=_first(asked.distilled_guidance, vendor.distilled_guidance),
        negative=negative,
        size=asked.size or model.size,
        step_cache=asked.step_cache,
        quantise=asked.quantise,
    )


def _first(asked: float | None, vendor: float | None) -> float | None:
    return vendor if asked is None else asked
