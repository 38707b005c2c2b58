"""What all kinds of sources of finished images have in common."""

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
from prettyuseful.data.sources.class_names import check_labels
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.reading import reading
from prettyuseful.engine.keys import digest, files_fingerprint
from prettyuseful.errors import DataError

_MAX_CLASSES = 100_000
_NAMED = 5  # broken images named in one error
_IN_MEMORY = 1 << 26  # bytes of images that wait for their turn; the rest waits in a temporary file


@dataclass(frozen=True)
class Sample:
    """A labelled image that is not read yet; `read` works until the next sample is asked for.

    `label`: the source's name of its class. `path`: where it lies in the source. `where`: what an error calls it.
    `fields`: what else its row is known to hold; a `path` or `group` there takes the place of the sample's own path.
    """

    label: str
    path: str
    where: str
    read: Callable[[], bytes]
    fields: Mapping[str, Any] = field(default_factory=dict)


class SampledSource(ABC):
    """A source that is files, and a walk through their samples."""

    kind: ClassVar[Kind]
    place: str

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder of all files. Its own name does not matter."""

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Every file that the samples rest on."""

    @abstractmethod
    def samples(self) -> Iterator[Sample]:
        """Every image, in an order that only depends on names and contents."""

    def labels(self) -> Iterator[str]:
        """The label of every image."""
        return (sample.label for sample in self.samples())

    def class_names(self) -> tuple[str, ...]:
        """The names of its classes, in its own order if it has one, else sorted, and numbers by their size."""
        known = {name: place for place, name in enumerate(self.named_order())}
        return tuple(sorted(self.counts(), key=lambda name: (known.get(name, len(known)), _size(name), name)))

    def named_order(self) -> Sequence[str]:
        """Names of classes in an order that stands in the source itself, if it has one."""
        return ()

    def in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        """The samples of these paths and what they read, in this order, of a source that is best read in its own.

        Raises:
            DataError: one cannot be read, or is no longer there.
        """
        wanted, places = set(paths), dict[str, tuple[Sample, int, int]]()
        with reading(f"a temporary file for {self.place}"), SpooledTemporaryFile(_IN_MEMORY) as waiting:
            for sample in self.samples():
                if sample.path in wanted:
                    data = sample.read()
                    places[sample.path] = sample, waiting.tell(), len(data)
                    waiting.write(data)
            for path in paths:
                if path not in places:
                    raise self.changed()
                sample, start, size = places[path]
                waiting.seek(start)
                yield sample, waiting.read(size)

    def changed(self) -> DataError:
        """What to raise when something is no longer there."""
        return DataError(f"{self.place} changed while it was read; leave it alone and try again")

    def fingerprint(self) -> str:
        return self._fingerprint

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    def rows(self, classes: Sequence[str], per_class: int) -> Iterator[Row]:
        index = check_labels(self, classes, per_class)
        left = dict.fromkeys(index.values(), per_class) if per_class > 0 else {}
        broken: list[str] = []
        for sample in self.samples() if left else ():
            label = index.get(sample.label)
            if label not in left:
                continue
            data = sample.read()
            try:
                decode(data, sample.where)
            except DataError as error:
                broken.append(str(error))
            if not broken:
                fields = {"path": sample.path, "group": sample.path, **sample.fields}
                yield Row(data=data, label=label, **fields)
            left[label] -= 1
            if not left[label]:
                del left[label]
            if not left or len(broken) == _NAMED:
                break
        if broken:
            raise DataError("; ".join(broken))
        if left:
            raise self.changed()

    @cached_property
    def _counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for label in self.labels():
            counts[label] += 1
            if len(counts) > _MAX_CLASSES:
                raise DataError(f"{self.place} has more than {_MAX_CLASSES:,} labels; are they captions, not classes?")
        return counts

    @cached_property
    def _fingerprint(self) -> str:
        with reading(self.place):
            return digest([self.kind, files_fingerprint(self.root, self.files())])


@dataclass(frozen=True)
class ShardSource(SampledSource):
    """A source that is a few large files, in this order."""

    place: str
    shards: tuple[Path, ...]

    @property
    def root(self) -> Path:
        parents = self.shards[0].absolute().parents
        return next(one for one in parents if all(path.absolute().is_relative_to(one) for path in self.shards))

    def files(self) -> Iterator[Path]:
        return (shard.absolute() for shard in self.shards)


def _size(name: str) -> int:
    return int(name) if name.isascii() and name.isdigit() else 0
