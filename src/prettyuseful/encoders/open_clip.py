"""HPS v2.1: a checkpoint of OpenCLIP, loaded into the CLIP model of the transformers library."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate, pad
from transformers import AutoProcessor, CLIPConfig, CLIPModel

from prettyuseful.encoders.hub import Clip
from prettyuseful.encoders.table import CLIP_H_14
from prettyuseful.errors import DataError
from prettyuseful.hub.files import download_file
from prettyuseful.hub.ids import split_revision
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.hub.pretrained import model_label
from prettyuseful.numerics import Numerics
from prettyuseful.paths import is_folder
from prettyuseful.redaction import redact_line

CHECKPOINT = "HPS_v2.1_compressed.pt"
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_MAX_CHARACTERS = 200
_MISSING = (
    f"give the hub id xswu/HPSv2, or a folder with {CHECKPOINT} and the configuration and tokenizer files of "
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
)


class HumanPreference(Clip):
    """The CLIP ViT-H/14 of HPS v2.1 (Wu et al. 2023), from the authors' file; code in the file is not executed.

    The long side of an image is resized to the input size (bicubic, with anti-aliasing), and black is added to the
    short side, as in the authors' code.

    Args:
        path_or_id: a folder with the checkpoint, `config.json`, and the tokenizer; or a hub id with the checkpoint,
            where the others come from the CLIP model that it was trained from.
        numerics: the device.

    Raises:
        DataError: a file is missing, cannot be read, or has other weights.
    """

    def __init__(self, path_or_id: str, numerics: Numerics) -> None:
        label, of_folder = model_label(path_or_id), is_folder(path_or_id)
        file = Path(path_or_id, CHECKPOINT) if of_folder else download_file(path_or_id, CHECKPOINT)
        base, revision = split_revision(path_or_id if of_folder else str(CLIP_H_14.processor))
        try:
            with capture_library_logs():
                config = CLIPConfig.from_pretrained(base, revision=revision)
                self.processor = AutoProcessor.from_pretrained(base, revision=revision, trust_remote_code=False)
                network = CLIPModel(config)
        except Exception as error:  # a library may raise any error on a user's folder
            reason = redact_line(str(error), _MAX_CHARACTERS)
            raise DataError(f"cannot load the encoder {label!r}: {reason}; {_MISSING}") from error
        _load(network, file)
        self._use(network.float(), numerics)
        self.size = int(config.vision_config.image_size)

    def _preprocess(self, image: np.ndarray) -> torch.Tensor:
        return fit_into_square(image, self.size)


def fit_into_square(image: np.ndarray, size: int) -> torch.Tensor:
    """Turn an image (H, W, 3) uint8 into a normalised tensor (3, size, size), with black borders if it is no square."""
    values = torch.tensor(image).permute(2, 0, 1).float().div_(255)
    height, width = image.shape[:2]
    scale = size / max(height, width)
    if scale != 1:
        target = max(1, round(height * scale)), max(1, round(width * scale))
        values = interpolate(values[None], target, mode="bicubic", align_corners=False, antialias=True)[0]
    below, beside = size - values.shape[1], size - values.shape[2]
    values = pad(values, (beside // 2, beside - beside // 2, below // 2, below - below // 2))
    return (values - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_DEVIATION)[:, None, None]


def _load(network: CLIPModel, file: Path) -> None:
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True)
        state = content.get("state_dict", content)
        network.load_state_dict(dict(_converted(state)))
    except OSError as error:
        raise DataError(f"cannot read the weights {file}: {error.strerror or error}; {_MISSING}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{file} does not hold the weights of HPS v2.1 ({redact_line(str(error), _MAX_CHARACTERS)}); {_MISSING}"
        ) from error


_NAMES = {
    "logit_scale": "logit_scale",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
}
_PROJECTIONS = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
_TRANSFORMERS = {
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "transformer.resblocks.": "text_model.encoder.layers.",
}
_PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def _converted(state: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights of OpenCLIP by their names in `CLIPModel`. Other names are kept, and fail to load."""
    for name, tensor in state.items():
        stem, dot, kind = name.rpartition(".")
        prefix = next((prefix for prefix in _TRANSFORMERS if name.startswith(prefix)), None)
        if name in _NAMES:
            yield _NAMES[name], tensor
        elif name in _PROJECTIONS:
            yield _PROJECTIONS[name], tensor.T.contiguous()
        elif stem in _NAMES:
            yield f"{_NAMES[stem]}{dot}{kind}", tensor
        elif prefix is not None:
            layer, _, part = name.removeprefix(prefix).partition(".")
            yield from _converted_block(f"{_TRANSFORMERS[prefix]}{layer}.", part, tensor)
        elif name != "attn_mask":  # a constant
            yield name, tensor


def _converted_block(prefix: str, part: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield a weight of a layer; those of query, key and value are one tensor in OpenCLIP."""
    stem, _, kind = part.rpartition(".")
    if part in ("attn.in_proj_weight", "attn.in_proj_bias"):
        for which, third in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{prefix}self_attn.{which}_proj.{part.removeprefix('attn.in_proj_')}", third
    else:
        yield f"{prefix}{_PARTS.get(stem, stem)}.{kind}", tensor
