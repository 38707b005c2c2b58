"""The encoder section of a study file, and how encoders are created from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue, model_validator

from prettyuseful.encoders.base import Encoder, ResizingEncoder
from prettyuseful.encoders.custom import CheckedEncoder
from prettyuseful.encoders.packaged_weights import packaged_file, verified_file
from prettyuseful.encoders.table import ENCODERS, REAL_TRAINED, EncoderRow, MakeEncoder, WeightsPackage, timm_row
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.fields import BareName, RelativePath, resolve_existing_path, resolve_plugin
from prettyuseful.hub.commits import cached_snapshot, check_resolved, resolve
from prettyuseful.hub.files import pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.paths import exists, is_file
from prettyuseful.plugins import is_plugin
from prettyuseful.registry import import_target

__all__ = ["REAL_TRAINED", "EncoderSource", "open_encoder"]


class EncoderSource(BareName):
    """An encoder: a name from `prettyuseful list encoders`, a timm id, or a user-defined one as module:OBJECT."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePath(resolve_plugin)] = Field(
        min_length=1,
        description="a name from `prettyuseful list encoders`, a timm id, or module:OBJECT",
        examples=[*ENCODERS.rows, "resnet50", "mine.py:OBJECT"],
    )
    weights: Annotated[str, RelativePath(resolve_existing_path)] | None = Field(
        None,
        min_length=1,
        description="other weights: a hub id or folder for CLIP and DINOv2, a safetensors file or hub id for timm ids "
        "and efficientnet-lite0; "
        "inception requires the weights file of pytorch-fid",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> EncoderSource:
        # A user-defined encoder is checked later, because its path is relative to the study file.
        if not is_plugin(self.name) and (problem := self._problem(self._row)):
            raise ValueError(problem)
        return self

    @property
    def label(self) -> str:
        """The name in records and reports."""
        return ENCODERS.label(self.name)

    def check_name(self) -> None:
        """Raise UnknownNameError if there is no such encoder."""
        if self.name not in ENCODERS and not is_plugin(self.name):
            _check_timm(self.name)

    @property
    def encodes_text(self) -> bool:
        """Whether the encoder maps images and texts into one feature space."""
        return self._row.encodes_text

    @property
    def is_task_classifier(self) -> bool:
        """Whether the encoder is the classifier that the study trains on real images."""
        return self._row.is_task_classifier

    @property
    def is_timm(self) -> bool:
        """Whether it is a model of timm, whose features are those before its last layer."""
        return not is_plugin(self.name) and self._row.weights == "timm"

    @property
    def words(self) -> str:
        """A description for reports, without paths."""
        row = self._row
        if row.weights == "timm":
            return row.words + (f", weights {_short_name(self.weights)}" if self.weights else "")
        return (row.words or row.summary).replace("{}", _short_name(self.weights or row.default_weights or ""))

    @property
    def trained_on(self) -> str:
        """The images that the encoder was trained on, such as `ImageNet`; empty if unknown."""
        return self._row.trained_on

    def pin(self) -> Pinned[EncoderSource]:
        """Pin everything that changes features: the encoder, its weights (by content or by commit on the hub), and
        timm's preprocessing. Paths are not part of it. The source of the result names the commit.

        Raises:
            UnknownNameError: unknown encoder, or `weights` is neither a hub id nor the folder of a model.
            DataError: the weights cannot be read, or the hub does not have them.
        """
        row = self._row
        if problem := self._problem(row):
            raise DataError(problem)
        match row.weights:
            case "timm":
                return self._pin_timm()
            case "model":
                weights = _pin_model_source(self.weights or str(row.default_weights))
            case "file":
                weights = Pinned(source=str(self.weights), content={"sha256": _sha256(Path(str(self.weights)))})
            case "none":
                return Pinned(source=self, content={"encoder": self._identity})
        content = {"encoder": self._identity, **_content_fields(weights)}
        if row.processor is not None and "hub" in content:
            content["processor"] = resolve(row.processor).content
        return self._pin_with(weights.source, content)

    @property
    def _row(self) -> EncoderRow:
        if self.name in ENCODERS or is_plugin(self.name):
            return ENCODERS[self.name]
        return timm_row(self.name)

    @property
    def _identity(self) -> JsonValue:
        return ENCODERS.pin(self.name).content

    def _problem(self, row: EncoderRow) -> str | None:
        if row.is_task_classifier and is_plugin(self.name):
            return f"{row.name}: is_task_classifier is reserved for the bundled encoder; remove it and set make"
        if row.needs_weights and self.weights is None:
            return f"{row.name} has no default weights; give {row.example or 'weights'}"
        if row.weights == "none" and self.weights is not None:
            return f"{row.name} has no weights; remove weights"
        return None

    def _pin_timm(self) -> Pinned[EncoderSource]:
        """Pin a timm encoder; timm's own weights are pinned to the commit of their repository."""
        row = self._row
        if row.package is not None:
            weights = _pin_packaged_weights(row.package, self.weights)
            fixed: dict[str, Any] = {"id": row.timm_id, "preprocessing": dict(row.package.preprocessing)}
            return self._pin_with(weights.source, {"encoder": "timm", **fixed, **_content_fields(weights)})
        from prettyuseful.encoders import timm_models

        _check_timm(self.name)
        weights = timm_models.pin_timm_weights(self.name, self.weights)
        return self._pin_with(weights.source, {"encoder": "timm", **_content_fields(weights)})

    def _pin_with(self, weights: str | None, content: dict[str, Any]) -> Pinned[EncoderSource]:
        return Pinned(source=self.model_copy(update={"weights": weights}), content=content)


def open_encoder(pinned: Pinned[EncoderSource], numerics: Numerics) -> Encoder:
    """Create the encoder, or return the cached one if it was the last model loaded in this process.

    The real-trained classifier is not created here.

    Raises:
        DataError: the commit of the weights is unknown, or they cannot be loaded.
    """
    check_resolved(pinned.content, pinned.source.label)
    return cached_model(_make_encoder, pinned.source, numerics, content=digest(pinned.content))


def at_size(encoder: Encoder, size: int) -> Encoder:
    """Return an encoder of square images of `size` pixels that does not resize them, if it can do without."""
    return encoder.at_size(size) if isinstance(encoder, ResizingEncoder) else encoder


def _make_encoder(source: EncoderSource, numerics: Numerics) -> Encoder:
    make: MakeEncoder = import_target(source._row.make)
    with ENCODERS.guard(source.name):
        encoder = make(source.weights, numerics)
    return CheckedEncoder(encoder, source.name) if is_plugin(source.name) else encoder


def _check_timm(name: str) -> None:
    """Raise UnknownNameError, with the nearest name, unless `name` is a timm id."""
    import timm

    from prettyuseful.training.architectures import ARCHITECTURES, check_architecture

    if name in ARCHITECTURES or name.partition(".")[0] not in timm.list_models():
        raise UnknownNameError(
            f"unknown encoder {name!r}{did_you_mean(name, ENCODERS.rows)}; "
            f"known: {', '.join(ENCODERS.rows)}, every timm id, or module:OBJECT"
        )
    check_architecture(name)


def _short_name(path_or_id: str) -> str:
    """Return the name of a folder or file, or the hub id."""
    return Path(path_or_id).resolve().name if exists(path_or_id) else path_or_id


def _content_fields(weights: Pinned[Any]) -> dict[str, Any]:
    assert isinstance(weights.content, dict)
    return dict(weights.content)


def _pin_model_source(path_or_id: str) -> Pinned[str]:
    folder = Path(path_or_id)
    if is_file(folder / "config.json") or (
        is_hub_id(path_or_id) and not path_or_id.startswith(".") and not folder.exists()
    ):
        return pin_model_source(path_or_id)
    raise UnknownNameError(
        f"the weights {path_or_id!r} are neither a hub id such as owner/name nor a folder with a config.json"
    )


def _pin_packaged_weights(package: WeightsPackage, given: str | None) -> Pinned[str | None]:
    """Pin weights to their content: a given file, the installed package (source None), or a commit on the hub.

    Without the package, the snapshot in the local cache of the hub is used before the hub is asked.
    """
    if given is not None and (exists(given) or not is_hub_id(given)):
        return Pinned(source=given, content={"sha256": _sha256(Path(given))})
    if given is None and packaged_file(package) is not None:
        return Pinned(source=None, content={"sha256": file_sha256(verified_file(package))})
    commit = (cached_snapshot(package.hub) if given is None else None) or resolve(given or package.hub)
    return Pinned(source=commit.id, content={**commit.content})


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the path") from error
