"""Which models LoRA weights are for, by the names and shapes of their tensors: those of kohya, PEFT and diffusers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from prettyuseful.errors import DataError
from prettyuseful.generators.model import Model
from prettyuseful.generators.models import pipeline_path
from prettyuseful.generators.weight_headers import Header, read_header
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.paths import is_folder


@dataclass(frozen=True)
class LoraKind:
    """Models whose LoRA weights have the same names.

    Attributes:
        name: of the models, for messages.
        block: a name that other models do not have.
        pattern: of that name, in names of modules whose dots are written as underscores.
        denoiser: the component of the pipeline.
        families: families that have such blocks, or classes of pipelines without a family; empty if they are not known.
        width: number of values of a token that the layers `attn2_to_k` read; 0 if it does not matter.
    """

    name: str
    block: str
    pattern: str
    denoiser: str
    families: tuple[str, ...] = ()
    width: int = 0


_CROSS = r"attn2_to_k"
# The first row that fits counts. Names are those of the checkpoints of vendors, of diffusers, and of kohya's scripts.
KINDS: tuple[LoraKind, ...] = (
    LoraKind("FLUX", "double_blocks", r"(^|_)double_blocks_\d", "transformer", ("flux",)),
    LoraKind("FLUX", "single_transformer_blocks", r"(^|_)single_transformer_blocks_\d", "transformer", ("flux",)),
    LoraKind("Stable Diffusion 3", "joint_blocks", r"(^|_)joint_blocks_\d", "transformer", ("sd3",)),
    LoraKind("Qwen-Image", "img_mlp", r"transformer_blocks_\d+_(img|txt)_(mlp|mod)", "transformer", ("qwen-image",)),
    LoraKind("Lumina 2 or Z-Image", "context_refiner", r"(^|_)(noise|context)_refiner_\d", "transformer", ("lumina2",)),
    LoraKind(
        "HiDream",
        "double_stream_blocks",
        r"(^|_)(double|single)_stream_blocks_\d",
        "transformer",
        ("HiDreamImagePipeline",),
    ),
    LoraKind("Wan", "blocks.self_attn", r"(^|_)blocks_\d+_(self|cross)_attn", "transformer"),
    LoraKind("SDXL", "attn2 of 2048 inputs", _CROSS, "unet", ("sdxl",), 2048),
    LoraKind("Stable Diffusion 2", "attn2 of 1024 inputs", _CROSS, "unet", ("sd",), 1024),
    LoraKind("Stable Diffusion 1", "attn2 of 768 inputs", _CROSS, "unet", ("sd",), 768),
    LoraKind("a model with a U-Net", "down_blocks", r"(^|_)(down|up)_blocks_\d", "unet", ("sd", "sdxl")),
    LoraKind("a model with a U-Net", "input_blocks", r"(^|_)(input|output)_blocks_\d", "unet", ("sd", "sdxl")),
)
_PARTS = re.compile(
    r"(?P<module>.+?)(?:\.|_)(?P<part>lora_A|lora_B|lora_down|lora_up|lora\.down|lora\.up|lora_linear_layer\.down|"
    r"lora_linear_layer\.up|lokr_w\d\w*|hada_w\d_[ab]|dora_scale)(?:\.default)?(?:\.weight|\.bias)?$"
)
_PREFIX = re.compile(
    r"^(?:base_model\.model\.|diffusion_model\.|model\.diffusion_model\.|unet\.|transformer\.|lora_unet_)"
)
_TEXT = re.compile(r"^(?:text_encoders?(?:_\d)?\.|lora_te\d?_|te\d?_|conditioner\.|base_model\.model\.text_encoder)")
_DOWN, _UP = ("lora_A", "down"), ("lora_B", "up")


class LoraTensor(NamedTuple):
    """A tensor: the module that it changes, its part such as `lora_A`, and its shape."""

    module: str
    part: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LoraWeights:
    """What the header of LoRA weights says: the modules of text encoders and of the denoiser that they change."""

    text: tuple[LoraTensor, ...]
    image: tuple[LoraTensor, ...]

    @property
    def kind(self) -> LoraKind | None:
        """The models that they are for; None if their names are not known."""
        modules = [(module.replace(".", "_"), part, shape) for module, part, shape in self.image]
        for row in KINDS:
            pattern = re.compile(row.pattern)
            for module, part, shape in modules:
                if pattern.search(module) and (not row.width or (part.endswith(_DOWN) and shape[1:2] == (row.width,))):
                    return row
        return None


def read_lora(header: Header, name: str) -> LoraWeights:
    """Return the parts of a model that LoRA weights change.

    Raises:
        DataError: these are no LoRA weights; `name` is that in the message.
    """
    text: list[LoraTensor] = []
    image: list[LoraTensor] = []
    for key, shape in header.items():
        if match := _PARTS.match(key):
            module = match["module"]
            for_text = _TEXT.match(module) is not None
            (text if for_text else image).append(LoraTensor(_module_name(module), match["part"], shape))
    if not text and not image:
        first = min(header, default="nothing")
        raise DataError(
            f"{name} is not a LoRA: none of its {len(header)} tensors is one (the first is {first[:80]}); a whole "
            "model in one file goes into single_file"
        )
    return LoraWeights(tuple(text), tuple(image))


def check_lora(weights: LoraWeights, model: Model, name: str) -> None:
    """Check that LoRA weights are for a model: by their names, and by their shapes if its files are on this machine.

    Raises:
        DataError: they are for another one, or a shape differs.
    """
    kind = weights.kind
    if kind is not None and not _fits(kind, model):
        raise DataError(f"{name}: this LoRA is for {kind.name}; {model.family} has no block {kind.block}")
    if layers := _layers(model):
        check_shapes(weights.image, layers, model, name)


def check_shapes(parts: tuple[LoraTensor, ...], layers: Mapping[str, tuple[int, ...]], model: Model, name: str) -> None:
    """Check the names and shapes of LoRA weights against the weights of a network, by module.

    Raises:
        DataError: the network has no such module, or the module has another shape.
    """
    flat = {module.replace(".", "_"): shape for module, shape in layers.items()}
    for module, part, shape in parts:
        weight = flat.get(module.replace(".", "_"))
        if weight is None:
            if _is_original(module):  # names of the vendor's checkpoint, which diffusers translates
                continue
            raise DataError(f"{name}: {model.id} has no block {module}, so this LoRA is for another model")
        is_down, is_up = part.endswith(_DOWN), part.endswith(_UP)
        if (is_down and shape[1:2] != weight[1:2]) or (is_up and shape[:1] != weight[:1]):
            raise DataError(
                f"{name}: this LoRA is for another size of model: its {module} is for "
                f"{shape[1] if is_down else shape[0]} {'inputs' if is_down else 'outputs'}, and that of {model.id} has "
                f"{weight[1] if is_down else weight[0]}"
            )


def _fits(kind: LoraKind, model: Model) -> bool:
    if model.kind.is_recorded and not any(model.family in row.families for row in KINDS):
        return model.kind.denoiser.removeprefix("prior_") in (kind.denoiser, "")
    return model.family in kind.families or (model.family == "sdxl-refiner" and "sdxl" in kind.families)


def _module_name(key: str) -> str:
    """Return the name of a module within its network: older files of diffusers name the attention processor, too."""
    return re.sub(r"\.to_out$", ".to_out.0", _PREFIX.sub("", key).replace(".processor.", "."))


def _is_original(module: str) -> bool:
    flat = module.replace(".", "_")
    return re.search(r"(^|_)(input|output|middle|double|single|joint)_blocks?_\d", flat) is not None


def _layers(model: Model) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a model's denoiser by module, if its files are on this machine."""
    name = model.kind.denoiser
    if (other := model.components.get(name)) is not None:
        return {} if other.on_hub else dict(_weights_in(Path(other.location) / other.folder_of(name)))
    with pipeline_path(model.source) as path_or_id:
        folder = Path(path_or_id) / name
        if not name or not is_folder(folder):
            return {}
        return dict(_weights_in(folder))


def _weights_in(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in sorted(folder.glob(f"*{WEIGHTS}")):
        for name, shape in read_header(path, path.name).items():
            if name.endswith(".weight"):
                yield name.removesuffix(".weight"), shape
