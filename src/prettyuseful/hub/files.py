"""Fingerprints of model folders, shared by generators, encoders, captioners and transforms; single files of the hub."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from prettyuseful.engine.keys import files_fingerprint
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.ids import split_revision
from prettyuseful.redaction import redact_line

_SUFFIXES = frozenset({".json", ".txt", ".safetensors", ".bin", ".pt", ".model", ".jinja"})
"""Weights, configurations, vocabularies, tokenizer models and chat templates."""

_MAX_CHARACTERS = 200


def model_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a transformers or diffusers model that can change its output, including its subfolders.

    Hidden files and folders such as `.git` and `.cache`, documentation and images are skipped.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and not hidden and path.is_file():
            yield path


def folder_fingerprint(folder: Path) -> str:
    """Return a digest of all files that can change the output of the model. It does not depend on the folder's path."""
    return files_fingerprint(folder, model_files(folder))


def pin_model_source(name: str) -> Pinned[str]:
    """Pin a model folder to the content of its files, or a hub id (`owner/name[@revision]`) to its commit.

    For a hub id, the source of the result names the commit, so that exactly this one is loaded. `content` is a
    dictionary.

    Raises:
        DataError: the hub has no such repository or revision.
    """
    folder = Path(name)
    if folder.is_dir():
        return Pinned(source=name, content={"files": folder_fingerprint(folder)})
    commit = resolve(name)
    return Pinned(source=commit.id, content=commit.content)


def download_file(hub_id: str, file: str) -> Path:
    """Return the path of one file of a hub repository (`owner/name[@revision]`), from the cache if it is there.

    Raises:
        DataError: the file cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, OfflineModeIsEnabled

    repository, revision = split_revision(hub_id)
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)  # its warnings would be printed before our one-line message
    try:
        return Path(hf_hub_download(repository, file, revision=revision))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise DataError(
            f"{file} of {repository} is not on this machine and the hub cannot be reached; run "
            f"`hf download {repository} {file}{f' --revision {revision}' if revision else ''}` with network access, or "
            "give a local file"
        ) from error
    except EntryNotFoundError as error:
        raise DataError(f"{hub_id} has no file {file}; give a local file, or another hub id") from error
    except (OSError, ValueError) as error:
        reason = redact_line(str(error))[:_MAX_CHARACTERS]
        raise DataError(f"cannot download {file} of {hub_id}: {reason}; check the id, or give a local file") from error
    finally:
        logger.setLevel(before)
