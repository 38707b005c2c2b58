"""Image prompts: an IP-Adapter shows a real image to the denoiser beside the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from PIL import Image
from pydantic import Field, model_validator

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.conditions.pipelines import arguments_of, family_of
from prettyuseful.generators.families import Family
from prettyuseful.generators.locations import Location, pin_folder
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.redaction import redact_line

_ARGUMENT = "ip_adapter_image"
_WITH_ROWS = ("sd", "sdxl")  # the families for which this is tested


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


class ImagePrompt(Condition):
    """An image prompt: an IP-Adapter gives a real training image to the denoiser beside the text (Ye et al. 2023)."""

    kind: Literal["image-prompt"] = "image-prompt"
    one_by_one: ClassVar[bool] = True  # several images would all be shown to each generated one
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

    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        [image] = images
        return {_ARGUMENT: image}
