"""Finds text-to-image models, in the table or without a row, and pins their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from prettyuseful.cards import Work
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.generators import pocket
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.families import FAMILIES, family_of_pipeline
from prettyuseful.generators.few_steps import sign_of_few_steps
from prettyuseful.generators.files import FolderFiles, PipelineFiles
from prettyuseful.generators.hub import HubFiles
from prettyuseful.generators.model import POCKET, REFINER_SEPARATOR, Model, Source
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.operations import encoding_work
from prettyuseful.generators.pipelines import check_requirements, recorded_family
from prettyuseful.generators.weights import unsupported_weights
from prettyuseful.hub.commits import UNRESOLVED, resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id, split_revision
from prettyuseful.numerics import DType, Numerics
from prettyuseful.paths import exists, is_file, is_folder

_CLIP_TOKENS = 77


def find_model(name: str, condition: AnyCondition | None = None) -> Model:
    """Return the model for an id of the table (optionally with @revision), a pipeline folder or a hub id
    `owner/name[@revision]`.

    `condition`: what its images are conditioned on besides a prompt; editing models are only found with one.

    Raises:
        UnknownNameError: `name` is none of these; the message suggests the nearest id.
        DataError: the pipeline belongs to no known family, the hub repository cannot be read, or the pipeline cannot be
            conditioned in this way.
    """
    model = _find_model(name, condition is not None and condition.edits)
    if condition is None:
        return model
    model = replace(model, condition=condition)
    if model.refiner:
        raise DataError(f"condition: {model.id!r} has a refiner, which takes no real images; use its base model alone")
    try:
        condition.family(model.text_kind)
    except DataError as error:
        raise DataError(f"condition: {model.id!r} cannot be used for kind: {condition.kind}: {error}") from error
    return model


def _find_model(name: str, edits: bool) -> Model:
    row, _, revision = name.partition("@")
    if row in MODELS and not (revision and MODELS[row].path_or_id.startswith(POCKET)):
        return MODELS[row].at_revision(revision) if revision else MODELS[row]
    if problem := unsupported_weights(name):
        raise UnknownNameError(problem)
    if is_pipeline_folder(name):
        return _infer_model(Path(name).resolve().name, name, FolderFiles(Path(name)), edits)
    if is_hub_id(name) and not exists(name):
        return _infer_model(name, name, HubFiles(*split_revision(name)), edits)
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

    Prompts are encoded first, then images, and then `images` images at once are trained on. Meanwhile the other parts
    of the model are freed or, on a GPU, in main memory.

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
    footprint, dtype = model.footprint, numerics.dtype
    wide = 2 if dtype == "float32" else 1
    beside = round(wide * footprint.denoiser) if numerics.device == "cpu" else 0
    steps = footprint.tuning_step(side, images, rank, dtype)
    return max(footprint.encoding(dtype), footprint.preparing(side) + beside, steps)


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


def is_pipeline_folder(name: str) -> bool:
    return is_file(Path(name) / "model_index.json")


def pin_model(name: str, model: Model | None = None) -> Pinned[str]:
    """Pin a model to the content of its files, or to the commits of its hub repositories.

    The source of the result names the commits, so that exactly these are loaded.

    Args:
        name: see `find_model`.
        model: what it returns for the name, if that is known already.

    Raises:
        UserError: see `find_model`; or the hub has no such repository or revision.
    """
    model = model or find_model(name)
    if model.path_or_id.startswith(POCKET):
        return Pinned(source=name, content=pocket.fingerprint(model.path_or_id.removeprefix(POCKET)))
    if is_folder(model.path_or_id):
        return Pinned(source=name, content=folder_fingerprint(Path(model.path_or_id)))
    commits = [resolve(path_or_id) for path_or_id in (model.path_or_id, model.refiner) if path_or_id]
    known = UNRESOLVED not in [commit.sha for commit in commits]
    at = f"{name.partition('@')[0]}@{REFINER_SEPARATOR.join(commit.sha for commit in commits)}"
    return Pinned(source=at if known else name, content=[commit.content for commit in commits])


def weight_files(model: Model) -> Iterator[list[str]]:
    """Yield the names of the files of a model, and of its refiner."""
    for source in (model.source, model.refiner_source) if model.refiner else (model.source,):
        with pipeline_path(source) as path_or_id:
            if is_folder(path_or_id):
                yield FolderFiles(Path(path_or_id)).names()
            else:
                yield HubFiles(path_or_id, source.revision).names()


@contextmanager
def pipeline_path(source: Source) -> Iterator[str]:
    """Yield the argument for `from_pretrained`: a folder or a hub id."""
    if source.path_or_id.startswith(POCKET):
        with pocket.pipeline_folder(source.path_or_id.removeprefix(POCKET)) as folder:
            yield str(folder)
    else:
        yield source.path_or_id


def _infer_model(name: str, path_or_id: str, files: PipelineFiles, edits: bool) -> Model:
    pipeline = str(files.json("model_index.json").get("_class_name"))
    try:
        family = family_of_pipeline(pipeline) or recorded_family(pipeline, edits)
        check_requirements(family)
    except DataError as error:
        known = ", ".join(sorted({kind.pipelines[0] for kind in FAMILIES.values() if not kind.refines}))
        raise DataError(
            f"{name!r} is a {pipeline}, which is not supported ({error}); supported pipelines: {known} and others of "
            "diffusers that make images from text; or write a generator class (module:Class)"
        ) from error
    config = f"{family.denoiser}/config.json"
    denoiser = files.json(config) if family.name in ("flux", "qwen-image") else files.json_if_readable(config)
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
    )
