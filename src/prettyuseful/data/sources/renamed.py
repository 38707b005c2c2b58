"""A source under other class names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prettyuseful.data.sources.base import Sample, SampledSource
from prettyuseful.data.sources.class_names import numbering_note
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.engine.keys import digest


def rename_classes(source: SampledSource, names: Mapping[str, str]) -> SampledSource:
    """Return a source whose classes have the names that `names` gives for them; other classes keep their names.

    Classes that get the same name become one class.
    """
    return RenamedSource(source, dict(names)) if names else source


@dataclass(frozen=True)
class RenamedSource(SampledSource):
    """The images of `source`, with the class names of `names` instead of those of the source."""

    source: SampledSource
    names: Mapping[str, str]

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        return self.source.kind

    @property
    def location(self) -> str:  # type: ignore[override]
        return self.source.location

    @property
    def labels_are_names(self) -> bool:
        return self.source.labels_are_names

    def read_samples(self) -> Iterator[Sample]:
        return map(self._rename, self.source.samples())

    def read_labels(self) -> Iterator[str]:
        return (name for old, count in self.source.counts().items() for name in [self._name(old)] * count)

    def class_order(self) -> Sequence[str]:
        return tuple(dict.fromkeys(map(self._name, self.source.class_names())))

    def reading_notes(self) -> tuple[str, ...]:
        about_numbers = numbering_note(self.source, None)
        return tuple(note for note in self.source.notes() if note != about_numbers)

    def read_in_order(self, paths: Sequence[str]) -> Iterator[tuple[Sample, bytes]]:
        return ((self._rename(sample), data) for sample, data in self.source.read_in_order(paths))

    def fingerprint(self) -> str:
        return digest([self.source.fingerprint(), sorted(self.names.items())])

    def content_ids(self) -> Mapping[str, str]:
        return self.source.content_ids()

    def labels(self) -> Mapping[str, str]:
        return {path: self._name(label) for path, label in self.source.labels().items()}

    def _name(self, name: str) -> str:
        return self.names.get(name, name)

    def _rename(self, sample: Sample) -> Sample:
        return replace(sample, label=self._name(sample.label))
