"""Image prompts: an IP-Adapter shows a real image to the denoiser beside the text."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from PIL import Image
from pydantic import Field, model_validator

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.conditions.pipelines import arguments_of, family_of
from prettyuseful.generators.families import Family
from prettyuseful.generators.locations import Location, pin_folder
from prettyuseful.generators.weight_headers import read_header
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.redaction import redact_line

if TYPE_CHECKING:
    import torch

_ARGUMENT = "ip_adapter_image"
_WITH_ROWS = ("sd", "sdxl")  # the families for which this is tested
# Numbers of weights of the image encoders of h94/IP-Adapter: those of CLIP ViT-H/14 and ViT-bigG/14.
_OF_ENCODERS = {"models/image_encoder": 632_080_000, "sdxl_models/image_encoder": 1_844_900_000}


class Adapter(Location):
    """Where an IP-Adapter is: a folder or a repository of the hub in the layout of h94/IP-Adapter."""

    subfolder: str = Field("models", description="the folder of the weights in it")
    weight_name: str = Field("ip-adapter_sd15.safetensors", description="the file of the weights, a .safetensors")
    image_encoder: str = Field(
        "image_encoder", description="the folder of the image encoder, in subfolder or, with a slash, in the whole"
    )

    @model_validator(mode="after")
    def _runs_no_code(self) -> Adapter:
        if not self.weight_name.endswith(WEIGHTS):
            raise ValueError(f"weight_name is {self.weight_name!r}; give a .safetensors file, which runs no code")
        return self

    @property
    def weights(self) -> int:
        """The number of weights of adapter and image encoder: of the files in a folder, and from the hub assumed."""
        encoder = self.image_encoder if "/" in self.image_encoder else f"{self.subfolder}/{self.image_encoder}"
        if self.on_hub:
            return _OF_ENCODERS.get(encoder, _OF_ENCODERS["models/image_encoder"])
        folder = Path(self.location)
        return _count_weights(folder / self.subfolder / self.weight_name, folder / encoder)


@cache  # the memory of a step is asked for often
def _count_weights(adapter: Path, encoder: Path) -> int:
    total = 0
    for file in (adapter, *encoder.glob("*.safetensors")):
        with suppress(DataError):  # what is wrong with a file is said where it is loaded
            total += sum(prod(shape) for shape in read_header(file, file.name).values())
    return total


class ImagePrompt(Condition):
    """An image prompt: an IP-Adapter gives a real training image to the denoiser beside the text (Ye et al. 2023)."""

    kind: Literal["image-prompt"] = "image-prompt"
    version: ClassVar[int] = 2
    adapter: Adapter = Field(
        examples=[{"id": "h94/IP-Adapter"}],
        description="the IP-Adapter: {path: FOLDER} or {id: OWNER/NAME}, and its files",
    )
    scale: float = Field(0.6, ge=0, le=2, description="the weight of the image against the text; 0 ignores the image")

    @property
    def words(self) -> str:
        return f"an image prompt of scale {self.scale:g}"

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "adapter": self.adapter.model_dump(mode="json", exclude={"path", "id"})}

    def pin(self) -> Pinned[Condition]:
        adapter = pin_folder(self.adapter, "condition.adapter")
        content = adapter.content
        if isinstance(content, dict):  # keys are older than the name for the digest of a folder
            content = content.get("files", content)
        source = self.model_copy(update={"adapter": adapter.source})
        return Pinned(source=source, content={**self.settings, "version": self.version, "weights": content})

    @property
    def added_weights(self) -> int:
        return self.adapter.weights

    def family(self, of: Family) -> Family:
        name = of.pipelines[0]
        if _ARGUMENT not in arguments_of(name) or (not of.is_recorded and of.name not in _WITH_ROWS):
            raise DataError(f"image prompts of {name} are not supported; use an SD or SDXL model")
        return family_of(name, of)

    def prepare(self, pipeline: Any) -> None:
        path_or_id, revision = self.adapter.repository
        try:
            pipeline.load_ip_adapter(
                path_or_id,
                subfolder=self.adapter.subfolder,
                weight_name=self.adapter.weight_name,
                image_encoder_folder=self.adapter.image_encoder,
                **({"revision": revision} if revision else {}),
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise DataError(
                f"cannot load the adapter {self.adapter.location} ({self.adapter.weight_name}) into "
                f"{type(pipeline).__name__}: {redact_line(str(error), 200)}; check subfolder, weight_name and "
                "image_encoder, and that it is made for this model"
            ) from error
        pipeline.set_ip_adapter_scale(self.scale)
        _give_each_its_own(pipeline)

    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        return {_ARGUMENT: [list(images)]}


def _give_each_its_own(pipeline: Any) -> None:
    """Let a pipeline give each generated image the embedding of its own real image.

    The pipelines of diffusers repeat all embeddings once for each image of the batch, and then show all real images to
    each generated one. Without this repetition, embeddings have the shape (1 or, with guidance, 2; N images; ...).
    """
    prepare = pipeline.prepare_ip_adapter_image_embeds
    parameters = inspect.signature(prepare)

    def prepare_rows(*args: Any, **options: Any) -> list[torch.Tensor]:
        given = parameters.bind(*args, **options)
        given.arguments["num_images_per_prompt"] = 1
        return [embeddings.flatten(0, 1)[:, None] for embeddings in prepare(*given.args, **given.kwargs)]

    pipeline.prepare_ip_adapter_image_embeds = prepare_rows
