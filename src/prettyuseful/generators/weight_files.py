"""Safetensors files that a generator names: where they are, what their headers say, and their content for keys."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import DataError
from prettyuseful.generators.choice import WeightFile
from prettyuseful.generators.weight_headers import Header, read_header
from prettyuseful.generators.weights import LORA_NAME
from prettyuseful.hub.commits import UNRESOLVED, list_files, resolve
from prettyuseful.hub.files import download_file
from prettyuseful.hub.ids import WEIGHTS
from prettyuseful.paths import is_file, is_folder

PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
_MAX_NAMES = 8  # of files in a message

FileT = TypeVar("FileT", bound=WeightFile)


@dataclass(frozen=True)
class PinnedFile:
    """What identifies a weight file, and its header; None if the hub cannot be asked for it."""

    content: JsonValue
    header: Header | None


def pin_file(file: FileT, field: str) -> tuple[FileT, PinnedFile]:
    """Find a weight file, and return it with an absolute path or with a commit and a file name.

    Args:
        file: as the study names it.
        field: the name of its field in messages.

    Raises:
        DataError: there is no such file, it is a pickle or no safetensors file, or its folder holds several.
    """
    if file.on_hub:
        found = _on_hub(file, field)
        commit = resolve(found.location)
        content: JsonValue = {**commit.content, "file": found.file}
        return found, PinnedFile(content, _header_on_hub(commit.repository, commit.sha, str(found.file)))
    path = _local_file(file, field)
    found = file.model_copy(update={"path": str(path), "file": None})
    return found, PinnedFile({"sha256": file_sha256(path)}, read_header(path, f"{field}: {found.shown}"))


def local_path(file: WeightFile) -> Path:
    """Return the path of a pinned file, after it is downloaded if it is on the hub.

    Raises:
        DataError: it cannot be downloaded, or is not on this machine.
    """
    if file.on_hub:
        return download_file(file.location, str(file.file))
    path = Path(file.location)
    if not is_file(path):
        raise DataError(f"{file.shown} is not on this machine; workers read the same paths as the command")
    return path


def _local_file(file: WeightFile, field: str) -> Path:
    path = Path(file.location)
    if is_folder(path):
        found = sorted(part.name for part in path.iterdir() if part.suffix == WEIGHTS)
        name = _one_of(found, [part.name for part in path.iterdir()], file, field)
        path = path / name
    elif file.file:
        raise DataError(f"{field}: {file.location} is not a folder, so file has no effect; remove file")
    if path.suffix.lower() in PICKLES:
        raise DataError(_pickle(field, path.name))
    if not is_file(path):
        raise DataError(f"{field}: no such file {file.location}; expected a .safetensors file, a folder or a hub id")
    return path.resolve()


def _on_hub(file: FileT, field: str) -> FileT:
    commit = resolve(file.location)
    names = list_files(commit.repository, None if commit.sha == UNRESOLVED else commit.sha)
    if not names:
        raise DataError(
            f"{field}: {file.location} is not on this machine and the hub cannot be reached; run "
            f"`hf download {commit.repository}` with network access, or give a local file"
        )
    name = _one_of(sorted(name for name in names if name.endswith(WEIGHTS)), names, file, field)
    return file.model_copy(update={"path": None, "id": commit.id, "file": name})


def _one_of(found: list[str], names: list[str], file: WeightFile, field: str) -> str:
    """Return the one safetensors file that is meant."""
    listed = ", ".join(found[:_MAX_NAMES]) + (", ..." if len(found) > _MAX_NAMES else "")
    if file.file is not None:
        if Path(file.file).suffix.lower() in PICKLES:
            raise DataError(_pickle(field, file.file))
        if file.file not in found:
            raise DataError(f"{field}: {file.location} has no file {file.file}; its files: {listed or 'none'}")
        return file.file
    if len(found) == 1 or LORA_NAME in found:
        return found[0] if len(found) == 1 else LORA_NAME
    if found:
        raise DataError(f"{field}: {file.location} has several files; name one in file: {listed}")
    if pickles := [name for name in names if Path(name).suffix.lower() in PICKLES]:
        raise DataError(_pickle(field, pickles[0]))
    raise DataError(f"{field}: {file.location} holds no .safetensors file")


def _pickle(field: str, name: str) -> str:
    return (
        f"{field}: {name} is a pickle, which can run code when it is read; convert it to .safetensors, for example by "
        "safetensors.torch.save_file(torch.load(file, weights_only=True), ...)"
    )


def _header_on_hub(repository: str, sha: str, file: str) -> Header | None:
    """Return the header of a file of the hub: of the cached file, or else read from the hub without the tensors."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, file, revision=sha)
    if isinstance(cached, str):
        return read_header(Path(cached), f"{repository}/{file}")
    if constants.HF_HUB_OFFLINE:
        return None
    try:
        metadata = HfApi().parse_safetensors_file_metadata(repository, file, revision=sha)
        return {name: tuple(tensor.shape) for name, tensor in metadata.tensors.items()}
    except Exception:  # a network can fail in many ways; the file is checked again where it is loaded
        logging.getLogger(__name__).debug("the hub does not answer", exc_info=True)
        return None
