"""The findings about single images, one row per kind of list, and the choice of images from a file of such lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue

from prettyuseful.data.image_lists import ListedPath, read_image_list
from prettyuseful.diagnosis.causes import DroppableCause
from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.fields import BareName, ChoiceOf, RelativePath, resolve_path
from prettyuseful.registry import Registry


@dataclass(frozen=True)
class ListKind:
    """A finding about single images.

    Attributes:
        name: as in the column `finding` of a list.
        title: heading in the report.
        listed: which images are listed.
        score: what the score is, 0-1; the higher, the clearer is the finding.
        drop: whether `drop: FILE` drops these images without being told so.
        per_class: most images of one class in the list; None for all images that show the finding.
        at_most: most images in the list; None for all.
    """

    name: str
    title: str
    listed: str
    score: str
    drop: bool = False
    per_class: int | None = None
    at_most: int | None = None

    @property
    def summary(self) -> str:
        return self.title


LISTED = Registry(
    "finding",
    ListKind,
    (
        ListKind(
            "labels",
            "Suspect labels",
            "two classifiers agree, confidently, on another class, which is in the column suggested",
            "probability of the suggested class minus that of the given class",
            drop=True,
        ),
        ListKind(
            "copies",
            "Near-copies of real images",
            "closer to a real image (column other), or to its mirror image, than 98% of real images are to each other",
            "1 minus the distance, in multiples of the largest distance of a near-copy; 1: identical",
            drop=True,
        ),
        ListKind(
            "repeats",
            "Repeats within the set",
            "closer to another image of the class, which is kept (column other), than 98% of real images are to each "
            "other",
            "1 minus the distance, in multiples of the largest distance of a repeat; 1: identical",
            drop=True,
        ),
        ListKind("blank", "Blank images", "of one colour: no channel has contrast", "always 1", drop=True),
        ListKind(
            "off-class",
            "Off-class images",
            "not among the suspect labels, but farther on the side of another class (column suggested) than 98% of "
            "real images",
            "1 minus the ratio of the distances to real images of the suggested class and of the given class",
        ),
        ListKind(
            "most-typical",
            "Most typical images",
            "the nearest to real images of their class, 10 of each class",
            "1 minus the mean rank of the distance within the class",
            per_class=10,
            at_most=200,
        ),
        ListKind(
            "least-typical",
            "Least typical images",
            "the farthest from real images of their class, 10 of each class",
            "mean rank of the distance within the class",
            per_class=10,
            at_most=200,
        ),
    ),
)

ListedName = Annotated[str, ChoiceOf(lambda: list(LISTED.rows))]


_CSV_FILE: JsonSchemaValue = {"type": "string", "pattern": r"\.[cC][sS][vV]$"}


class ImageSelection(BareName):
    """The images of a list that are dropped from a data set. `drop: findings/base.csv` stands for `{file: ...}`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    bare_field: ClassVar[str] = "file"
    file: Annotated[str, RelativePath(resolve_path), WithJsonSchema(_CSV_FILE)] = Field(
        description="a CSV file with the column path, and optionally class, finding and score, such as "
        "findings/NAME.csv of a study",
    )
    findings: tuple[ListedName, ...] | None = Field(
        None,
        min_length=1,
        description="only images with these findings; default: labels, copies, repeats and blank, or every image if "
        "the file has no column finding",
    )
    at_least: float | None = Field(None, ge=0, le=1, description="only images with at least this score, 0 to 1")

    def images(self) -> tuple[tuple[str, str], ...]:
        """Return path and class of each selected image, sorted; the class is empty if the file has none.

        Raises:
            DataError: the file cannot be read, is not a list of images, or selects nothing.
        """
        lines = read_image_list(Path(self.file))
        if not lines:
            raise DataError(f"{self.file} lists no images; remove drop, or give another list")
        self._check(lines)
        chosen = {(line.path, line.class_name) for line in lines if self._selects(line)}
        if not chosen:
            limit = "" if self.at_least is None else f" with a score of at least {self.at_least:g}"
            raise DataError(
                f"{self.file} lists no images with the findings {', '.join(self._wanted)}{limit}; "
                "change findings or at_least, or remove drop"
            )
        return tuple(sorted(chosen))

    @property
    def _wanted(self) -> Sequence[str]:
        return self.findings or [kind.name for kind in LISTED if kind.drop]

    def _selects(self, line: ListedPath) -> bool:
        wanted = (not line.finding and self.findings is None) or line.finding in self._wanted
        return wanted and (self.at_least is None or line.score >= self.at_least)

    def _check(self, lines: Sequence[ListedPath]) -> None:
        if self.findings is not None and not any(line.finding for line in lines):
            raise DataError(f"{self.file} has no column finding; remove findings to drop every image of the list")
        if unknown := next((line.finding for line in lines if line.finding and line.finding not in LISTED.rows), None):
            hint = did_you_mean(unknown, LISTED.rows)
            raise DataError(
                f"{self.file}: unknown finding {unknown[:80]!r}{hint}; valid findings: {', '.join(LISTED.rows)}"
            )


def is_selection(value: object) -> bool:
    """Return whether a value of `drop` in a study file is an `ImageSelection`, not the name of a cause."""
    return isinstance(value, Mapping | ImageSelection) or (isinstance(value, str) and value.lower().endswith(".csv"))


Droppable = Annotated[
    Annotated[DroppableCause, Tag("cause")] | Annotated[ImageSelection, Tag("list")],
    Discriminator(lambda value: "list" if is_selection(value) else "cause"),
]
"""What `drop` accepts: the name of a cause, a CSV file, or a mapping with a file."""
