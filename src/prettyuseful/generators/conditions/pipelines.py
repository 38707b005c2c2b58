"""Find the pipeline of diffusers that takes real images, for the class of a text-to-image pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from prettyuseful.errors import DataError
from prettyuseful.generators.families import Family
from prettyuseful.hub.library_logs import capture_library_logs

Use = Literal["image-to-image", "inpainting"]
_MAPPINGS: Mapping[Use, str] = {
    "image-to-image": "AUTO_IMAGE2IMAGE_PIPELINES_MAPPING",
    "inpainting": "AUTO_INPAINT_PIPELINES_MAPPING",
}
_ENDINGS: Mapping[Use, str] = {"image-to-image": "Img2ImgPipeline", "inpainting": "InpaintPipeline"}
_NEEDED: Mapping[Use, tuple[str, ...]] = {
    "image-to-image": ("image", "strength"),
    "inpainting": ("image", "mask_image"),
}
_BROKEN = {"ChromaInpaintPipeline": "reads a setting that the transformer of Chroma does not have"}
"""Pipelines that fail in diffusers 0.42."""


@cache
def pipeline_for(use: Use, class_name: str) -> str:
    """Return the class of diffusers for a use of the components of a text-to-image pipeline.

    It is the class that diffusers' AutoPipeline takes, or else the class of the same name with another ending, if it
    has the same components.

    Raises:
        DataError: there is none; the message is the reason.
    """
    with capture_library_logs():  # this import loads all pipelines, and they warn
        from diffusers.pipelines import auto_pipeline

    texts = auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING
    mapping = getattr(auto_pipeline, _MAPPINGS[use])
    names = [name for name, found in texts.items() if found.__name__ == class_name and name in mapping]
    found = mapping[names[0]] if names else _of_same_components(class_name, _ENDINGS[use])
    if found is None:
        raise DataError(f"the installed diffusers has no {use} pipeline for {class_name}")
    if found.__name__ in _BROKEN:
        raise DataError(f"{found.__name__} of the installed diffusers {_BROKEN[found.__name__]}")
    call = inspect.signature(found.__call__).parameters
    if missing := [name for name in _NEEDED[use] if name not in call]:
        raise DataError(
            f"{found.__name__}, the {use} pipeline for {class_name}, has no argument {missing[0]!r}"
            + ("; it edits images, so use condition: {kind: edit, ...}" if missing[0] == "strength" else "")
        )
    return str(found.__name__)


def _of_same_components(class_name: str, ending: str) -> type | None:
    import diffusers

    base = getattr(diffusers, class_name)
    found = getattr(diffusers, class_name.removesuffix("Pipeline") + ending, None)
    if found is None or not components_of(base) <= components_of(found):
        return None
    return found if components_of(found) - components_of(base) <= set(found._optional_components) else None


def components_of(pipeline: Any) -> set[str]:
    """Return the names of the components of a pipeline class."""
    return set(inspect.signature(pipeline.__init__).parameters) - {"self", "args", "kwargs"}


def family_of(class_name: str, of: Family) -> Family:
    """Return the family `of` with another class of pipelines, and only the arguments that this class has.

    Its images are made one by one if it has no row: what such a pipeline does with several real images is not known.
    """
    call, init = arguments_of(class_name), set(_init(class_name))
    recorded = of.is_recorded
    return replace(
        of,
        name=class_name if recorded else of.name,
        pipelines=(class_name,),
        load={name: value for name, value in of.load.items() if name in init},
        call={name: value for name, value in of.call.items() if name in call},
        several=of.several and not recorded,
        area_argument=of.area_argument if of.area_argument in call else "",
    )


@cache
def arguments_of(class_name: str) -> frozenset[str]:
    """Return the names of the arguments of the call of a pipeline class of diffusers."""
    import diffusers

    return frozenset(inspect.signature(getattr(diffusers, class_name).__call__).parameters)


def _init(class_name: str) -> Mapping[str, inspect.Parameter]:
    import diffusers

    return inspect.signature(getattr(diffusers, class_name).__init__).parameters
