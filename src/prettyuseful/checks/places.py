"""Check images in folders, tar shards or Parquet files, without a study: `prettyuseful check data`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from prettyuseful.checks.finding import Finding
from prettyuseful.checks.image_set import ImageSet, Role, Sets
from prettyuseful.checks.inspection import EncodedImage, inspect_images
from prettyuseful.checks.rows import check_images, count_by_check
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import open_source, open_splits
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.errors import DataError
from prettyuseful.formatting import duration

_THREADS = 2
_TRAIN_NAMES = frozenset({"train", "training"})
_TEST_NAMES = frozenset({"test", "testing", "eval", "evaluation", "val", "valid", "validation", "dev"})
_TITLES: Mapping[Role, str] = {"train": "training images", "test": "test images"}
_logger = logging.getLogger("prettyuseful")


class CheckedSet(BaseModel):
    """A set of images that was checked.

    `role`: `train` and `test` for real images, `synthetic`, or `other`. `images`: number of images that can be read.
    `classes`: number of classes. `notes`: how the files were read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    role: Role
    images: int
    classes: int
    notes: tuple[str, ...]


class DataReport(BaseModel):
    """The result of `check_data`.

    `data`: for each check, the number of images (or classes) that it found; 0 if it found nothing. `findings`: what was
    found, errors first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    sets: tuple[CheckedSet, ...]
    data: Mapping[str, int]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document that `prettyuseful check data --json` prints."""
        return self.model_dump(mode="json")


def check_data(
    *places: Path | str,
    real: Path | str | None = None,
    test: Path | str | None = None,
    synthetic: Path | str | Sequence[Path | str] = (),
) -> DataReport:
    """Check images before anything is trained on them: copies, leaks, black images, odd files, unequal classes.

    See docs/how-to/check-data.md. A folder of training and test images is two sets.

    Args:
        places: folders, .tar shards or Parquet files. One that is named `train`, `val` or `test` has that role.
        real: real images to train on. If the place has test images, too, these are checked as such.
        test: real test images.
        synthetic: one or several places of synthetic images.

    Raises:
        UserError: a place cannot be used, or none is given. Single images that cannot be read are findings.
    """
    sources = list(_sources(places, real, test, [synthetic] if isinstance(synthetic, Path | str) else synthetic))
    if not sources:
        raise DataError("check data: no images given; name a folder, .tar shards or Parquet files")
    names = _unique([place.name for place in sources])
    sets = tuple(_inspect(place, name) for place, name in zip(sources, names, strict=True))
    findings = check_images(Sets(sets))
    return DataReport(
        sets=tuple(
            CheckedSet(
                name=images.name,
                role=images.role,
                images=len(images),
                classes=int((images.table.class_counts > 0).sum()),
                notes=place.source.notes(),
            )
            for images, place in zip(sets, sources, strict=True)
        ),
        data=count_by_check(findings, reads="images"),
        findings=findings,
    )


class _Source(NamedTuple):
    """The images of one set. `name`: the place, and the split if the place has two."""

    place: str
    role: Role
    source: SampledSource
    split: str = ""

    @property
    def name(self) -> str:
        return f"{self.place} ({self.split})" if self.split else self.place


def _sources(
    places: Sequence[Path | str], real: Path | str | None, test: Path | str | None, synthetic: Sequence[Path | str]
) -> Iterator[_Source]:
    """Yield the source of each set."""
    for place in map(str, places):
        first, second = open_splits(place)
        if second is None:
            yield _Source(place, _role_by_name(place), first)
        else:
            yield _Source(place, "train", first, "train")
            yield _Source(place, "test", second, "test")
    if real is not None:
        first, second = open_splits(str(real))
        has_test = second is not None and test is None
        yield _Source(str(real), "train", first, "train" if has_test else "")
        if second is not None and has_test:
            yield _Source(str(real), "test", second, "test")
    if test is not None:
        yield _Source(str(test), "test", open_source(str(test), "test"))
    for place in map(str, synthetic):
        yield _Source(place, "synthetic", open_source(place))


def _role_by_name(place: str) -> Role:
    name = Path(place).name.lower()
    return "train" if name in _TRAIN_NAMES else "test" if name in _TEST_NAMES else "other"


def _unique(names: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for name in map(printable, names):
        number, candidate = 2, name
        while candidate in shown:
            number, candidate = number + 1, f"{name} ({number})"
        shown.append(candidate)
    return shown


def _inspect(place: _Source, name: str) -> ImageSet:
    started, source = time.monotonic(), place.source
    classes = source.class_names()
    label_of = {label: index for index, label in enumerate(classes)}
    images = (
        EncodedImage(
            sample.read,
            sample.fields.get("path", sample.path),
            sample.location,
            label_of[sample.label],
            sample.fields.get("group", sample.path),
        )
        for sample in source.samples()
    )
    table = inspect_images(images, classes, _THREADS)
    _logger.info("%s: %s images read in %s", name, f"{len(table):,}", duration(time.monotonic() - started))
    kind = _TITLES.get(place.role, "images")
    return ImageSet(name, place.role, table, f"{kind} of {printable(place.place)}")
