"""A task from an ImageFolder tree: `train/<class>/*` and `test/<class>/*`. The folder's name is the class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.errors import DataError
from prettyuseful.keys import files_fingerprint
from prettyuseful.tasks.base import Split, too_few

_NAMED = 5  # broken files named in one error
_SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True)
class FolderTask:
    """Real images in folders. A recipe looks at their centred squares, at the size that it stores.

    Every file is an image or an error: nothing is silently dropped, but files whose names begin with a dot.

    Raises:
        DataError: a split or class is missing or empty, or train and test name different classes.
    """

    root: Path
    licence: str = "not stated"

    def __post_init__(self) -> None:
        listed = {split: sorted(self._files[split]) for split in _SPLITS}
        for split in _SPLITS:
            for name in listed[split]:
                if not self._files[split][name]:
                    raise DataError(
                        f"class folder {self.root / split / name} is empty; add images or remove the folder"
                    )
        odd = sorted(set(listed["train"]) ^ set(listed["test"]))
        if odd:
            missing = [f"{name} (not in {'test' if name in listed['train'] else 'train'})" for name in odd]
            raise DataError(f"train and test of {self.root} differ in their classes: {', '.join(missing[:5])}")
        if len(listed["train"]) < 2:
            raise DataError(
                f"{self.root / 'train'} has {len(listed['train'])} class folders; a task needs at least two"
            )

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def source(self) -> str:
        return f"folder {self.root.name}"

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(self._files["train"]))

    def fingerprint(self) -> str:
        return self._fingerprint

    def available(self, split: Split) -> int:
        return min(len(files) for files in self._files[split].values())

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few(self, split, per_class))
        broken: list[str] = []
        for label, name in enumerate(self.classes):
            for index, path in enumerate(self._files[split][name]):
                data = path.read_bytes()
                try:
                    decode(
                        data, str(path)
                    )  # every file, also those past `per_class`: a broken one is named, not skipped
                except DataError as error:
                    broken.append(str(error))
                    continue
                if index < per_class and not broken:
                    relative = path.relative_to(self.root).as_posix()
                    yield Row(data, relative, label, group=relative)
        if broken:
            more = f" (and {len(broken) - _NAMED} more)" if len(broken) > _NAMED else ""
            raise DataError("; ".join(broken[:_NAMED]) + more)

    @cached_property
    def _files(self) -> dict[Split, dict[str, list[Path]]]:
        found: dict[Split, dict[str, list[Path]]] = {}
        for split in _SPLITS:
            folder = self.root / split
            if not folder.is_dir():
                raise DataError(
                    f"task folder {self.root} has no folder {split!r}; expected {split}/<class>/<images>, "
                    "as torchvision's ImageFolder has it"
                )
            found[split] = {}
            for entry in sorted(folder.iterdir()):
                if entry.name.startswith("."):
                    continue
                if not entry.is_dir():
                    raise DataError(f"{entry} lies outside every class folder; move it into one or remove it")
                found[split][entry.name] = _visible_files(entry)
        return found

    @cached_property
    def _fingerprint(self) -> str:
        files = [path for split in _SPLITS for paths in self._files[split].values() for path in paths]
        return files_fingerprint(self.root, files)


def _visible_files(folder: Path) -> list[Path]:
    """Every file below the folder, in order, but what is hidden by a leading dot."""
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if not path.exists():
            raise DataError(f"{path} is a link to nowhere; mend or remove it")
        files.append(path)
    return files
