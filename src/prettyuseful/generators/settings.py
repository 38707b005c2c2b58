"""Resolves the requested sampling settings of a model, with clear errors for settings that it does not support."""

from __future__ import annotations

from typing import Literal, TypeVar

from prettyuseful.errors import DataError
from prettyuseful.generators.base import OPTIONS, Sampling
from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.model import Model
from prettyuseful.generators.pipelines import check_arguments

Value = TypeVar("Value")


def resolve_sampling(requested: Literal["vendor", "paper"] | Sampling, model: Model) -> Sampling:
    """Return the settings with every supported field filled in, so that equal settings have equal keys.

    Args:
        requested: `vendor` for the vendor's defaults; `paper` for the settings of the paper's released code, completed
            by the vendor's defaults; or settings, completed in the same way.
        model: the model that will be sampled.

    Raises:
        DataError: the model does not support a setting.
    """
    if requested == "vendor":
        requested = Sampling()
    elif requested == "paper":
        if model.paper is None:
            raise DataError(f"the paper has no settings for {model.id!r}; use sampling: vendor, or give settings")
        requested = model.paper
    vendor = model.vendor
    if model.few_steps and requested.steps is None:
        usual = model.kind.defaults
        raise DataError(
            f"{model.id!r} seems to be made for few denoising steps ({model.few_steps}), and the defaults of its "
            f"family, {usual.steps} steps at cfg {usual.cfg:g}, would spoil its images; set both, for example "
            "sampling: {steps: 4, cfg: 1}"
        )
    if requested.distilled_guidance is not None and not model.distilled:
        raise DataError(
            f"{model.id!r} does not support distilled_guidance, because it is not guidance-distilled; "
            "use cfg, which is true classifier-free guidance"
        )
    if model.distilled and requested.distilled_guidance is None and vendor.distilled_guidance is None:
        raise DataError(f"{model.id!r} is guidance-distilled and has no default value; set distilled_guidance")
    if requested.step_cache is not None and not model.kind.step_cache:
        supported = ", ".join(family.name for family in FAMILIES.values() if family.step_cache)
        raise DataError(f"{model.id!r} does not support step_cache; remove it (families that support it: {supported})")
    for option in OPTIONS:
        if getattr(requested, option) and option not in model.kind.options:
            supported = ", ".join(family.name for family in FAMILIES.values() if option in family.options)
            raise DataError(
                f"{model.id!r} does not support {option}; remove it (families that support it: {supported})"
            )
    if requested.arguments:
        if not model.kind.is_recorded:
            raise DataError(
                f"{model.id!r} does not support sampling.arguments, which are for pipelines without a family; remove it"
            )
        check_arguments(requested.arguments, model.kind)
    cfg = requested.cfg or vendor.cfg or 1.0
    if requested.cfg and cfg > 1 and not model.kind.guidance:
        raise DataError(f"{model.id!r} has no argument for guidance; remove cfg, or set it in sampling.arguments")
    if requested.negative and not model.kind.takes_negative:
        raise DataError(f"{model.id!r} takes no negative prompt; remove negative")
    if cfg > 1 and model.distilled and model.kind.guidance == "guidance_scale":
        raise DataError(f"{model.id!r} is guidance-distilled and takes no cfg; set distilled_guidance instead")
    is_guided = cfg > 1 or model.kind.guides_itself
    if requested.negative and not is_guided:
        raise DataError(f"{model.id!r} ignores the negative prompt at cfg {cfg:g}; set cfg above 1, or remove negative")
    negative = None
    if is_guided:
        negative = requested.negative if requested.negative is not None else vendor.negative
        # Only SDXL distinguishes between no negative prompt (zeros) and an empty one. Recorded pipelines have their
        # own default, but an argument for true guidance has no effect without a negative prompt.
        if negative is None and model.family != "sdxl" and _needs_negative(model.kind):
            negative = ""
    return Sampling(
        steps=requested.steps or vendor.steps,
        cfg=cfg,
        distilled_guidance=_first_given(requested.distilled_guidance, vendor.distilled_guidance),
        negative=negative,
        size=requested.size or model.size,
        step_cache=requested.step_cache,
        quantise=requested.quantise,
        instruction=_first_given(requested.instruction, vendor.instruction) or None,
        cfg_trunc_ratio=_below_one(_first_given(requested.cfg_trunc_ratio, vendor.cfg_trunc_ratio))
        if cfg > 1
        else None,
        arguments={**(vendor.arguments or {}), **(requested.arguments or {})} or None,
        resolution_binning=_first_given(requested.resolution_binning, vendor.resolution_binning) or None,
    )


def _needs_negative(family: Family) -> bool:
    return not family.is_recorded or (family.guidance == "true_cfg_scale" and family.takes_negative)


def _first_given(requested: Value | None, vendor: Value | None) -> Value | None:
    return vendor if requested is None else requested


def _below_one(share: float | None) -> float | None:
    return None if share == 1 else share  # equal settings have equal keys
