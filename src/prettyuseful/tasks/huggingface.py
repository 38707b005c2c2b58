"""Tasks from the `datasets` library: a hub id or a local folder with a column of images and a column of labels.

Images stay in their original bytes; what is an image is for `data.images.decode` to say. Code from a hub never runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

from prettyuseful.data.dataset import Row
from prettyuseful.engine.keys import digest, files_fingerprint
from prettyuseful.errors import DataError, did_you_mean, one_line
from prettyuseful.tasks.base import SPLITS, Split, first_few, sound, too_few
from prettyuseful.tasks.folder import visible_files

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?")
_SAVED = ("dataset_dict.json", "state.json")  # what `save_to_disk` leaves


@dataclass(frozen=True)
class HubData:
    """Labelled images as `datasets` reads them.

    The first look brings all of it into that library's cache: downloads a hub id, copies a folder's Parquet files.

    `place`: a hub id, perhaps with `@revision`, or a local folder. `image`, `label`: columns. `train`, `test`: splits.
    `by_contents`: a folder's fingerprint reads its files; else it takes their paths, sizes and times of change.

    Raises:
        DataError: at the first look: it cannot be had, or lacks a split, a column or labels.
    """

    place: str
    image: str = "image"
    label: str = "label"
    train: str = "train"
    test: str = "test"
    by_contents: bool = True

    @property
    def title(self) -> str:
        """The hub id, or the folder's name."""
        return self._folder.name if self._folder else self.place.partition("@")[0]

    @property
    def source(self) -> str:
        if self._folder:
            return f"Hugging Face data set in the folder {self.title}"
        return f"Hugging Face data set {self.title}, revision {self._opened.revision[:12]}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What label `i` is called: a ClassLabel's names, or all strings of both splits in alphabetical order."""
        train, test = (self._columns[split]["label"].features[self.label] for split in SPLITS)
        if hasattr(train, "names") and hasattr(test, "names"):
            if train.names != test.names:
                raise DataError(f"the splits of {self.title} differ in the names of {self.label!r}; cast them alike")
            return tuple(train.names)
        kinds = [str(getattr(feature, "dtype", feature)) for feature in (train, test)]
        if not all("string" in kind for kind in kinds):
            raise DataError(
                f"the column {self.label!r} of {self.title} holds {' and '.join(sorted(set(kinds)))}, which names no "
                "class; a ClassLabel or strings are needed"
            )
        return tuple(sorted({text for split in SPLITS for text in self._labels(split).to_pylist() if text}))

    def labels(self, split: Split) -> np.ndarray:
        """(N,) int64: the label of every image of a split."""
        import numpy as np

        column = self._labels(split)
        if "string" in str(column.type):
            number = {name: i for i, name in enumerate(self.names)}
            found = np.array([number.get(text, -1) for text in column.to_pylist()], np.int64)
        else:
            found = column.fill_null(-1).to_numpy()
        if without := int((found < 0).sum()):
            raise DataError(
                f"{without} of {len(found)} images of the split {self._split(split)!r} of {self.title} have no label; "
                f"name another split: {', '.join(self._opened.tables)}"
            )
        return found

    def row(self, split: Split, index: int, label: int) -> Row:
        """Image `index` of a split under the label that the task gives it."""
        path = f"{self._split(split)}/{index:07d}"
        stored = self._columns[split]["image"][index][self.image][0].as_py()
        stored = stored if isinstance(stored, dict) else {"bytes": stored}
        data, file = stored["bytes"], Path(stored.get("path") or "")
        # A folder's images lie within it: the fingerprint sees no others.
        if data is None and file.is_file() and (self._folder is None or file.resolve().is_relative_to(self._folder)):
            data = file.read_bytes()
        if data is None:
            raise DataError(f"{self.title}/{path}: no image in the column {self.image!r}; add it or remove the row")
        return Row(data, path, label, group=path)

    def fingerprint(self) -> str:
        """Changes with the hub's revision or the folder's files, and with the columns and splits."""
        if self._folder is None:
            content = self._opened.revision
        elif self.by_contents:
            content = files_fingerprint(self._folder, (self._folder / f.path for f in visible_files(self._folder)))
        else:
            content = digest(list(visible_files(self._folder)))
        return digest([self.title, content, self.image, self.label, self.train, self.test])

    @cached_property
    def _folder(self) -> Path | None:
        folder = Path(self.place)
        return folder.resolve() if folder.is_dir() else None

    def _split(self, split: Split) -> str:
        return {"train": self.train, "test": self.test}[split]

    def _labels(self, split: Split) -> pa.ChunkedArray:
        return self._columns[split]["label"][:][self.label]

    @cached_property
    def _columns(self) -> dict[Split, dict[str, Any]]:
        """Per split the two columns, as tables of their own. In the format "arrow" nothing is decoded."""
        return {split: self._columns_of(split) for split in SPLITS}

    def _columns_of(self, split: Split) -> dict[str, Any]:
        tables, name = self._opened.tables, self._split(split)
        if name not in tables:
            raise DataError(
                f"{self.title} has no split {name!r}{did_you_mean(name, tables)}; it has {', '.join(tables)}: "
                f"name that of the {split} images with `{split}: ...`"
            )
        table, columns = tables[name], {"image": self.image, "label": self.label}
        for key, column in columns.items():
            if column not in table.column_names:
                raise DataError(
                    f"{self.title} has no column {column!r}{did_you_mean(column, table.column_names)}; it has "
                    f"{', '.join(table.column_names)}: name that of the {key}s with `{key}: ...`"
                )
        stored = str(table.features.arrow_schema.field(self.image).type)
        if "binary" not in stored:
            raise DataError(f"the column {self.image!r} of {self.title} holds {stored}; images are needed")
        return {key: table.select_columns([column]).with_format("arrow") for key, column in columns.items()}

    @cached_property
    def _opened(self) -> _Opened:
        from datasets import load_dataset_builder, load_from_disk

        repository, _, revision = self.place.partition("@")
        if self._folder is None and not _HUB_ID.fullmatch(self.place):
            raise DataError(f"no folder {self.place} here; a hub id is written owner/name or owner/name@revision")
        try:
            if self._folder and any((self._folder / name).is_file() for name in _SAVED):
                saved = load_from_disk(str(self._folder))
                return _Opened(saved if isinstance(saved, dict) else {str(saved.split): saved})
            builder = load_dataset_builder(str(self._folder or repository), revision=revision or None)
            builder.download_and_prepare()
            opened = _Opened(builder.as_dataset(), str(builder.hash))
        except Exception as error:  # readers of many formats, and a network: they raise what they like
            raise DataError(self._why(error)) from error
        # Without a connection `datasets` takes the newest revision in its cache, whatever was asked for.
        offline = type(builder).__module__.endswith(".cache")
        if offline and revision and opened.revision != revision:
            raise DataError(
                f"cannot reach the hub for {self.place}, and the cache holds revision {opened.revision}; "
                "connect once, or pin that revision by its full hash"
            )
        return opened

    def _why(self, error: Exception) -> str:
        from datasets.exceptions import DatasetNotFoundError

        said = one_line(str(error))[:300] or type(error).__name__
        if self._folder:
            mend = "it should hold Parquet or Arrow files of one data set, as `datasets.load_dataset` reads them"
        elif "gated" in said:
            mend = "accept its terms on its page, log in with `hf auth login`, and try again"
        elif isinstance(error, DatasetNotFoundError):
            mend = "check the id and the revision; if it is private, log in with `hf auth login`"
        else:
            mend = "connect to the hub once to download it, or name a local folder that holds it"
        return f"cannot open the data set {self.place}: {said}; {mend}"


