"""Finds text-to-image models, in the table or without a row, and pins their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from prettyuseful.cards import Work
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.generators import pocket
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.components import (
    COMBINED,
    PRIOR,
    WHOLE,
    Components,
    check_components,
    is_component,
    pin_component,
    prior_in_card,
)
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.families import FAMILIES, Family, family_of_pipeline
from prettyuseful.generators.few_steps import sign_of_few_steps
from prettyuseful.generators.files import INDEX, PipelineFiles, is_pipeline_folder
from prettyuseful.generators.hub import files_at
from prettyuseful.generators.model import POCKET, Model, Source
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.operations import encoding_work
from prettyuseful.generators.pipelines import check_requirements, component_names, recorded_family
from prettyuseful.generators.weights import unsupported_weights
from prettyuseful.hub.commits import UNRESOLVED, resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id, split_revision
from prettyuseful.numerics import DType, Numerics
from prettyuseful.paths import exists, is_folder

_CLIP_TOKENS = 77


def find_model(name: str, condition: AnyCondition | None = None, components: Components | None = None) -> Model:
    """Return the model for an id of the table (optionally with @revision), a pipeline folder or a hub id
    `owner/name[@revision]`.

    Args:
        name: see above.
        condition: what its images are conditioned on besides a prompt; editing models are only found with one.
        components: components from other places, which are added to those of the row or replace them.

    Raises:
        UnknownNameError: `name` is none of these; the message suggests the nearest id.
        DataError: the pipeline belongs to no known family, the hub repository cannot be read, the pipeline cannot be
            conditioned in this way, or it has no such component.
    """
    model = _find_model(name, condition is not None and condition.edits, components or {})
    model = replace(model, condition=condition)
    if components:
        family = model.text_kind
        switched_off = [part for part, value in family.load.items() if value is None]
        check_components(components, component_names(family.pipelines[0]), family.name, switched_off)
    if condition is None:
        return model
    if model.refiner:
        raise DataError(f"condition: {model.id!r} has a refiner, which takes no real images; use its base model alone")
    try:
        condition.family(model.text_kind)
    except DataError as error:
        raise DataError(f"condition: {model.id!r} cannot be used for kind: {condition.kind}: {error}") from error
    return model


def has_row(name: str) -> bool:
    """Return whether a model is one of the table, optionally at a revision."""
    return name.partition("@")[0] in MODELS


def _find_model(name: str, edits: bool, components: Components) -> Model:
    row, _, revision = name.partition("@")
    if row in MODELS and not (revision and MODELS[row].path_or_id.startswith(POCKET)):
        found = MODELS[row].at_revision(revision) if revision else MODELS[row]
        return replace(found, components={**found.components, **components}) if components else found
    if problem := unsupported_weights(name):
        raise UnknownNameError(problem)
    if is_pipeline_folder(name):
        return _infer_model(Path(name).resolve().name, name, files_at(name), edits, components)
    if is_hub_id(name) and not exists(name):
        return _infer_model(name, name, files_at(*split_revision(name)), edits, components)
    near = did_you_mean(name.lower(), MODELS)
    raise UnknownNameError(
        f"unknown generator {name!r}{near}; give an id from `prettyuseful list generators`, a hub id such as "
        "owner/name, a folder with a model_index.json or with images, or module:Class"
    )


def sampling_memory(
    name: str, sampling: Sampling | None, images: int, dtype: DType, condition: Condition | None = None
) -> int:
    """Return the predicted bytes for sampling `images` images at once with a model of the table; 0 if unknown.

    Encoding a real image needs less than decoding, so besides its weights a `condition` needs no more than text alone.
    """
    model = MODELS.get(name)
    if model is None or model.footprint is None or sampling is None or not (size := _sampled_size(model, sampling)):
        return 0
    return model.footprint.sampling(sampling, size, images, dtype) + _condition_memory(condition, dtype)


def largest_micro_batch(
    name: str, sampling: Sampling, dtype: DType, memory: int, condition: Condition | None = None
) -> int:
    """Return how many images of a model of the table fit into `memory` bytes at once, as predicted; 0 if none."""
    model = MODELS[name]
    assert model.footprint is not None
    free = memory - _condition_memory(condition, dtype)
    return model.footprint.largest_batch(sampling, _sampled_size(model, sampling) or 0, dtype, free)


def _condition_memory(condition: Condition | None, dtype: DType) -> int:
    """Return the bytes of the weights that a condition adds to a model, such as those of an IP-Adapter."""
    return 0 if condition is None else condition.added_weights * (4 if dtype == "float32" else 2)


def _sampled_size(model: Model, sampling: Sampling) -> int | None:
    """Return the height and width in pixels of sampled images, before they are resized; None if unknown."""
    return model.size if sampling.resolution_binning else sampling.size or model.size


def encoding_memory(name: str, dtype: DType) -> int:
    """Return the predicted bytes for encoding prompts with a model of the table; 0 if unknown."""
    model = MODELS.get(name)
    return 0 if model is None or model.footprint is None else model.footprint.encoding(dtype)


def weights_memory(name: str, sampling: Sampling, dtype: DType, condition: Condition | None = None) -> int:
    """Return the bytes of the weights that sample with a model of the table; 0 if unknown."""
    model = MODELS.get(name)
    if model is None or model.footprint is None:
        return 0
    return model.footprint.weights(sampling, dtype) + _condition_memory(condition, dtype)


def joint_memory(name: str, sampling: Sampling, dtype: DType, condition: Condition | None = None) -> int:
    """Return the predicted bytes for encoding prompts beside the weights that sample; 0 if unknown."""
    return weights_memory(name, sampling, dtype, condition) + encoding_memory(name, dtype)


def tuning_memory(name: str, size: int | None, images: int, rank: int, numerics: Numerics) -> int:
    """Return the predicted bytes at the peak of a tuning of a model of the table; 0 if unknown.

    Args:
        name: of the model.
        size: height and width in pixels, None for the native ones.
        images: for each forward and backward pass.
        rank: of the LoRA weights.
        numerics: device and number format.
    """
    model = MODELS.get(name)
    if model is None or model.footprint is None or model.footprint.tuning is None or not (side := size or model.size):
        return 0
    return model.footprint.tuning_peak(side, images, rank, numerics.dtype, numerics.device == "cpu")


def embedding_bytes(name: str, dtype: DType) -> int | None:
    """Return the bytes of the stored embeddings of one prompt; None if unknown."""
    model = MODELS.get(name)
    if model is None or model.embedding is None:
        return None
    return model.embedding * (4 if dtype == "float32" else 2)


def sampling_work(name: str, sampling: Sampling | None, images: int, numerics: Numerics) -> Work | None:
    """Return the operations of sampling `images` images at once with a model of the table; None if unknown."""
    model = MODELS.get(name)
    if model is None or sampling is None or model.operations is None or model.footprint is None:
        return None
    size = _sampled_size(model, sampling)
    return model.operations.sampling(model.footprint, sampling, size, images, numerics) if size else None


def tuning_work(name: str, size: int | None, images: float, calls: float, numerics: Numerics) -> Work | None:
    """Return the operations of training LoRA weights of a model of the table; None if unknown.

    `size`: height and width in pixels, None for the native ones. `calls`: steps of the optimiser.
    """
    model = MODELS.get(name)
    if model is None or model.operations is None or not (pixels := size or model.size):
        return None
    return model.operations.training(pixels, images, calls, numerics)


def prompts_work(name: str, prompts: float, numerics: Numerics) -> Work | None:
    """Return the operations of encoding prompts with a model of the table; None if unknown."""
    model = MODELS.get(name)
    if model is None or model.footprint is None:
        return None
    return encoding_work(model.footprint, model.max_sequence or _CLIP_TOKENS, prompts, numerics)


def reconstruction_work(name: str, size: int, images: float, numerics: Numerics) -> Work | None:
    """Return the operations of encoding and decoding images of `size` x `size` pixels by the VAE of a model of the
    table, in float32; None if unknown."""
    model = MODELS.get(name.partition("@")[0])
    return (
        None if model is None or model.operations is None else model.operations.reconstruction(size, images, numerics)
    )


@dataclass(frozen=True)
class PinnedSource:
    """A model whose files are known.

    Attributes:
        name: that of the model, with the commit of its repository, so that exactly this one is loaded.
        components: those of its row from other repositories, likewise.
        content: what identifies all of its files, for keys.
    """

    name: str
    components: Components
    content: JsonValue


def pin_model(name: str, model: Model | None = None) -> PinnedSource:
    """Pin a model to the content of its files, or to the commits of its hub repositories.

    Args:
        name: see `find_model`.
        model: what it returns for the name, if that is known already.

    Raises:
        UserError: see `find_model`; or the hub has no such repository or revision.
    """
    model = model or find_model(name)
    pinned = {part: pin_component(part, component) for part, component in model.components.items()}
    others: list[JsonValue] = []
    for part in pinned.values():
        if part.content not in others:  # one repository may hold several components
            others.append(part.content)
    components = {part: component.source for part, component in pinned.items()}
    if model.path_or_id.startswith(POCKET):
        content: JsonValue = pocket.fingerprint(model.path_or_id.removeprefix(POCKET))
    elif is_folder(model.path_or_id):
        content = folder_fingerprint(Path(model.path_or_id))
    else:
        commit = resolve(model.path_or_id)
        known = name if commit.sha == UNRESOLVED else f"{name.partition('@')[0]}@{commit.sha}"
        return PinnedSource(known, components, [commit.content, *others])
    return PinnedSource(name, components, [content, *others] if others else content)


def check_complete(model: Model) -> None:
    """Check that a pipeline has all of its components, in its own folder or repository or in others.

    Raises:
        DataError: one is missing, such as the text encoder of another repository.
    """
    files = files_at(model.source.path_or_id, model.source.revision)
    names, index = files.names(cached=False), files.json(INDEX)
    kind = model.text_kind
    # Those of a family with a row are known, and diffusers need not be imported, which takes seconds.
    of_row = (*kind.text, *kind.image, "scheduler")
    required = component_names(kind.pipelines[0], required=True) if kind.is_recorded else of_row
    needed = [
        name
        for name in required
        if name not in {*model.components, *kind.load}
        and not (PRIOR in model.components and name.startswith(f"{PRIOR}_"))
    ]
    missing = [name for name in needed if not _has_component(name, index, names)]
    if missing and files.text_if_readable("config.json"):  # the files of a component may lie beside the index
        missing = [name for name in missing if not _has_component(name, index, [])]
    if missing:
        example = ", ".join(f"{name}: OWNER/NAME" for name in missing)
        raise DataError(
            f"{model.id!r} lacks {', '.join(missing)}, which its {kind.pipelines[0]} needs; name the "
            f"repository or folder that has {'it' if len(missing) == 1 else 'them'}: generator: {{model: {model.id}, "
            f"components: {{{example}}}}}"
        )


def _has_component(name: str, index: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Return whether a component is in the index of a pipeline, and its files are, if they are known."""
    return is_component(index.get(name)) and (not names or any(file.startswith(f"{name}/") for file in names))


