"""Puts the components of a pipeline that lie in several places into one folder of links, as diffusers saves a pipeline.

What is on the hub is downloaded at its commit: small files of every repository, and weights only of the components that
are loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prettyuseful.errors import DataError
from prettyuseful.generators.components import PRIOR, is_component
from prettyuseful.generators.files import INDEX, FolderFiles
from prettyuseful.generators.hub import explain_load_error
from prettyuseful.generators.model import Source
from prettyuseful.generators.models import pipeline_path
from prettyuseful.generators.pipelines import component_names
from prettyuseful.generators.variants import DEFAULT, weights_of_variant
from prettyuseful.hub.commits import list_files
from prettyuseful.paths import is_folder

SMALL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
"""Configurations and tokenizers of a repository."""
_CLASSES = ("config.json", "scheduler_config.json")  # the files of diffusers that name the class of a component


@dataclass(frozen=True)
class _Place:
    """A folder or a hub repository; `model` is for messages."""

    model: str
    path_or_id: str
    revision: str | None = None
    gated: bool = False

    @cached_property
    def folder(self) -> Path:
        """The folder with the small files, which are downloaded if it is on the hub.

        Raises:
            DataError: they cannot be downloaded.
        """
        return self._download(SMALL_FILES)

    @cached_property
    def index(self) -> Mapping[str, Any]:
        """The index of its pipeline; empty if it is none."""
        return FolderFiles(self.folder).json_if_readable(INDEX)

    def download_weights(self, folder: str, variant: str) -> None:
        """Download the weights of a component, whose folder is empty if it is the whole repository.

        Raises:
            DataError: they cannot be downloaded.
        """
        if not is_folder(self.path_or_id):
            own = [file for file in self._files if file.rpartition("/")[0] == folder]
            self._download(weights_of_variant(own, variant))

    @cached_property
    def _files(self) -> list[str]:
        return list_files(self.path_or_id, self.revision)

    def _download(self, names: Iterable[str]) -> Path:
        if is_folder(self.path_or_id):
            return Path(self.path_or_id).absolute()
        from huggingface_hub import snapshot_download

        try:
            return Path(snapshot_download(self.path_or_id, revision=self.revision, allow_patterns=list(names)))
        except (OSError, ValueError) as error:
            raise DataError(explain_load_error(self.model, self.path_or_id, self.gated, error)) from error


@dataclass(frozen=True)
class _Part:
    """A component: where it is, and its folder there, empty for the whole."""

    place: _Place
    folder: str

    @property
    def path(self) -> Path:
        return self.place.folder / self.folder

    def kind(self, name: str, replaced: Any, expected: Iterable[Any]) -> list[Any]:
        """Return its module and class, as an index has them.

        Args:
            name: of the component; a folder may hold a network and its tokenizer.
            replaced: those of the component that it replaces, if there is one.
            expected: the types that the pipeline expects.
        """
        import diffusers
        import transformers

        files, is_tokenizer = FolderFiles(self.path), "tokenizer" in name
        for file in () if is_tokenizer else _CLASSES:
            if hasattr(diffusers, found := str(files.json_if_readable(file).get("_class_name"))):
                return ["diffusers", found]
        for entry in (self.place.index.get(self.folder), replaced):
            if is_component(entry):
                return list(entry)
        tokenizer = str(files.json_if_readable("tokenizer_config.json").get("tokenizer_class"))
        if is_tokenizer and hasattr(transformers, tokenizer):
            return ["transformers", tokenizer]
        classes = (kind for kind in expected if isinstance(kind, type) and kind is not type(None))
        return next(([kind.__module__.partition(".")[0], kind.__name__] for kind in classes), [None, None])

    def link_to(self, path: Path) -> None:
        """Make `path` the folder of the component; again after more files of it were downloaded."""
        if self.folder:
            if not path.is_symlink():
                path.symlink_to(self.path, target_is_directory=True)
            return
        path.mkdir(exist_ok=True)
        for file in self.path.iterdir():
            # diffusers expects a dot in the name of every file, and a whole repository has others.
            if file.is_file() and "." in file.name and not (path / file.name).exists():
                (path / file.name).symlink_to(file.resolve())


@dataclass(frozen=True)
class OpenedPipeline:
    """What a pipeline is loaded from: a folder, or a hub id and its revision.

    `parts`: its components, if they lie in several places; `others`: the names of those that are not in its own.
    """

    source: Source
    path_or_id: str
    revision: str | None
    parts: Mapping[str, _Part] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def config_folder(self) -> Path:
        """The folder with its configurations and tokenizers, which are downloaded if it is on the hub.

        Raises:
            DataError: they cannot be downloaded.
        """
        return _Place(self.source.name, self.path_or_id, self.revision, self.source.gated).folder

    def download(self, names: Iterable[str], variant: str | None) -> None:
        """Download the weights of some components, which diffusers does itself if there is one place.

        Raises:
            DataError: they cannot be downloaded.
        """
        for name in names:
            if (part := self.parts.get(name)) is not None:
                part.place.download_weights(part.folder, variant or DEFAULT)
                part.link_to(Path(self.path_or_id) / name)

    def explain(self, error: BaseException) -> str:
        """Return one line on why a component cannot be loaded."""
        names = sorted(self.parts, key=len, reverse=True)  # one name may begin with another one
        blamed = next((name for name in names if f"{self.path_or_id}/{name}" in str(error)), None)
        place = self.source if blamed is None or blamed not in self.others else self.parts[blamed].place
        return explain_load_error(self.source.name, place.path_or_id, place.gated, error)


@contextmanager
def open_pipeline(source: Source, pipeline_class: Any) -> Iterator[OpenedPipeline]:
    """Yield what a pipeline of a class is loaded from.

    Raises:
        DataError: the small files of a repository cannot be downloaded, or a folder is no pipeline.
    """
    with pipeline_path(source) as path_or_id:
        if not source.components:
            yield OpenedPipeline(source, path_or_id, source.revision)
            return
        with TemporaryDirectory(prefix="pipeline-") as folder:
            own = _Place(source.name, path_or_id, source.revision, source.gated)
            parts = _parts(source, own, pipeline_class)
            expected = pipeline_class._get_signature_types()
            kinds = {
                name: own.index[name]
                if part.place is own
                else part.kind(name, own.index.get(name), expected.get(name, ()))
                for name, part in parts.items()
            }
            index = {**own.index, "_class_name": pipeline_class.__name__, **kinds}
            Path(folder, INDEX).write_text(json.dumps(index), "utf-8")
            for name, part in parts.items():
                part.link_to(Path(folder, name))
            others = tuple(name for name, part in parts.items() if part.place is not own)
            yield OpenedPipeline(source, folder, None, parts, others)


def _parts(source: Source, own: _Place, pipeline_class: Any) -> Mapping[str, _Part]:
    """Return the components of a pipeline: its own, those of its prior, and those that replace them."""
    parts = {name: _Part(own, name) for name, entry in own.index.items() if is_component(entry)}
    names = component_names(pipeline_class.__name__)
    places: dict[tuple[str, str | None], _Place] = {}
    for name, component in sorted(source.components.items(), key=lambda item: item[0] != PRIOR):
        gated = name in source.gated_components
        place = places.setdefault(component.repository, _Place(source.name, *component.repository, gated))
        if name != PRIOR:
            parts[name] = _Part(place, component.folder_of(name))
            continue
        for part, entry in place.index.items():
            if f"{PRIOR}_{part}" in names and is_component(entry):
                parts[f"{PRIOR}_{part}"] = _Part(place, part)
    return parts
