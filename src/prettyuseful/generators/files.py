"""The small files of a pipeline: its index, configurations and model card, in a folder or on the hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prettyuseful.errors import DataError
from prettyuseful.paths import is_file
from prettyuseful.redaction import redact_line
from prettyuseful.untrusted_text import MAX_JSON_BYTES, load_json, read_text

INDEX = "model_index.json"
"""The file that names the components of a pipeline."""


def is_pipeline_folder(name: str) -> bool:
    """Return whether a folder of this machine is a diffusers pipeline."""
    return is_file(Path(name) / INDEX)


class PipelineFiles(ABC):
    """Reads the small files of a pipeline by their names within it, such as `unet/config.json`."""

    @abstractmethod
    def read(self, file: str) -> str:
        """Return the text of a file.

        Raises:
            OSError, ValueError: it cannot be read.
        """

    @abstractmethod
    def explain(self, file: str, error: Exception) -> str:
        """Return one line on why a file cannot be read, and what to do."""

    @abstractmethod
    def names(self, cached: bool = True) -> list[str]:
        """Return the names of the files of its components, such as `unet/config.json`; none if they are unknown.

        `cached`: whether those on this machine are returned where the hub cannot be asked for all.
        """

    def json(self, file: str) -> dict[str, Any]:
        """Return the content of a JSON file.

        Raises:
            DataError: it cannot be read, or is no JSON object.
        """
        try:
            return dict(load_json(self.read(file)))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(self.explain(file, error)) from error

    def json_if_readable(self, file: str) -> dict[str, Any]:
        """Return the content of a JSON file, or nothing if it cannot be read."""
        try:
            return self.json(file)
        except DataError:
            return {}

    def text_if_readable(self, file: str) -> str:
        """Return a text, or nothing if it cannot be read."""
        try:
            return self.read(file)
        except (OSError, ValueError):
            return ""


@dataclass(frozen=True)
class FolderFiles(PipelineFiles):
    """The files of a folder."""

    folder: Path

    def read(self, file: str) -> str:
        return read_text(self.folder / file, MAX_JSON_BYTES)

    def explain(self, file: str, error: Exception) -> str:
        return f"cannot read {self.folder / file}: {redact_line(str(error))}; download the model again"

    def names(self, cached: bool = True) -> list[str]:  # noqa: ARG002
        return [f"{path.parent.name}/{path.name}" for path in self.folder.glob("*/*")]
