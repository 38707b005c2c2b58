"""From what a study file says to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, model_validator

from prettyuseful.encoders.base import Encoder
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest, file_sha256, files_fingerprint
from prettyuseful.errors import DataError, UnknownNameError, did_you_mean
from prettyuseful.fields import BareName, RelativePlace, existing_path, plugin
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.registry import ARCHITECTURES, ENCODERS

REAL_TRAINED = "real-trained"
INCEPTION = "inception"
HUB_IDS = {
    "clip-vit-b-32": "openai/clip-vit-base-patch32",
    "clip-vit-l-14": "openai/clip-vit-large-patch14",
    "dinov2-b-14": "facebook/dinov2-base",
    "dinov2-l-14": "facebook/dinov2-large",
}
_READ = (".json", ".txt", ".safetensors")  # what of a model's folder changes features


class EncoderSource(BareName):
    """The task's own real-trained classifier, a model of `prettyuseful list encoders`, or any timm id."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "name"
    name: Annotated[str, RelativePlace(plugin)] = Field(
        min_length=1, description="name of `prettyuseful list encoders`, or a timm id"
    )
    weights: Annotated[str, RelativePlace(existing_path)] | None = Field(
        None,
        min_length=1,
        description="other weights: a hub id or folder for CLIP and DINOv2, a safetensors file for timm ids; for "
        "inception pytorch-fid's file, which it needs",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> EncoderSource:
        if self.name == INCEPTION and self.weights is None:
            raise ValueError(
                "inception has no weights to fetch; give pytorch-fid's file: "
                "{name: inception, weights: pt_inception-2015-12-05-6726825d.pth}"
            )
        if self.name == REAL_TRAINED and self.weights is not None:
            raise ValueError("real-trained is trained in the study and takes no weights; remove them")
        return self

    @property
    def reads_texts(self) -> bool:
        """Whether images and texts have one space."""
        return self.name.startswith("clip-")

    @property
    def words(self) -> str:
        """What it is, in words without places, for reports."""
        if self.name in HUB_IDS:
            place = self._place
            return f"class token of {_name(place)}" if self.name.startswith("dinov2") else _name(place)
        if self.name == INCEPTION:
            return "FID's Inception, 2048 values after the last pooling"
        return f"timm's {self.name}" + (f", weights {_name(str(self.weights))}" if self.weights else "")

    def identity(self) -> dict[str, Any]:
        """What changes features, for the artifact's key: library, weights by content or id, preprocessing; no places.

        Raises:
            UnknownNameError: no such encoder, or `weights` that are neither a hub id nor a folder of a model.
            DataError: a file of weights cannot be read.
        """
        if self.name == REAL_TRAINED:
            return {"kind": REAL_TRAINED}  # the classifier is an input of its own
        if self.name in HUB_IDS:
            return {"kind": self.name.partition("-")[0], "model": _of_hub(self._place)}
        if self.name == INCEPTION:
            return {"kind": INCEPTION, "sha256": _of_file(Path(str(self.weights)))}
        _check_timm(self.name)
        from prettyuseful.encoders.timm_models import identity

        return {"kind": "timm", **identity(self.name, self._file)}

    def open(self, numerics: Numerics) -> Encoder:
        """The encoder itself, but for the real-trained one; this process keeps the last one loaded.

        Raises:
            UserError: see `identity`; or the weights cannot be loaded.
        """
        return cached_model(_opened, self, numerics, content=digest(self.identity()))

    @property
    def _place(self) -> str:
        return self.weights or HUB_IDS[self.name]

    @property
    def _file(self) -> Path | None:
        return Path(self.weights) if self.weights else None


def _opened(source: EncoderSource, numerics: Numerics) -> Encoder:
    if source.name not in ENCODERS.entries:
        from prettyuseful.encoders.timm_models import TimmModel

        return TimmModel(source.name, source._file, numerics)
    place = source._place if source.name in HUB_IDS else source._file
    found: Encoder = ENCODERS[source.name].load()(place, numerics)
    return found


def _check_timm(name: str) -> None:
    """Raises UnknownNameError, with the nearest names, for what is neither in the table nor timm's."""
    import timm

    from prettyuseful.training.architectures import check

    if name in ARCHITECTURES.entries or name.partition(".")[0] not in timm.list_models():
        raise UnknownNameError(
            f"unknown encoder {name!r}{did_you_mean(name, ENCODERS.entries)}; "
            f"known: {', '.join(ENCODERS.entries)} and every timm id"
        )
    check(name)


def _name(place: str) -> str:
    """A folder's or file's own name, or the id."""
    return Path(place).resolve().name if Path(place).exists() else place


def _of_hub(place: str) -> str:
    folder = Path(place)
    if (folder / "config.json").is_file():
        return files_fingerprint(folder, (path for path in folder.iterdir() if path.suffix in _READ))
    if is_hub_id(place) and not place.startswith(".") and not folder.exists():
        return f"hub:{place}"
    raise UnknownNameError(
        f"the weights {place!r} are neither a hub id such as owner/name nor a folder with a config.json"
    )


def _of_file(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; check the path") from error
