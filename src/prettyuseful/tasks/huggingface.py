"""Tasks from the Hugging Face `datasets` library: a hub id or a local folder with columns of images and labels.

Images keep their original bytes; `data.images.decode` decodes them. Code from the hub is never run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.drawing import DRAW_SEED
from prettyuseful.engine.keys import derive_seed, digest, files_fingerprint
from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.redaction import redact_line
from prettyuseful.tasks.base import SPLITS, Split, check_available, summarise_names, validated_rows
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.files import list_files

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?")
_BATCH = 100  # images that are read at once
_SAVED = ("dataset_dict.json", "state.json")  # files that `save_to_disk` writes


@dataclass(frozen=True)
class HubData:
    """Labelled images that the `datasets` library reads.

    The first access fills the library's cache: it downloads a data set from the hub, or copies the Parquet files of a
    folder.

    `path`: a hub id, optionally with `@revision`, or a local folder. `image`, `label`: names of the columns. `train`,
    `test`: names of the splits. `by_contents`: draw images by their contents, and compute the fingerprint of a
    folder from the contents of its files; otherwise by indices, and from paths, sizes and modification times.

    Raises:
        DataError: at the first access, if the data set cannot be opened, or has no such split, column or labels.
    """

    path: str
    image: str = "image"
    label: str = "label"
    train: str = "train"
    test: str = "test"
    by_contents: bool = True

    @property
    def title(self) -> str:
        """The hub id, or the name of the folder."""
        return self._folder.name if self._folder else self.path.partition("@")[0]

    @property
    def source(self) -> str:
        if self._folder:
            return f"Hugging Face data set in the folder {self.title}"
        return f"Hugging Face data set {self.title}, revision {self._dataset.revision[:12]}"

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The name of each label: the names of a ClassLabel, or all strings of both splits in alphabetical order."""
        train, test = (self._columns[split]["label"].features[self.label] for split in SPLITS)
        if hasattr(train, "names") and hasattr(test, "names"):
            if train.names != test.names:
                raise DataError(
                    f"the splits of {self.title} have different names for the labels in {self.label!r}; "
                    "cast both to the same ClassLabel"
                )
            return tuple(train.names)
        kinds = [str(getattr(feature, "dtype", feature)) for feature in (train, test)]
        if not all("string" in kind for kind in kinds):
            raise DataError(
                f"the column {self.label!r} of {self.title} has the type {' and '.join(sorted(set(kinds)))}, which "
                "gives no class names; use a ClassLabel or strings"
            )
        return tuple(sorted({text for split in SPLITS for text in self._labels(split).to_pylist() if text}))

    def labels(self, split: Split) -> np.ndarray:
        """Return the label of every image of a split, (N,) int64."""
        import numpy as np

        column = self._labels(split)
        if "string" in str(column.type):
            index = {name: i for i, name in enumerate(self.label_names)}
            labels = np.array([index.get(text, -1) for text in column.to_pylist()], np.int64)
        else:
            labels = column.fill_null(-1).to_numpy()
        if missing := int((labels < 0).sum()):
            raise DataError(
                f"{missing} of {len(labels)} images of the split {self._split(split)!r} of {self.title} have no label; "
                f"choose another split: {', '.join(self._dataset.tables)}"
            )
        return labels

    def row(self, split: Split, index: int, label: int) -> Row:
        """Return image `index` of a split as a row with the given label of the task."""
        path = self._path(split, index)
        stored = self._columns[split]["image"][index][self.image][0].as_py()
        return Row(self._bytes(stored, path), path, label, group=self.image_ids(split)[index])

    def image_ids(self, split: Split) -> Sequence[str]:
        """Return what identifies each image of a split: the digest of its bytes, or its index if these are not read."""
        return self._image_ids[split]

    @cached_property
    def _image_ids(self) -> Mapping[Split, Sequence[str]]:
        return {split: self._read_image_ids(split) for split in SPLITS}

    def _read_image_ids(self, split: Split) -> list[str]:
        table = self._columns[split]["image"]
        if not self.by_contents:
            return [self._path(split, index) for index in range(len(table))]
        ids: list[str] = []
        for batch in table.iter(_BATCH):
            for stored in batch[self.image].to_pylist():
                data = self._find_bytes(stored)
                ids.append(hashlib.sha256(data).hexdigest()[:32] if data else self._path(split, len(ids)))
        return ids

    def _path(self, split: Split, index: int) -> str:
        return f"{self._split(split)}/{index:07d}"

    def _bytes(self, stored: Any, path: str) -> bytes:
        """Return the encoded image of a value in the column of images."""
        data = self._find_bytes(stored)
        if data is None:
            raise DataError(f"{self.title}/{path}: the column {self.image!r} has no image; add it or remove the row")
        return data

    def _find_bytes(self, stored: Any) -> bytes | None:
        stored = stored if isinstance(stored, dict) else {"bytes": stored}
        data, file = stored["bytes"], Path(stored.get("path") or "")
        # Read only files inside the folder, because the fingerprint covers no others.
        if data is None and file.is_file() and (self._folder is None or file.resolve().is_relative_to(self._folder)):
            data = file.read_bytes()
        return None if data is None else bytes(data)

    def fingerprint(self) -> str:
        """Return a digest of the hub revision or the files of the folder, and of the names of columns and splits."""
        if self._folder is None:
            content = self._dataset.revision
        elif self.by_contents:
            content = files_fingerprint(self._folder, (self._folder / f.path for f in list_files(self._folder)))
        else:
            content = digest(list(list_files(self._folder)))
        return digest([self.title, content, self.image, self.label, self.train, self.test])

    @cached_property
    def _folder(self) -> Path | None:
        folder = Path(self.path)
        return folder.resolve() if folder.is_dir() else None

    def _split(self, split: Split) -> str:
        return {"train": self.train, "test": self.test}[split]

    def _labels(self, split: Split) -> pa.ChunkedArray:
        return self._columns[split]["label"][:][self.label]

    @cached_property
    def _columns(self) -> dict[Split, dict[str, Any]]:
        """For each split, one table per column. The format "arrow" avoids decoding."""
        return {split: self._read_columns(split) for split in SPLITS}

    def _read_columns(self, split: Split) -> dict[str, Any]:
        tables, name = self._dataset.tables, self._split(split)
        if name not in tables:
            raise DataError(
                f"{self.title} has no split {name!r}{did_you_mean(name, tables)}; it has {', '.join(tables)}; "
                f"set the split of the {split} images with `{split}: ...`"
            )
        table, columns = tables[name], {"image": self.image, "label": self.label}
        for key, column in columns.items():
            if column not in table.column_names:
                raise DataError(
                    f"{self.title} has no column {column!r}{did_you_mean(column, table.column_names)}; it has "
                    f"{', '.join(table.column_names)}; set the column of the {key}s with `{key}: ...`"
                )
        stored = str(table.features.arrow_schema.field(self.image).type)
        if "binary" not in stored:
            raise DataError(
                f"the column {self.image!r} of {self.title} has the type {stored}; choose a column of images"
            )
        return {key: table.select_columns([column]).with_format("arrow") for key, column in columns.items()}

    @cached_property
    def _dataset(self) -> _LoadedDataset:
        from datasets import load_dataset_builder, load_from_disk

        repository, _, revision = self.path.partition("@")
        if self._folder is None and not _HUB_ID.fullmatch(self.path):
            raise DataError(f"no such folder: {self.path}; write a hub id as owner/name or owner/name@revision")
        try:
            if self._folder and any((self._folder / name).is_file() for name in _SAVED):
                saved = load_from_disk(str(self._folder))
                return _LoadedDataset(saved if isinstance(saved, dict) else {str(saved.split): saved})
            builder = load_dataset_builder(str(self._folder or repository), revision=revision or None)
            builder.download_and_prepare()
            opened = _LoadedDataset(builder.as_dataset(), str(builder.hash))
        except Exception as error:  # file readers and the network may raise anything
            raise DataError(self._open_error_message(error)) from error
        # Without a connection, `datasets` uses the newest cached revision, even if another one was requested.
        offline = type(builder).__module__.endswith(".cache")
        if offline and revision and opened.revision != revision:
            raise DataError(
                f"cannot reach the hub for {self.path}, and the cache holds revision {opened.revision}; "
                "connect once, or pin that revision by its full hash"
            )
        return opened

    def _open_error_message(self, error: Exception) -> str:
        from datasets.exceptions import DatasetNotFoundError

        reason = redact_line(str(error), 300) or type(error).__name__
        if self._folder:
            remedy = "the folder must contain one data set that `datasets.load_dataset` can read, e.g. Parquet files"
        elif "gated" in reason:
            remedy = "accept its terms on its hub page, log in with `hf auth login`, and try again"
        elif isinstance(error, DatasetNotFoundError):
            remedy = "check the id and the revision; if it is private, log in with `hf auth login`"
        else:
            remedy = "connect to the hub once to download it, or give a local folder that contains it"
        return f"cannot open the data set {self.path}: {reason}; {remedy}"


