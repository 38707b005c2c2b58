"""Base classes of all sources of existing images."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar, NamedTuple

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.data.sources.class_names import (
    match_large_classes,
    merge_spellings,
    numbering_note,
    spelling_notes,
)
from prettyuseful.data.sources.drawing import draw_order
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import catch_os_errors
from prettyuseful.engine.keys import canonical_json
from prettyuseful.errors import DataError

_MAX_CLASSES = 100_000
_MAX_LISTED = 5  # broken images that one error lists
_IN_MEMORY = 1 << 26  # bytes of images kept in memory for reordering; larger data go to a temporary file
_ID_DIGITS = 32


@dataclass(frozen=True)
class Sample:
    """A labelled image that is not read yet.

    `label`: class name in the source. `path`: path in the source, different for each sample. `location`: name of the
    image in error messages. `read`: reads the encoded image; valid until the next sample is requested. `fields`:
    further fields of its `Row`; a `path` or `group` in it replaces the default: the path of the sample, and the digest
    of its bytes.
    """

    label: str
    path: str
    location: str
    read: Callable[[], bytes]
    fields: Mapping[str, Any] = field(default_factory=dict)


class SampledSource(ABC):
    """A source that consists of files, with an iterator over their samples.

    `place_notes`: how the source was found, such as which split is read.
    """

    kind: ClassVar[Kind]
    location: str
    place_notes: tuple[str, ...] = ()

    @property
    def labels_are_names(self) -> bool:
        """Whether a label such as `0` is a name, as the name of a folder is, and not a number that stands for one."""
        return self.kind == "imagefolder"

    @abstractmethod
    def read_samples(self) -> Iterator[Sample]:
        """Yield every image with the label that the source gives it, in an order that depends on names only."""

    def read_labels(self) -> Iterator[str]:
        """Yield the label of every image, as the source gives it."""
        return (sample.label for sample in self.read_samples())

    def class_order(self) -> Sequence[str]:
        """Return the class names in the order that the source defines; empty if it defines none."""
        return ()

    def reading_notes(self) -> tuple[str, ...]:
        """Return what a reader should know about the files: what was skipped, and how labels were read."""
        return ()

    def samples(self) -> Iterator[Sample]:
        """Yield every image. Spellings of one class are merged, see `notes`."""
        spellings = self._spellings
        for sample in self.read_samples():
            name = spellings.get(sample.label)
            yield sample if name is None else replace(sample, label=name)

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class, by the name that the source gives to the class."""
        return dict(self._counts)

    def class_names(self) -> tuple[str, ...]:
        """Return the class names, in the order of `class_order`, or else sorted; numbers are sorted by value."""
        rank = {self._spellings.get(name, name): i for i, name in enumerate(self.class_order())}
        return tuple(sorted(self.counts(), key=lambda name: (rank.get(name, len(rank)), _number(name), name)))

    def notes(self, classes: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return sentences on how the source was read: the split, skipped files, merged names, numbers as labels.

        Args:
            classes: class names of a task; the notes then say which number means which class.

        Raises:
            DataError: the source cannot be read, or its classes do not match `classes`.
        """
        numbers = numbering_note(self, classes)
        return (
            *self.place_notes,
            *self.reading_notes(),
            *spelling_notes(self.location, self._read_counts, self._spellings),
            *([numbers] if numbers else []),
        )

    def fingerprint(self) -> str:
        """Return a digest that changes whenever an image, a label or a name changes."""
        return self._contents.fingerprint

    def content_ids(self) -> Mapping[str, str]:
        """Return 32 hex digits of the digest of the encoded bytes of each image, by its path.

        All images are read once, together with the fingerprint.
        """
        return self._contents.ids

    def labels(self) -> Mapping[str, str]:
        """Return the class name of each image, by its path; read together with the fingerprint."""
        return self._contents.labels

    def rows(self, classes: Sequence[str], per_class: ClassCounts | int) -> Iterator[Row]:
        """Yield a fixed draw of images of each class, class by class, with their original bytes.

        Which images are drawn depends on their contents, not on the names of files: see `draw_order`.

        Args:
            classes: class names of the task; the label of a row is an index into them.
            per_class: number of images of each class.

        Raises:
            DataError: the classes do not match, a class has too few images, or images are broken.
        """
        per_class = ClassCounts(per_class) if isinstance(per_class, int) else per_class
        index = match_large_classes(self, classes, per_class)
        if not per_class.largest:
            return
        ids = self.content_ids()
        paths: dict[int, list[str]] = defaultdict(list)
        for path, name in self.labels().items():
            if name in index:
                paths[index[name]].append(path)
        label_of = {
            path: label for label in range(len(classes)) for path in draw_order(paths[label], ids)[: per_class[label]]
        }
        if len(label_of) < sum(per_class[label] for label in index.values()):
            raise self.changed_error()
        broken: list[str] = []
        for sample, data in self.read_in_order([*label_of]):
            try:
                decode(data, sample.location)
            except DataError as error:
                broken.append(str(error))
            if not broken:
                fields = {"path": sample.path, "group": ids[sample.path], **sample.fields}
                yield Row(data=data, label=label_of[sample.path], **fields)
            if len(broken) == _MAX_LISTED:
                break
        if broken:
            raise DataError("; ".join(broken))

    def read_in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        """Yield the samples with these paths and their encoded images, in the order of `paths`.

        The source is read once, in its own order, and the images are reordered in a temporary file.

        Raises:
            DataError: an image cannot be read, or does not exist any more.
        """
        wanted, positions = set(paths), dict[str, tuple[Sample, int, int]]()
        with (
            catch_os_errors(f"a temporary file for {self.location}"),
            SpooledTemporaryFile(_IN_MEMORY) as waiting,
        ):
            for sample in self.samples():
                if sample.path in wanted:
                    data = sample.read()
                    positions[sample.path] = sample, waiting.tell(), len(data)
                    waiting.write(data)
            for path in paths:
                if path not in positions:
                    raise self.changed_error()
                sample, start, size = positions[path]
                waiting.seek(start)
                yield sample, waiting.read(size)

    def changed_error(self) -> DataError:
        """Return the error for files that disappeared while they were read."""
        return DataError(f"{self.location} changed while it was read; try again, and do not modify it meanwhile")

    @cached_property
    def _read_counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for label in self.read_labels():
            counts[label] += 1
            if len(counts) > _MAX_CLASSES:
                raise DataError(
                    f"{self.location} has more than {_MAX_CLASSES:,} labels; are they captions, not classes?"
                )
        return counts

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        return merge_spellings(self._read_counts, self.class_order())

    @cached_property
    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for name, count in self._read_counts.items():
            counts[self._spellings.get(name, name)] += count
        return counts

    @cached_property
    def _contents(self) -> _Contents:
        ids: dict[str, str] = {}
        labels: dict[str, str] = {}
        hasher = hashlib.sha256(self.kind.encode())
        for sample in self.samples():
            sha256 = hashlib.sha256(sample.read()).hexdigest()
            if sample.path in ids:
                raise DataError(f"{sample.location} occurs twice in {self.location}; give each image a name of its own")
            ids[sample.path], labels[sample.path] = sha256[:_ID_DIGITS], sys.intern(sample.label)
            hasher.update(canonical_json([sample.path, sample.label, sha256, dict(sample.fields)]).encode())
        hasher.update(canonical_json(list(self.class_order())).encode())
        return _Contents(hasher.hexdigest(), ids, labels)


class _Contents(NamedTuple):
    """What needs the bytes of all images, which are read once: the fingerprint, and content id and label by path."""

    fingerprint: str
    ids: Mapping[str, str]
    labels: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class ShardSource(SampledSource):
    """A source that consists of a few large files, the `shards`."""

    location: str
    shards: tuple[Path, ...]
    place_notes: tuple[str, ...] = ()

    @cached_property
    def shard_names(self) -> tuple[str, ...]:
        """The names of the shards, with the folders in which they are where several shards have one name."""
        names = [shard.name for shard in self.shards]
        if len(set(names)) == len(names):
            return tuple(names)
        paths = [shard.absolute() for shard in self.shards]
        root = next(folder for folder in paths[0].parents if all(path.is_relative_to(folder) for path in paths))
        return tuple(path.relative_to(root).as_posix() for path in paths)


def _number(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() else 0
