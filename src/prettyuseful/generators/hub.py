"""The model hub: what a repository holds, and in one line why it cannot be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prettyuseful.errors import DataError, one_line


def hub_json(repository: str, revision: str | None, file: str) -> dict[str, Any]:
    """A small JSON file of a hub repository, from the cache if it is there.

    Raises:
        DataError: it cannot be had.
    """
    from huggingface_hub import hf_hub_download

    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)  # its warnings would stand before our one line
    try:
        content = json.loads(Path(hf_hub_download(repository, file, revision=revision)).read_text("utf-8"))
        return dict(content)
    except (OSError, ValueError, TypeError) as error:
        if type(error).__name__ in ("EntryNotFoundError", "RemoteEntryNotFoundError"):
            raise DataError(
                f"{repository!r} holds no diffusers pipeline: it has no {file}; name another repository, or a folder"
            ) from error
        raise DataError(why_not(repository, repository, gated=False, error=error)) from error
    finally:
        logger.setLevel(before)


def why_not(name: str, source: str, gated: bool, error: BaseException) -> str:
    """One line for a person: why the model `name` cannot be loaded from `source`, and what to do."""
    kinds = {type(cause).__name__ for cause in _causes(error)}
    text = one_line(str(error))
    cannot = f"cannot load the generator {name!r}: "
    if Path(source).is_dir():
        return f"{cannot}its folder {source} is not whole ({text[:200]}); get the model again"
    # The hub's words on a repository that is not there speak of gated ones too: go by the kind of the error.
    if "GatedRepoError" in kinds or ("gated repo" in text and "RepositoryNotFoundError" not in kinds):
        return (
            f"{cannot}{source} is gated; accept its licence on the model's page, log in with `hf auth login` "
            "or set HF_TOKEN, and run again"
        )
    if kinds & {"RepositoryNotFoundError", "HFValidationError"} or "is not a valid model identifier" in text:
        return f"{cannot}the hub has no repository {source} that you may read; check the id, or log in if it is private"
    if kinds & {"RevisionNotFoundError", "RevisionResolutionError"}:
        return f"{cannot}{source} has no such revision; check what stands behind the @"
    if kinds & _UNREACHABLE or "offline mode" in text or "couldn't connect" in text.lower():
        licence = " (it is gated: accept its licence on the model's page and log in first)" if gated else ""
        return (
            f"{cannot}its weights are not on this machine and the hub cannot be reached; run `hf download {source}` "
            f"where there is a network{licence}, or name a local folder"
        )
    return f"{cannot}{text[:200]}; check {source}, or download it and name its folder"


_UNREACHABLE = {
    "OfflineModeIsEnabled",
    "LocalEntryNotFoundError",
    "IncompleteSnapshotError",
    "ConnectionError",
    "ConnectError",
    "ConnectTimeout",
    "gaierror",
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
