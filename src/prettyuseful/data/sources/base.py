"""Base classes of all sources of existing images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.data.sources.class_names import match_large_classes
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import catch_os_errors
from prettyuseful.engine.keys import digest, files_fingerprint
from prettyuseful.errors import DataError

_MAX_CLASSES = 100_000
_MAX_LISTED = 5  # broken images that one error lists
_IN_MEMORY = 1 << 26  # bytes of images kept in memory for reordering; larger data go to a temporary file


@dataclass(frozen=True)
class Sample:
    """A labelled image that is not read yet.

    `label`: class name in the source. `path`: path in the source. `location`: name of the image in error messages.
    `read`: reads the encoded image; valid until the next sample is requested. `fields`: further fields of its `Row`; a
    `path` or `group` in it replaces the default, which is the path of the sample.
    """

    label: str
    path: str
    location: str
    read: Callable[[], bytes]
    fields: Mapping[str, Any] = field(default_factory=dict)


class SampledSource(ABC):
    """A source that consists of files, with an iterator over their samples."""

    kind: ClassVar[Kind]
    location: str

    @property
    @abstractmethod
    def root(self) -> Path:
        """Return the folder that contains all files. Its name has no influence on the fingerprint."""

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Yield every file that the samples are read from."""

    @abstractmethod
    def samples(self) -> Iterator[Sample]:
        """Yield every image, in an order that depends on names and contents only."""

    def labels(self) -> Iterator[str]:
        """Yield the label of every image."""
        return (sample.label for sample in self.samples())

    def class_names(self) -> tuple[str, ...]:
        """Return the class names, in the order of `class_order`, or else sorted; numbers are sorted by value."""
        rank = {name: i for i, name in enumerate(self.class_order())}
        return tuple(sorted(self.counts(), key=lambda name: (rank.get(name, len(rank)), _number(name), name)))

    def class_order(self) -> Sequence[str]:
        """Return the class names in the order that the source defines; empty if it defines none."""
        return ()

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

    def fingerprint(self) -> str:
        return self._fingerprint

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    def rows(self, classes: Sequence[str], per_class: int) -> Iterator[Row]:
        index = match_large_classes(self, classes, per_class)
        remaining = dict.fromkeys(index.values(), per_class) if per_class > 0 else {}
        broken: list[str] = []
        for sample in self.samples() if remaining else ():
            label = index.get(sample.label)
            if label not in remaining:
                continue
            data = sample.read()
            try:
                decode(data, sample.location)
            except DataError as error:
                broken.append(str(error))
            if not broken:
                fields = {"path": sample.path, "group": sample.path, **sample.fields}
                yield Row(data=data, label=label, **fields)
            remaining[label] -= 1
            if not remaining[label]:
                del remaining[label]
            if not remaining or len(broken) == _MAX_LISTED:
                break
        if broken:
            raise DataError("; ".join(broken))
        if remaining:
            raise self.changed_error()

    @cached_property
    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for label in self.labels():
            counts[label] += 1
            if len(counts) > _MAX_CLASSES:
                raise DataError(
                    f"{self.location} has more than {_MAX_CLASSES:,} labels; are they captions, not classes?"
                )
        return counts

    @cached_property
    def _fingerprint(self) -> str:
        with catch_os_errors(self.location):
            return digest([self.kind, files_fingerprint(self.root, self.files())])


@dataclass(frozen=True)
class ShardSource(SampledSource):
    """A source that consists of a few large files."""

    location: str
    shards: tuple[Path, ...]

    @property
    def root(self) -> Path:
        parents = self.shards[0].absolute().parents
        return next(folder for folder in parents if all(path.absolute().is_relative_to(folder) for path in self.shards))

    def files(self) -> Iterator[Path]:
        return (shard.absolute() for shard in self.shards)


def _number(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() else 0