class _Opened(NamedTuple):
    """A data set's splits by name and, of the hub's, its commit."""

    tables: Mapping[str, Any]
    revision: str = ""


@dataclass(frozen=True)
class HubTask:
    """Real images from `data`. `numbers[i]` is the label there of class `i`; images of other labels are left out.

    An image's path is its split and its place in it. Only the images that are asked for are decoded.

    Raises:
        DataError: see `HubData`; or a class has no image in a split, or there are less than two.
    """

    data: HubData
    name: str
    classes: tuple[str, ...]
    numbers: tuple[int, ...]
    licence: str
    definitions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(f"{self.data.title} has {len(self.classes)} classes; a task needs at least two")
        for split in SPLITS:
            lacking = [name for name, found in zip(self.classes, self._found[split], strict=True) if not len(found)]
            if lacking:
                raise DataError(f"the {split} split of {self.data.title} has no images of {first_few(lacking)}")

    @property
    def source(self) -> str:
        return self.data.source

    def fingerprint(self) -> str:
        return digest([self.data.fingerprint(), self.classes, self.numbers])

    def available(self, split: Split) -> int:
        return min(map(len, self._found[split]))

    def images(self, split: Split, per_class: int) -> Iterator[Row]:
        if per_class > self.available(split):
            raise DataError(too_few(self, split, per_class))
        rows = (
            self.data.row(split, int(index), label)
            for label, found in enumerate(self._found[split])
            for index in found[:per_class]
        )
        yield from sound(rows, self.data.title)

    @cached_property
    def _found(self) -> dict[Split, list[np.ndarray]]:
        """Per split and class, where its images are."""
        import numpy as np

        found: dict[Split, list[np.ndarray]] = {}
        for split in SPLITS:
            labels = self.data.labels(split)
            order = np.argsort(labels, kind="stable")
            starts, ends = (np.searchsorted(labels[order], self.numbers, side) for side in ("left", "right"))
            found[split] = [order[start:end] for start, end in zip(starts, ends, strict=True)]
        return found


def hub_task(data: HubData, licence: str) -> HubTask:
    """Every label of a data set as a class."""
    return HubTask(data, data.title, data.names, tuple(range(len(data.names))), licence)