class _LoadedDataset(NamedTuple):
    """The splits of a data set by name, and its commit if it comes from the hub."""

    tables: Mapping[str, Any]
    revision: str = ""


@dataclass(frozen=True)
class HubTask:
    """Real images of a Hugging Face data set.

    The path of an image is its split and its index. Images are drawn by their contents, or by their indices where these
    are not read. Only requested images are decoded.

    `data`: the data set. `classes`: names of the classes. `numbers`: the label in the data set of each class; images
    with other labels are left out. `definitions`: meanings of ambiguous class names. `notes`: see
    `Task`.

    Raises:
        DataError: see `HubData`; or a class has no image in a split, or there are fewer than two classes.
    """

    data: HubData
    name: str
    classes: tuple[str, ...]
    numbers: tuple[int, ...]
    licence: str
    definitions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(f"a task needs at least 2 classes; {self.data.title} has {len(self.classes)}")
        for split in SPLITS:
            missing = [name for name, rows in zip(self.classes, self._indices[split], strict=True) if not len(rows)]
            if missing:
                raise DataError(f"the {split} split of {self.data.title} has no images of {summarise_names(missing)}")

    @property
    def source(self) -> str:
        return self.data.source

    def fingerprint(self) -> str:
        return digest([self.data.fingerprint(), self.classes, self.numbers])

    def counts(self, split: Split) -> tuple[int, ...]:
        return tuple(map(len, self._indices[split]))

    def images(self, split: Split, per_class: ClassCounts | int) -> Iterator[Row]:
        per_class = check_available(self, split, per_class)
        rows = (
            self.data.row(split, int(index), label)
            for label, indices in enumerate(self._indices[split])
            for index in indices[: per_class[label]]
        )
        yield from validated_rows(rows, self.data.title)

    @cached_property
    def _indices(self) -> dict[Split, list[np.ndarray]]:
        """For each split and class, the row indices of its images in the order of the draw."""
        import numpy as np

        indices: dict[Split, list[np.ndarray]] = {}
        for split in SPLITS:
            labels = self.data.labels(split)
            order = np.argsort(labels, kind="stable")
            starts, ends = (np.searchsorted(labels[order], self.numbers, side) for side in ("left", "right"))
            ids = self.data.image_ids(split)
            seeds = np.array([derive_seed("draw", DRAW_SEED, image_id) for image_id in ids], np.int64)
            drawn = (order[start:end] for start, end in zip(starts, ends, strict=True))
            indices[split] = [rows[np.argsort(seeds[rows], kind="stable")] for rows in drawn]
        return indices


def hub_task(data: HubData, licence: str, choice: ClassChoice | None = None) -> HubTask:
    """Return the task whose classes are the labels of a data set, except those that `choice` leaves out."""
    import numpy as np

    choice, names = choice or ClassChoice(), data.label_names
    choice.check(names, data.title)
    words = tuple(choice.names.get(name, name) for name in names)
    if len(set(words)) < len(words):
        raise DataError(f"classes: two labels of {data.title} have the same name; give each label its own name")
    wanted = choice.without_left_out(words)
    train = np.bincount(data.labels("train"), minlength=len(names)).tolist()
    counts = {name: count for name, count in zip(words, train, strict=True) if name in wanted}
    classes = choice.large_enough(counts)
    return HubTask(
        data=data,
        name=data.title,
        classes=classes,
        numbers=tuple(words.index(name) for name in classes),
        licence=licence,
        notes=choice.notes(names, counts),
    )
