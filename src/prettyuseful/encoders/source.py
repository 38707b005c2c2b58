"""From what a study file says to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue, model_validator

from prettyuseful.encoders.base import Encoder
from prettyuseful.encoders.custom import Checked
from prettyuseful.encoders.table import ENCODERS, REAL_TRAINED, EncoderRow, MakeEncoder, timm_row
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.fields import BareName, RelativePlace, existing_path, plugin
from prettyuseful.hub.commits import check_resolved
from prettyuseful.hub.files import pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.plugins import is_plugin
from prettyuseful.registry import loaded

__all__ = ["REAL_TRAINED", "EncoderSource", "open_encoder"]


class EncoderSource(BareName):
    """The task's own real-trained classifier, a model of `prettyuseful list encoders`, any timm id, or your own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePlace(plugin)] = Field(
        min_length=1,
        description="name of `prettyuseful list encoders`, a timm id, or module:OBJECT",
        examples=[*ENCODERS.rows, "resnet50", "mine.py:OBJECT"],
    )
    weights: Annotated[str, RelativePlace(existing_path)] | None = Field(
        None,
        min_length=1,
        description="other weights: a hub id or folder for CLIP and DINOv2, a safetensors file or hub id for timm ids; "
        "for inception pytorch-fid's file, which it needs",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> EncoderSource:
        # A file of yours is looked up later, from the study's folder.
        if not is_plugin(self.name) and (problem := self._problem(self._row)):
            raise ValueError(problem)
        return self

    @property
    def label(self) -> str:
        """What records and reports call it."""
        return ENCODERS.label(self.name)

    def check_name(self) -> None:
        """Raises UnknownNameError if there is no such encoder."""
        if self.name not in ENCODERS and not is_plugin(self.name):
            _check_timm(self.name)

    @property
    def reads_texts(self) -> bool:
        """Whether images and texts have one space."""
        return self._row.reads_texts

    @property
    def trained_here(self) -> bool:
        """Whether it is the classifier that the study trains on real images."""
        return self._row.trained_here

    @property
    def words(self) -> str:
        """What it is, in words without places, for reports."""
        row = self._row
        if row.weights == "timm":
            return row.words + (f", weights {_name(self.weights)}" if self.weights else "")
        return (row.words or row.summary).replace("{}", _name(self.weights or row.default_weights or ""))

    def pin(self) -> Pinned[EncoderSource]:
        """The source, which names the commit of weights on the hub, and what changes features: the encoder, its weights
        by content or commit, and how timm prepares images for them. No places.

        Raises:
            UnknownNameError: no such encoder, or `weights` that are neither a hub id nor a folder of a model.
            DataError: weights that cannot be read, or that the hub does not have.
        """
        row = self._row
        if problem := self._problem(row):
            raise DataError(problem)
        match row.weights:
            case "timm":
                return self._pinned_timm()
            case "model":
                weights = _pin_model_source(self.weights or str(row.default_weights))
            case "file":
                weights = Pinned(source=str(self.weights), content={"sha256": _sha256(Path(str(self.weights)))})
            case "none":
                return Pinned(source=self, content={"encoder": self._identity})
        return self._pinned_with(weights.source, {"encoder": self._identity, **_fields(weights)})

    @property
    def _row(self) -> EncoderRow:
        if self.name in ENCODERS or is_plugin(self.name):
            return ENCODERS[self.name]
        return timm_row(self.name)

    @property
    def _identity(self) -> JsonValue:
        return ENCODERS.pinned(self.name).content

    def _problem(self, row: EncoderRow) -> str | None:
        if row.trained_here and is_plugin(self.name):
            return f"trained_here is for the classifier of the study alone; let {row.name} be made by its make"
        if row.needs_weights and self.weights is None:
            return f"{row.name} has no weights to fetch; give {row.example or 'its weights'}"
        if row.weights == "none" and self.weights is not None:
            return f"{row.name} takes no weights; remove them"
        return None

    def _pinned_timm(self) -> Pinned[EncoderSource]:
        """timm's own weights count by the commit of their repository."""
        from prettyuseful.encoders import timm_models

        _check_timm(self.name)
        weights = timm_models.pinned_weights(self.name, self.weights)
        return self._pinned_with(weights.source, {"encoder": "timm", **_fields(weights)})

    def _pinned_with(self, weights: str | None, content: dict[str, Any]) -> Pinned[EncoderSource]:
        return Pinned(source=self.model_copy(update={"weights": weights}), content=content)


def open_encoder(pinned: Pinned[EncoderSource], numerics: Numerics) -> Encoder:
    """The encoder itself, but for the real-trained one; this process keeps the last one loaded.

    Raises:
        DataError: the commit of its weights is not known, or they cannot be loaded.
    """
    check_resolved(pinned.content, pinned.source.label)
    return cached_model(_opened, pinned.source, numerics, content=digest(pinned.content))


def _opened(source: EncoderSource, numerics: Numerics) -> Encoder:
    make: MakeEncoder = loaded(source._row.make)
    with ENCODERS.guard(source.name):
        encoder = make(source.weights, numerics)
    return Checked(encoder, source.name) if is_plugin(source.name) else encoder


def _check_timm(name: str) -> None:
    """Raises UnknownNameError, with the nearest names, for what is neither in the table nor timm's."""
    import timm

    from prettyuseful.training.architectures import ARCHITECTURES, check

    if name in ARCHITECTURES or name.partition(".")[0] not in timm.list_models():
        raise UnknownNameError(
            f"unknown encoder {name!r}{did_you_mean(name, ENCODERS.rows)}; "
            f"known: {', '.join(ENCODERS.rows)}, every timm id, or your own as module:OBJECT"
        )
    check(name)


def _name(place: str) -> str:
    """A folder's or file's own name, or the id."""
    return Path(place).resolve().name if Path(place).exists() else place


def _fields(weights: Pinned[Any]) -> dict[str, Any]:
    assert isinstance(weights.content, dict)
    return dict(weights.content)


def _pin_model_source(place: str) -> Pinned[str]:
    folder = Path(place)
    if (folder / "config.json").is_file() or (is_hub_id(place) and not place.startswith(".") and not folder.exists()):
        return pin_model_source(place)
    raise UnknownNameError(
        f"the weights {place!r} are neither a hub id such as owner/name nor a folder with a config.json"
    )


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the path") from error
