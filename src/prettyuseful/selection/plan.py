"""The `select` section of a study file: a data set that is chosen from another one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from prettyuseful.encoders.source import EncoderSource
from prettyuseful.fields import RegisteredName
from prettyuseful.selection.criteria import CRITERIA, Criterion, find_criterion
from prettyuseful.selection.keep import PATTERN, Keep


def _as_text(value: Any) -> Any:
    """Accept a number of images per class as a number, too."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


KeepText = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(lambda text: Keep.parse(text).text),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": PATTERN}]}),
]


class SelectionPlan(BaseModel):
    """Images of another data set, chosen in each class by a number per image, at random, or so that they are spread."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    of: str = Field(description="the data set (or real, the real training images) from which images are chosen")
    by: Annotated[str, RegisteredName(CRITERIA)] | None = Field(
        None,
        description="what images are chosen by: a number per image, such as prettiness, label-confidence, typicality, "
        "nearest-real or clip-score; k-centre or facility-location, which spread the choice over the class; or your "
        "own score as module:OBJECT; nothing for a random choice",
    )
    keep: KeepText = Field(
        description="what is kept of each class: top 50%, bottom 30%, middle 40%, random 50%, or a number of images "
        "such as top 100; k-centre and facility-location take 50% or 100",
    )
    encoder: EncoderSource | None = Field(
        None,
        description="the encoder of typicality, nearest-real, clip-score, k-centre and facility-location; default: the "
        "first suitable one of encoders that is not the classifier trained on real images, otherwise that classifier",
    )
    seed: int = Field(0, ge=0, description="seed of a random choice; every training seed gets another choice")
    without_control: str | None = Field(
        None,
        min_length=1,
        description="the reason why this selection has no random control of equal size; without a reason, NAME-random "
        "is added to the study, and the comparison with it is pre-registered",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> SelectionPlan:
        kept, criterion = self.kept, self.criterion
        if criterion is None:
            if kept.part != "random":
                raise ValueError(f"by is missing: what is {self.keep} of? Set by, such as by: prettiness")
            if unused := next((name for name in ("encoder", "without_control") if getattr(self, name)), None):
                raise ValueError(f"{unused} has no effect on a random choice; remove it")
            return self
        if kept.part == "random":
            raise ValueError(f"by has no effect on a random choice; remove by, or write keep: top {kept.amount}")
        if "seed" in self.model_fields_set:
            raise ValueError("seed only has an effect on a random choice; remove it")
        if criterion.spread and kept.part is not None:
            raise ValueError(
                f"{criterion.name} has no {kept.part}: it chooses images together; write keep: {kept.amount}"
            )
        if not criterion.spread and kept.part is None:
            raise ValueError(f"keep: {self.keep} has no end; write top, bottom or middle before it")
        if self.encoder is not None and not criterion.uses_encoder:
            raise ValueError(f"encoder has no effect on {criterion.name}; remove it")
        return self

    @property
    def kept(self) -> Keep:
        return Keep.parse(self.keep)

    @property
    def criterion(self) -> Criterion | None:
        """By what images are chosen; None for a random choice."""
        return None if self.by is None else find_criterion(self.by)

    @property
    def is_random(self) -> bool:
        return self.by is None

    @property
    def random_control(self) -> SelectionPlan:
        """A random choice of equal size from the same data set."""
        return SelectionPlan(of=self.of, keep=self.kept.at_random.text)

    @property
    def words(self) -> str:
        """The selection in words, such as `the top half of base by prettiness`."""
        of, criterion = "the real training images" if self.of == "real" else self.of, self.criterion
        return self.kept.words(of, criterion.by if criterion else "")
