"""Reads small files of Hugging Face Hub repositories, and explains loading errors in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.generators.files import FolderFiles, PipelineFiles
from prettyuseful.hub.commits import list_files
from prettyuseful.paths import is_folder
from prettyuseful.redaction import redact_line
from prettyuseful.untrusted_text import MAX_JSON_BYTES, read_text


@dataclass(frozen=True)
class HubFiles(PipelineFiles):
    """The files of a hub repository, from the cache if they are there."""

    repository: str
    revision: str | None

    def read(self, file: str) -> str:
        from huggingface_hub import hf_hub_download

        logger = logging.getLogger("huggingface_hub")
        before = logger.level
        logger.setLevel(logging.ERROR)  # its warnings would be printed before our one-line message
        try:
            return read_text(Path(hf_hub_download(self.repository, file, revision=self.revision)), MAX_JSON_BYTES)
        finally:
            logger.setLevel(before)

    def names(self, cached: bool = True) -> list[str]:
        return list_files(self.repository, self.revision, cached)

    def explain(self, file: str, error: Exception) -> str:
        if type(error).__name__ in ("EntryNotFoundError", "RemoteEntryNotFoundError"):
            return (
                f"{self.repository!r} is not a diffusers pipeline: it has no {file}; give another repository, or "
                "name the model that its weights are for: generator: {model: MODEL, lora: ID} for LoRA weights, or "
                "{model: MODEL, single_file: {id: ID, file: FILE}}"
            )
        return explain_load_error(self.repository, self.repository, gated=False, error=error)


def files_at(path_or_id: str, revision: str | None = None) -> PipelineFiles:
    """Return the small files of a folder or of a hub repository."""
    return FolderFiles(Path(path_or_id)) if is_folder(path_or_id) else HubFiles(path_or_id, revision)


def explain_load_error(name: str, source: str, gated: bool, error: BaseException) -> str:
    """Return one line: why the model `name` cannot be loaded from `source` (a hub id or a folder), and what to do."""
    error_names = {type(cause).__name__ for cause in _error_chain(error)}
    text = redact_line(str(error))
    prefix = f"cannot load the generator {name!r}: "
    if is_folder(source):
        return f"{prefix}its folder {source} is incomplete ({text[:200]}); download the model again"
    # The hub's message about a missing repository mentions gated ones too, so the type of the error decides.
    if "GatedRepoError" in error_names or ("gated repo" in text and "RepositoryNotFoundError" not in error_names):
        return (
            f"{prefix}{source} is gated; accept its licence on the model's page, log in with `hf auth login` "
            "or set HF_TOKEN, and run again"
        )
    if error_names & {"RepositoryNotFoundError", "HFValidationError"} or "is not a valid model identifier" in text:
        return (
            f"{prefix}the hub has no repository {source} that you can access; check the id, or log in if it is private"
        )
    if error_names & {"RevisionNotFoundError", "RevisionResolutionError"}:
        return f"{prefix}{source} has no such revision; check the revision after the @"
    if error_names & _UNREACHABLE or "offline mode" in text or "couldn't connect" in text.lower():
        licence = " (it is gated: accept its licence on the model's page and log in first)" if gated else ""
        return (
            f"{prefix}its weights are not on this machine and the hub cannot be reached; run `hf download {source}` "
            f"with network access{licence}, or give a local folder"
        )
    return f"{prefix}{text[:200]}; check the id {source}, or download the model and give its folder"


_UNREACHABLE = {
    "OfflineModeIsEnabled",
    "LocalEntryNotFoundError",
    "IncompleteSnapshotError",
    "ConnectionError",
    "ConnectError",
    "ConnectTimeout",
    "gaierror",
}


def _error_chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
