"""Numbers of images per class, equal for all classes or different for each class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import total_ordering
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from prettyuseful.engine.keys import digest

_Value = int | tuple[int, ...]


@total_ordering
class ClassCounts:
    """The number of images of each class of a data set; it never changes.

    Equal numbers for each class are stored as one number, so that equal counts compare equal. Counts are ordered by
    their mean. In JSON they are an integer, or a list of integers for unequal classes.

    Args:
        value: one number that applies to every class, or one number for each class.
    """

    # Not a data class: `dataclasses.asdict` would turn it into a mapping in JSON output.
    __slots__ = ("_value",)

    def __init__(self, value: Sequence[int] | int) -> None:
        numbers = _value(value)
        self._value = numbers[0] if isinstance(numbers, tuple) and len(set(numbers)) == 1 else numbers

    @property
    def value(self) -> _Value:
        """One number that applies to every class, or one number for each class."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassCounts) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"ClassCounts({self.value})"

    def __getitem__(self, label: int) -> int:
        return self.value if isinstance(self.value, int) else self.value[label]

    def __lt__(self, other: ClassCounts) -> bool:
        return (self.mean, self.by_class) < (other.mean, other.by_class)

    def __bool__(self) -> bool:
        """Whether there are any images."""
        return self.largest > 0

    def __str__(self) -> str:
        """Return `40`, or `7 to 10` for unequal classes."""
        return str(self.value) if self.equal else f"{self.smallest} to {self.largest}"

    @property
    def equal(self) -> bool:
        """Whether all classes have the same number."""
        return isinstance(self.value, int)

    @property
    def by_class(self) -> tuple[int, ...]:
        """The different numbers: one for each class, or a single number for all of them."""
        return (self.value,) if isinstance(self.value, int) else self.value

    @property
    def smallest(self) -> int:
        return min(self.by_class)

    @property
    def largest(self) -> int:
        return max(self.by_class)

    @property
    def mean(self) -> float:
        return sum(self.by_class) / len(self.by_class)

    @property
    def label(self) -> str:
        """A name for files: `40`, or `7-10-` and a digest for unequal classes."""
        return str(self.value) if self.equal else f"{self.smallest}-{self.largest}-{digest(list(self.by_class))[:8]}"

    def total(self, classes: int) -> int:
        """Return the number of images of all classes together."""
        return sum(self[label] for label in range(classes))

    def limit(self, other: ClassCounts | Sequence[int] | int) -> ClassCounts:
        """Return the smaller number of the two for each class."""
        bound = other if isinstance(other, ClassCounts) else ClassCounts(other)
        classes = max(len(self.by_class), len(bound.by_class))
        return ClassCounts(tuple(min(self[label], bound[label]) for label in range(classes)))

    def raise_to(self, other: ClassCounts) -> ClassCounts:
        """Return the larger number of the two for each class."""
        classes = max(len(self.by_class), len(other.by_class))
        return ClassCounts(tuple(max(self[label], other[label]) for label in range(classes)))

    def fits(self, other: ClassCounts) -> bool:
        """Whether no class has more images than in `other`."""
        return self.limit(other) == self

    def without_small(self, fewest: int) -> ClassCounts:
        """Return the same numbers, but 0 for classes with fewer than `fewest` images."""
        return ClassCounts(tuple(number if number >= fewest else 0 for number in self.by_class))

    def as_json(self) -> int | list[int]:
        """Return an integer, or a list of integers for unequal classes."""
        return self.value if isinstance(self.value, int) else list(self.value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and write the value alone: an integer, or a list of integers."""
        number = core_schema.int_schema(ge=0, strict=True)
        value = core_schema.union_schema([number, core_schema.list_schema(number, min_length=1)])
        from_json = core_schema.no_info_after_validator_function(cls, value)
        return core_schema.json_or_python_schema(
            json_schema=from_json,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), from_json]),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.as_json, return_schema=value),
        )


def _value(numbers: Sequence[int] | int) -> _Value:
    return numbers if isinstance(numbers, int) else tuple(numbers)
