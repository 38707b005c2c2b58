"""A text-to-image model, as one row: where it is, how its vendor samples it, and what its memory and time depend on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from prettyuseful.generators.base import Origin, Sampling
from prettyuseful.generators.components import REFINER, Component, Components
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.footprint import Footprint
from prettyuseful.generators.micro_batches import MICRO_BATCH
from prettyuseful.generators.operations import Operations
from prettyuseful.generators.pipelines import recorded_family
from prettyuseful.generators.variants import NO_VARIANT, ChosenVariant
from prettyuseful.hub.ids import split_revision
from prettyuseful.numerics import DType

POCKET = "pocket:"
"""What the place of a bundled model begins with."""


@dataclass(frozen=True)
class Source:
    """Where to load a pipeline from.

    `path_or_id`: a hub id, a folder or `pocket:<name>`; `name` is for messages. `gated`: whether its licence must be
    accepted first. `components`: those from other places, by name; `gated_components`: names of some, likewise.
    """

    name: str
    path_or_id: str
    revision: str | None = None
    variant: ChosenVariant = NO_VARIANT
    gated: bool = False
    components: Components = field(default_factory=dict)
    gated_components: tuple[str, ...] = ()


@dataclass(frozen=True)
class FewStepWeights:
    """LoRA weights with which another model takes few steps, as a generator that is written out would name them.

    `of`: the id of that model. `repository`, `file`: the weights on the hub. `scheduler`: the class that they need, and
    options of its configuration.
    """

    of: str
    repository: str
    file: str
    scheduler: tuple[tuple[str, str], ...]


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
        components: components from other repositories, by the name of the component, or by `prior` or `refiner` for a
            whole pipeline.
        gated_components: those of them whose licence must be accepted on the hub first.
        few_step_weights: for a model that is another one with LoRA weights.
        few_steps: for a model without a row, why it seems to be made for few denoising steps; empty if it does not.
        note: a remark for lists and reports.
        facts: where the facts of the row are from.
        unchecked: names of the fields whose values could not be compared with a source.
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
    components: Components = field(default_factory=dict)
    gated_components: tuple[str, ...] = ()
    few_step_weights: FewStepWeights | None = None
    few_steps: str = ""
    note: str = ""
    facts: str = ""
    unchecked: tuple[str, ...] = ()
    condition: AnyCondition | None = None

    @property
    def origin(self) -> Origin:
        return Origin(self.id, "diffusers", self.released, self.licence, self.note)

    @property
    def source(self) -> Source:
        """Where its pipeline is; without its refiner."""
        others = {name: component for name, component in self.components.items() if name != REFINER}
        path_or_id, revision = split_revision(self.path_or_id)
        return Source(self.id, path_or_id, revision, self.variant, self.gated, others, self.gated_components)

    @property
    def other_places(self) -> tuple[str, ...]:
        """Words on the components from other places, such as `refiner from OWNER/NAME`."""
        names: dict[str, list[str]] = {}
        for name, component in self.components.items():
            gated = " (gated)" if name in self.gated_components else ""
            names.setdefault(f"{component.shown}{gated}", []).append(name)
        return tuple(f"{' and '.join(parts)} from {place}" for place, parts in names.items())

    @property
    def refiner(self) -> Component | None:
        """A second pipeline that does the last fifth of the denoising steps, and decodes the images."""
        return self.components.get(REFINER)

    @property
    def refiner_source(self) -> Source:
        """Where its refiner is, which decodes with the VAE of the model if that is another one."""
        assert self.refiner is not None
        gated = REFINER in self.gated_components
        vae = {name: component for name, component in self.components.items() if name == "vae"}
        return Source(f"{self.id} (refiner)", *self.refiner.repository, self.variant, gated, vae)

    def at_revision(self, revision: str) -> Model:
        """Return the model at a revision of its own repository."""
        return replace(self, path_or_id=f"{split_revision(self.path_or_id)[0]}@{revision}")

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
