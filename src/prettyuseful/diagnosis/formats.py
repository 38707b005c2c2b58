"""Whether two sets of image files differ in their format: compression, size, aspect ratio, colour profile.

A classifier can see compression, and a diagnosis that ignores it would report it as a loss of detail or a change of
scale. `compare_formats` compares the files of both sides before any other cause is looked for;
`diagnosis.same_format` then gives both sides the same format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from prettyuseful.data.image_facts import STANDARD_TABLES, ImageFacts
from prettyuseful.engine.keys import derive_seed
from prettyuseful.formatting import share

ALPHA = 0.02
"""Significance level. It is strict, because true differences of formats are seldom small."""
LEAST_SHARE = 0.1
"""Smallest difference that is reported: the share of images of one side that would have to change to fit the other."""
MAX_IMAGES = 2_000
"""Images of either side that are compared; of a larger set, a random sample."""
MAX_FORMATS = 100
"""Different formats of one side that are kept; of more, a sample."""
SIZE_FACTOR = 1.1
"""Short sides and aspect ratios are different if they differ by more than this factor."""
ADVICE = "Save both sides in one format before training: a classifier can see compression."
_PERMUTATIONS = 999
_LOG_STEP = log(SIZE_FACTOR) / 4
_QUALITY_TOLERANCE = 2
_SMALL_SHARE = 0.02  # of a side: rarer formats are left out of sentences


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class FileFacts:
    """One image file.

    Args:
        container: name of the format, such as "JPEG".
        width: pixels, as shown.
        height: pixels, as shown.
        jpeg_quality: 1 to 100, or None.
        jpeg_subsampling: "4:4:4", "4:2:2", "4:2:0", "other" or None.
        jpeg_tables: "standard", a digest, or None.
        converted_profile: whether the colours were converted to sRGB from another profile.
        label: index of its class.
        group: images of one group come from one source; an empty group means an image by itself.
    """

    container: str
    width: int
    height: int
    jpeg_quality: int | None = None
    jpeg_subsampling: str | None = None
    jpeg_tables: str | None = None
    converted_profile: bool = False
    label: int = 0
    group: str = ""

    @classmethod
    def from_image(cls, facts: ImageFacts, label: int = 0, group: str = "") -> FileFacts:
        """Return the facts of an image that `data.images.open_image` has read."""
        return cls(
            container=facts.format,
            width=facts.width,
            height=facts.height,
            jpeg_quality=facts.jpeg_quality,
            jpeg_subsampling=facts.jpeg_subsampling,
            jpeg_tables=facts.jpeg_tables,
            converted_profile=facts.icc,
            label=label,
            group=group,
        )

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)

    @property
    def format(self) -> FileFormat:
        """What `diagnosis.same_format` needs to know."""
        return FileFormat(
            container=self.container,
            quality=self.jpeg_quality,
            subsampling=self.jpeg_subsampling,
            tables=self.jpeg_tables,
            short_side=self.short_side,
        )


class FileFormat(_Model):
    """The format of some files. See `FileFacts`."""

    container: str
    quality: int | None = Field(None, ge=1, le=100)
    subsampling: str | None = None
    tables: str | None = None
    short_side: int = Field(ge=1)


class FormatShare(_Model):
    """A format and the number of files that have it."""

    format: FileFormat
    count: int = Field(ge=1)


@dataclass(frozen=True)
class FileProperty:
    """A property in which files can differ.

    Args:
        id: its name in results.
        title: its name in the report.
        read: returns a text (a category), a whole number (a quantity in steps), or None if a file has no such property.
        words: describes the property of the files of one side.
        tolerance: quantities that differ by at most this many steps count as equal; None for categories.
    """

    id: str
    title: str
    read: Callable[[FileFacts], str | int | None]
    words: Callable[[Sequence[FileFacts]], str]
    tolerance: int | None = None


class PropertyComparison(_Model):
    """One property of the files of both sides.

    Attributes:
        id: the property.
        title: its name.
        real: the property of the real files, in words.
        synthetic: the property of the synthetic files, in words.
        effect: share of the images of one side that would have to change to fit the other, 0-1: the total variation
            distance for categories, the Kolmogorov-Smirnov distance for quantities, beyond the tolerance.
        p_value: of a permutation test of groups within classes, Bonferroni-adjusted for all properties.
        differs: `p_value` is below 0.02 and `effect` is at least 0.1.
    """

    id: str
    title: str
    real: str
    synthetic: str
    effect: float = Field(ge=0, le=1)
    p_value: float = Field(ge=0, le=1)
    differs: bool


class FormatDifference(_Model):
    """How the files of both sides differ.

    Attributes:
        properties: one comparison per property.
        real: the formats of the real files.
        synthetic: the formats of the synthetic files.
        sentence: the difference in words, or empty.
    """

    properties: tuple[PropertyComparison, ...]
    real: tuple[FormatShare, ...]
    synthetic: tuple[FormatShare, ...]
    sentence: str

    @property
    def differs(self) -> bool:
        """Whether any property differs."""
        return any(row.differs for row in self.properties)

    @property
    def different(self) -> frozenset[str]:
        """The ids of the properties that differ."""
        return frozenset(row.id for row in self.properties if row.differs)


class SideChange(_Model):
    """What gives the images of one side the format of both.

    Attributes:
        side: "real" or "synthetic".
        share: share of the images that are changed, 0-1.
        words: how they are changed, a sentence.
    """

    side: str
    share: float = Field(ge=0, le=1)
    words: str


class FormatFinding(_Model):
    """A difference of file formats, as a result of a diagnosis.

    Attributes:
        sentence: the difference in words: "the real images are JPEG of quality 60 (4:2:0); the synthetic images ...".
        properties: one comparison per property.
        changes: how each side was re-encoded for the rest of the diagnosis.
        vanished: names of causes that are reported for the files as they are, but not after re-encoding.
        advice: what to do.
    """

    sentence: str
    properties: tuple[PropertyComparison, ...]
    changes: tuple[SideChange, ...]
    vanished: tuple[str, ...] = ()
    advice: str = ADVICE

    @property
    def different(self) -> tuple[PropertyComparison, ...]:
        """The properties that differ."""
        return tuple(row for row in self.properties if row.differs)

    @property
    def summary(self) -> str:
        """One sentence with the difference, and the number of causes that vanish."""
        count = len(self.vanished)
        if count:
            verb = "1 cause disappears" if count == 1 else f"{count} causes disappear"
            end = f"{verb} when both sides are given the same format"
        else:
            end = "both sides are given the same format before causes are looked for"
        return f"The files differ in format: {self.sentence}; {end}."


def compare_formats(real: Sequence[FileFacts], synthetic: Sequence[FileFacts]) -> FormatDifference:
    """Compare the files of two sides.

    Each property is tested by a permutation test: under the null hypothesis, the groups of a class are assigned to the
    sides at random. Classes have equal weights on both sides, so that other class sizes make no difference. The p-value
    is corrected for the number of properties (Bonferroni).
    """
    sides = _sample(real, "real"), _sample(synthetic, "synthetic")
    rows = tuple(_compare(row, *sides) for row in PROPERTIES)
    return FormatDifference(
        properties=rows,
        real=_shares(sides[0]),
        synthetic=_shares(sides[1]),
        sentence=_sentence(frozenset(row.id for row in rows if row.differs), *sides),
    )


def _sample(facts: Sequence[FileFacts], side: str) -> list[FileFacts]:
    if len(facts) <= MAX_IMAGES:
        return list(facts)
    rng = np.random.default_rng(derive_seed("file formats", side))
    return [facts[i] for i in np.sort(rng.choice(len(facts), MAX_IMAGES, replace=False))]


def _shares(facts: Sequence[FileFacts]) -> tuple[FormatShare, ...]:
    formats = sorted((file.format for file in facts), key=FileFormat.model_dump_json)
    if len(set(formats)) > MAX_FORMATS:
        formats = [formats[i] for i in np.linspace(0, len(formats) - 1, MAX_FORMATS).round().astype(int)]
    return tuple(FormatShare(format=file, count=count) for file, count in Counter(formats).items())


def _compare(row: FileProperty, real: Sequence[FileFacts], synthetic: Sequence[FileFacts]) -> PropertyComparison:
    effect, p_value = _test(row, real, synthetic)
    adjusted = min(1.0, p_value * len(PROPERTIES))
    return PropertyComparison(
        id=row.id,
        title=row.title,
        real=row.words(real),
        synthetic=row.words(synthetic),
        effect=effect,
        p_value=adjusted,
        differs=adjusted < ALPHA and effect >= LEAST_SHARE,
    )


def _test(row: FileProperty, real: Sequence[FileFacts], synthetic: Sequence[FileFacts]) -> tuple[float, float]:
    """Return effect and p-value of one property; 0 and 1 if no class has files with this property on both sides."""
    sides = [[(value, file) for file in side if (value := row.read(file)) is not None] for side in (real, synthetic)]
    common = {file.label for _, file in sides[0]} & {file.label for _, file in sides[1]}
    values: list[str | int] = []
    keys: list[tuple[int, str]] = []  # side and group, or side and number of a file that has no group
    labels: list[int] = []
    for side, pairs in enumerate(sides):
        for number, (value, file) in enumerate(pairs):
            if file.label in common:
                values.append(value)
                keys.append((side, f"group {file.group}" if file.group else f"file {number}"))
                labels.append(file.label)
    if len(set(values)) < 2:
        return 0.0, 1.0
    codes = _codes(values)
    effects = np.zeros((2, 1 + _PERMUTATIONS, codes.max() + 1), np.float32)
    rng = np.random.default_rng(derive_seed("file formats", row.id))
    label_of, side_of = np.array(labels), np.array([side for side, _ in keys])
    total = 0
    for label in sorted(common):
        images = np.flatnonzero(label_of == label)
        weight = min(np.bincount(side_of[images], minlength=2))
        units = {key: number for number, key in enumerate(dict.fromkeys(keys[i] for i in images))}
        first = np.tile(np.array([side for side, _ in units]), (1 + _PERMUTATIONS, 1))
        first[1:] = rng.permuted(first[1:], axis=1)
        in_second = first[:, [units[keys[i]] for i in images]].astype(np.float32)
        found = np.eye(codes.max() + 1, dtype=np.float32)[codes[images]]
        for side, members in enumerate((1 - in_second, in_second)):
            effects[side] += weight * (members @ found) / members.sum(axis=1, keepdims=True)
        total += weight
    sizes = _distance(effects[0] / total, effects[1] / total, row.tolerance)
    return float(min(1.0, max(0.0, sizes[0]))), float((sizes >= sizes[0] - 1e-5).mean())


def _codes(values: Sequence[str | int]) -> np.ndarray:
    """Return codes (N,) from 0: the numbers of categories in any order, or quantities minus the smallest."""
    if isinstance(values[0], str):
        return np.unique(np.array(values), return_inverse=True)[1]
    numbers = np.array(values, int)
    return np.asarray(numbers - numbers.min())


def _distance(a: np.ndarray, b: np.ndarray, tolerance: int | None) -> np.ndarray:
    """Return the distances (B,) of pairs of distributions (B, K): of total variation, or between the cumulated ones."""
    if tolerance is None:
        return np.asarray(np.abs(a - b).sum(axis=1) / 2)
    at = np.minimum(np.arange(a.shape[1]) + tolerance, a.shape[1] - 1)
    below_a, below_b = np.cumsum(a, axis=1), np.cumsum(b, axis=1)
    return np.asarray(np.maximum((below_a - below_b[:, at]).max(axis=1), (below_b - below_a[:, at]).max(axis=1)))


def _sentence(different: frozenset[str], real: Sequence[FileFacts], synthetic: Sequence[FileFacts]) -> str:
    if not different:
        return ""
    return "; ".join(
        f"the {side} images {_predicate(different, facts)}"
        for side, facts in (("real", real), ("synthetic", synthetic))
    )


def _predicate(different: frozenset[str], facts: Sequence[FileFacts]) -> str:
    parts = {
        "short-side": f"a short side of {_side_words(facts)}",
        "aspect-ratio": f"an aspect ratio of {_aspect_words(facts)}",
        "colour-profile": _profile_words(facts),
    }
    have = [words for name, words in parts.items() if name in different]
    verbs = [f"have {', '.join(have[:-1])}{' and ' if have[1:] else ''}{have[-1]}"] if have else []
    if different & {"container", "jpeg-quality", "chroma-subsampling"}:
        verbs.insert(0, f"are {compression_words(facts)}")
    elif "quantisation-tables" in different:
        verbs.insert(0, f"are JPEG with {_table_words(facts)}")
    return " and ".join(verbs)


def compression_words(facts: Sequence[FileFacts]) -> str:
    """Return the containers of files, as in `48% PNG, 52% JPEG of quality 30 to 95 (median 75; 4:2:0)`."""
    names = Counter(file.container for file in facts)
    words = []
    for name, count in sorted(names.items(), key=lambda item: (-item[1], item[0])):
        part = count / len(facts)
        if part >= _SMALL_SHARE:
            what = _jpeg_words([file for file in facts if file.container == name]) if name == "JPEG" else name
            words.append(what if part > 1 - _SMALL_SHARE else f"{share(part, 0)} {what}")
    return ", ".join(words)


def _jpeg_words(facts: Sequence[FileFacts]) -> str:
    qualities = [file.jpeg_quality for file in facts if file.jpeg_quality is not None]
    if not qualities:
        return "JPEG"
    chroma = " or ".join(_frequent(file.jpeg_subsampling for file in facts))
    low, middle, high = np.quantile(qualities, [0.05, 0.5, 0.95]).round().astype(int)
    if low == high:
        return f"JPEG of quality {middle}{f' ({chroma})' if chroma else ''}"
    return f"JPEG of quality {low} to {high} (median {middle}{f'; {chroma}' if chroma else ''})"


def _quality_words(facts: Sequence[FileFacts]) -> str:
    jpeg = [file for file in facts if file.jpeg_quality is not None]
    return _jpeg_words(jpeg).removeprefix("JPEG of quality ").split(" (4")[0].split("; 4")[0] if jpeg else "none"


def _frequent(values: Iterable[str | None]) -> list[str]:
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [value for value, count in ordered if count >= _SMALL_SHARE * counts.total()]


def _chroma_words(facts: Sequence[FileFacts]) -> str:
    return " or ".join(_frequent(file.jpeg_subsampling for file in facts)) or "none"


def _table_words(facts: Sequence[FileFacts]) -> str:
    tables = [file.jpeg_tables for file in facts if file.jpeg_tables is not None]
    if not tables:
        return "none"
    standard = sum(table == STANDARD_TABLES for table in tables) / len(tables)
    if standard > 1 - _SMALL_SHARE:
        return "the tables of libjpeg"
    others = len(set(tables) - {STANDARD_TABLES})
    kinds = f"{others} other kind{'s' if others != 1 else ''} of tables"
    return kinds if standard < _SMALL_SHARE else f"the tables of libjpeg ({share(standard, 0)}) or {kinds}"


def _median_words(values: Sequence[float], form: str) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    words = [form.format(value) for value in (low, middle, high)]
    return words[1] if words[0] == words[2] else f"{words[0]} to {words[2]} (median {words[1]})"


def _side_words(facts: Sequence[FileFacts]) -> str:
    return f"{_median_words([file.short_side for file in facts], '{:.0f}')} px" if facts else "none"


def _aspect_words(facts: Sequence[FileFacts]) -> str:
    return _median_words([file.width / file.height for file in facts], "{:.2f}") if facts else "none"


def _profile_words(facts: Sequence[FileFacts]) -> str:
    part = sum(file.converted_profile for file in facts) / max(1, len(facts))
    return f"another colour profile than sRGB in {share(part, 0)} of the files" if part else "no other colour profile"


def _steps(value: float) -> int:
    return round(log(value) / _LOG_STEP)


PROPERTIES = (
    FileProperty("container", "Container", lambda file: file.container, compression_words),
    FileProperty("jpeg-quality", "JPEG quality", lambda file: file.jpeg_quality, _quality_words, _QUALITY_TOLERANCE),
    FileProperty("chroma-subsampling", "Chroma subsampling", lambda file: file.jpeg_subsampling, _chroma_words),
    FileProperty("quantisation-tables", "Quantisation tables", lambda file: file.jpeg_tables, _table_words),
    FileProperty("short-side", "Short side", lambda file: _steps(file.short_side), _side_words, 4),
    FileProperty("aspect-ratio", "Aspect ratio", lambda file: _steps(file.width / file.height), _aspect_words, 4),
    FileProperty("colour-profile", "Colour profile", lambda file: str(file.converted_profile), _profile_words),
)
"""The properties that are compared, one row each."""