def weight_files(model: Model) -> Iterator[list[str]]:
    """Yield the names of the files of a model, and of its prior or refiner."""
    with pipeline_path(model.source) as path_or_id:
        yield files_at(path_or_id, model.source.revision).names()
    for name in WHOLE:
        if name in model.components:
            yield model.components[name].files.names()


@contextmanager
def pipeline_path(source: Source) -> Iterator[str]:
    """Yield the argument for `from_pretrained`: a folder or a hub id."""
    if source.path_or_id.startswith(POCKET):
        with pocket.pipeline_folder(source.path_or_id.removeprefix(POCKET)) as folder:
            yield str(folder)
    else:
        yield source.path_or_id


def _infer_model(name: str, path_or_id: str, files: PipelineFiles, edits: bool, given: Components) -> Model:
    pipeline = str(files.json(INDEX).get("_class_name"))
    components = dict(given)
    if pipeline in COMBINED:
        if not any(part.startswith(PRIOR) for part in given):
            components = {**_prior(name, pipeline, files), **given}
        pipeline = COMBINED[pipeline]
    try:
        family = family_of_pipeline(pipeline) or recorded_family(pipeline, edits)
        check_requirements(family)
    except DataError as error:
        known = ", ".join(sorted({kind.pipelines[0] for kind in FAMILIES.values() if not kind.refines}))
        raise DataError(
            f"{name!r} is a {pipeline}, which is not supported ({error}); supported pipelines: {known} and others of "
            "diffusers that make images from text; or write a generator class (module:Class)"
        ) from error
    denoiser = _denoiser_config(family, files, given)
    distilled = bool(denoiser.get("guidance_embeds", False)) or denoiser.get("time_cond_proj_dim") is not None
    few_steps = sign_of_few_steps(split_revision(name)[0], denoiser, files)
    defaults = family.defaults
    if (family.name == "flux" or family.is_recorded) and not distilled:
        defaults = defaults.model_copy(update={"distilled_guidance": None})
    elif family.is_recorded and family.guidance == "guidance_scale":  # it is the guidance value of the model
        defaults = defaults.model_copy(update={"cfg": 1.0})
    if few_steps:  # the number of steps must be given, and these models are made for sampling without guidance
        defaults = Sampling(steps=None, cfg=1.0, distilled_guidance=defaults.distilled_guidance)
    return Model(
        id=name,
        path_or_id=path_or_id,
        family=family.name,
        licence="see its source",
        vendor=defaults,
        # Language models as text encoders, and the transformers after them, overflow float16.
        dtype="float16" if family.denoiser == "unet" else "bfloat16",
        distilled=distilled,
        few_steps=few_steps,
        components=components,
    )


def _prior(name: str, decoder: str, files: PipelineFiles) -> Components:
    """Return the prior that belongs to a decoder, as its model card says.

    Raises:
        DataError: the card does not say.
    """
    if found := prior_in_card(files.text_if_readable("README.md")):
        return {PRIOR: found}
    raise DataError(
        f"{name!r} is a {decoder}, and its prior lies in another repository, which its model card does not name; give "
        f"it: generator: {{model: {name}, components: {{prior: OWNER/NAME}}}}"
    )


def _denoiser_config(family: Family, files: PipelineFiles, given: Components) -> Mapping[str, Any]:
    if family.denoiser in given:
        return given[family.denoiser].config(family.denoiser)
    config = f"{family.denoiser}/config.json"
    return files.json(config) if family.name in ("flux", "qwen-image") else files.json_if_readable(config)
