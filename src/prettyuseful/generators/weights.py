"""Recognise weights that are no generator by themselves, and say how a study uses them."""

from __future__ import annotations

import re
from pathlib import Path

from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.generators.files import INDEX
from prettyuseful.paths import is_file, is_folder

_SINGLE_FILES = frozenset({".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf"})
LORA_NAME = "pytorch_lora_weights.safetensors"
"""The name that diffusers gives to a file with LoRA weights."""
_LORA_FILES = (LORA_NAME, "pytorch_lora_weights.bin", "adapter_config.json")
_LORA_KEYS = re.compile(r'\.lora[._](?:A|B|up|down|linear_layer)|"lora_|\.lora\b|_lora\.', re.I)
_MAX_HEADER = 1 << 25  # bytes of the header of a safetensors file that are searched for the names of LoRA weights
_MAX_ENTRIES = 10_000  # of a folder
_URL = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<path>[^?#]+)", re.I)
_ANY_URL = re.compile(r"https?://", re.I)

_SINGLE_FILE = "name the model that it was made from: generator: {model: MODEL, single_file: FILE}"
_LORA = "name its base model: generator: {model: MODEL, lora: FILE}"


def unsupported_weights(name: str) -> str | None:
    """Return one line on why a generator of this name cannot be loaded and what to do, or None.

    This recognises addresses of web pages, single-file checkpoints, LoRA weights, and folders of these.
    """
    if _ANY_URL.match(name) or _URL.match(name):
        return _explain_url(name)
    path, shown = Path(name), printable(name)
    if path.suffix.lower() in _SINGLE_FILES and not is_folder(path):
        if not is_file(path):
            return f"{shown}: no such file; for a checkpoint in one file, {_SINGLE_FILE}"
        if _holds_lora(path):
            return f"{shown} holds LoRA weights, which are not a whole model; {_LORA}"
        return f"{shown} is a checkpoint in one file, which does not say how it is used; {_SINGLE_FILE}"
    if not is_folder(path) or (path / INDEX).exists():
        return None
    if any((path / file).is_file() for file in _LORA_FILES):
        return f"{shown} holds LoRA weights, which are not a whole model; {_LORA}"
    if weights := _single_files(path):
        if _holds_lora(path / weights[0]):
            return f"{shown} holds LoRA weights ({printable(weights[0])}), which are not a whole model; {_LORA}"
        return (
            f"{shown} holds checkpoints in one file ({printable(weights[0])}) and no model_index.json, so it is not a "
            f"diffusers pipeline; {_SINGLE_FILE}"
        )
    return None


def _explain_url(name: str) -> str:
    match = _URL.match(name)
    parts = [part for part in match["path"].split("/") if part] if match else []
    if len(parts) < 2 or parts[0] in ("datasets", "spaces"):
        return f"{printable(name)} is not the address of a model on the hub; give a hub id such as owner/name"
    hub_id = "/".join(parts[:2])
    if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve") and parts[3] != "main":
        hub_id += f"@{parts[3]}"
    if Path(parts[-1]).suffix.lower() in _SINGLE_FILES:
        return (
            f"{printable(name)} is a single file of a hub repository; give {printable(hub_id)} if the repository is a "
            f"diffusers pipeline, or {_SINGLE_FILE}"
        )
    return f"{printable(name)} is an address; give the hub id instead: {printable(hub_id)}"


def _single_files(folder: Path) -> list[str]:
    """Return the names of weight files in a folder that has no images of its own."""
    try:
        entries = sorted(entry.name for _, entry in zip(range(_MAX_ENTRIES), folder.iterdir(), strict=False))
    except OSError:
        return []
    return [name for name in entries if Path(name).suffix.lower() in _SINGLE_FILES]


def _holds_lora(file: Path) -> bool:
    """Return whether the names in the header of a safetensors file are those of LoRA weights."""
    if file.suffix.lower() != ".safetensors":
        return False
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            header = opened.read(min(size, _MAX_HEADER)).decode("utf-8", "replace")
    except OSError:
        return False
    return _LORA_KEYS.search(header) is not None
