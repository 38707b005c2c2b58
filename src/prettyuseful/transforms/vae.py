"""Reconstruct images by the VAE of a generator, which causes the loss that all images of this generator share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.fields import RelativePath, resolve_images_or_plugin
from prettyuseful.generators.files import is_pipeline_folder
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model, pin_model, pipeline_path
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.numerics import Numerics
from prettyuseful.paths import is_folder
from prettyuseful.plugins import is_plugin
from prettyuseful.transforms.base import Transform, TransformSource


class Vae(TransformSource):
    """Encode and decode images by the VAE of a diffusers pipeline. No other part of the pipeline is loaded.

    The decoder gets the mode of the encoder's posterior, in float32, so the result is deterministic.

    `generator`: an id of `prettyuseful list generators`, a hub id, or the folder of a pipeline. Generators with equal
    VAE files give the same key.
    """

    kind: Literal["vae"] = "vae"
    generator: Annotated[str, RelativePath(resolve_images_or_plugin, names=MODELS)] = Field(
        min_length=1, description="an id of `list generators`, a hub id, or the folder of a pipeline"
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
                f"the generator {self.generator!r} has no known VAE; give a diffusers pipeline: an id of "
                "`prettyuseful list generators`, a hub id, or a folder with a model_index.json"
            )
        return find_model(self.generator)

    def _pinned_vae(self) -> tuple[Vae, JsonValue]:
        """Return this transform with its generator pinned to a commit, and the content of the VAE."""
        model = self._model()
        with pipeline_path(model.source) as path_or_id:
            if not is_folder(path_or_id):
                generator = pin_model(self.generator, model).name
                commit = resolve(find_model(generator).path_or_id)
                return self.model_copy(update={"generator": generator}), commit.content
            folder = Path(path_or_id) / "vae"
            if not folder.is_dir():
                raise DataError(f"the generator {model.id!r} has no folder vae; download the model again")
            return self, folder_fingerprint(folder)
