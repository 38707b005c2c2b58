"""A text-to-image model, as one row: where it is, how its vendor samples it, and what its memory and time depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prettyuseful.generators.base import Origin, Sampling
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
REFINER_SEPARATOR = "+"
"""It separates the revision of a model from that of its refiner."""


@dataclass(frozen=True)
class Source:
    """Where to load a pipeline from. `path_or_id`: a hub id, a folder or `pocket:<name>`; `name` is for messages."""

    name: str
    path_or_id: str
    revision: str | None = None
    variant: ChosenVariant = NO_VARIANT
    gated: bool = False


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
        refiner: hub id of a second pipeline that does the last fifth of the denoising steps.
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
    refiner: str | None = None
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
        return _source(self.id, self.path_or_id, self.variant, self.gated)

    @property
    def refiner_source(self) -> Source:
        assert self.refiner is not None
        return _source(f"{self.id} (refiner)", self.refiner, self.variant, self.gated)

    def at_revision(self, revision: str) -> Model:
        """Return the model at a revision of its repository; the revision of its refiner follows a plus sign."""
        model_revision, _, refiner_revision = revision.partition(REFINER_SEPARATOR)
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
