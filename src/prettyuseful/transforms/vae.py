"""What is left of an image after a generator's VAE: the loss that every image of that generator has, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.fields import RelativePlace, images_or_plugin
from prettyuseful.generators.models import MODELS, Model, find_model, is_pipeline_folder, opened, pin_model
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.numerics import Numerics
from prettyuseful.plugins import is_plugin
from prettyuseful.transforms.base import Transform, TransformSource


class Vae(TransformSource):
    """Encodes and decodes images by the VAE of a diffusers pipeline; nothing else of the pipeline is loaded.

    `generator`: as data sets name it: an id of the table, a hub id, or a pipeline's folder. Generators that share a
    VAE, byte by byte, have one identity. Deterministic: the mode of the encoder's posterior is decoded, in float32.
    """

    kind: Literal["vae"] = "vae"
    generator: Annotated[str, RelativePlace(images_or_plugin, names=MODELS)] = Field(
        min_length=1, description="id of `list generators`, a hub id, or a pipeline's folder"
    )

    def pin(self) -> Pinned[TransformSource]:
        source, vae = self._pinned_vae()
        content: dict[str, JsonValue] = {"kind": self.kind, "vae": vae, "version": self.version}
        return Pinned(source=source, content=content)

    def open(self, numerics: Numerics) -> Transform:
        from prettyuseful.transforms.autoencoder import Autoencoder

        return Autoencoder(self._model(), numerics)

    def _model(self) -> Model:
        folder = Path(self.generator)
        if is_plugin(self.generator) or (folder.is_dir() and not is_pipeline_folder(self.generator)):
            raise UnknownNameError(
                f"the generator {self.generator!r} has no VAE that is known of; name a diffusers pipeline: an id of "
                "`prettyuseful list generators`, a hub id, or a folder with a model_index.json"
            )
        return find_model(self.generator)

    def _pinned_vae(self) -> tuple[Vae, JsonValue]:
        """This transform at a commit, and the content of the VAE."""
        model = self._model()
        with opened(model.source) as place:
            if not Path(place).is_dir():
                generator = pin_model(self.generator).source
                commit = resolve(find_model(generator).place)
                return self.model_copy(update={"generator": generator}), commit.content
            folder = Path(place) / "vae"
            if not folder.is_dir():
                raise DataError(f"the generator {model.id!r} has no folder vae; get the model again")
            return self, folder_fingerprint(folder)
