from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Interval
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType, TypedDict

from prettyuseful.fields import BareName
from prettyuseful.study.problems import find_problems
from prettyuseful.study.schema import Slot

NO_INTEGER = "input should be a valid integer, unable to parse string as an integer, got 'x'"
Small = Annotated[int, Interval(ge=1, le=9)]
Sizes = TypeAliasType("Sizes", tuple[Small, ...])


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Strict):
    kind: Literal["cat"] = "cat"
    lives: Small = 9


class Dog(Strict):
    kind: Literal["dog", "hound"] = "dog"
    friends: dict[str, Annotated[Cat | Dog, Field(discriminator="kind")]] = {}


class Box(Strict):
    width: float = Field(gt=0)
    height: float = 1


class Ball(Strict):
    radius: float


class Parcel(BareName):
    model_config = ConfigDict(extra="forbid")
    bare_field: ClassVar[str] = "to"
    to: str


class Extra(TypedDict):
    note: int


@dataclass
class Plain:
    number: int


def _even(number: int) -> int:
    if number % 2:
        raise PydanticCustomError("odd", "Input is odd")
    return number


class House(Strict):
    animals: Sequence[Annotated[Cat | Dog, Field(discriminator="kind")]] = ()
    toy: Box | Ball | Literal["none"] | None = None
    sizes: Sizes | Small = 1
    named: int = Field(0, alias="by-name")
    parcels: Mapping[str, Parcel | bool] = {}
    extra: Extra | None = None
    plain: Plain | None = None
    even: Annotated[int, AfterValidator(_even)] = 0
    short: dict[Annotated[str, Field(max_length=3)], int] = {}


def first_problem(content: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as error:
        House.model_validate(content)
    problem = find_problems(error.value, House, content)[0]
    return ".".join(map(str, problem.keys)), problem.message


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        (
            {"animals": [{"kind": "dog", "friends": {"a": {"kind": "cat", "lifes": 3}}}]},
            "animals.0.friends.a.lifes",
            "unknown key 'lifes' in animals.0.friends.a (cat); did you mean 'lives'?; valid keys: kind, lives",
        ),
        (
            {"animals": [{"kind": "hound", "friends": {"a": {"kind": "cta"}}}]},
            "animals.0.friends.a.kind",
            "animals.0.friends.a.kind: expected cat, dog or hound, got 'cta'; did you mean 'cat'?",
        ),
        (
            {"animals": [{"kind": "cat", "lives": 10}]},
            "animals.0.lives",
            "animals.0.lives: expected a whole number from 1 to 9, got 10",
        ),
        ({"animals": [{}]}, "animals.0.kind", "'animals.0.kind' is missing; expected cat, dog or hound"),
        # Of two models, the one with more matching keys is chosen.
        ({"toy": {"width": 0, "height": 2}}, "toy.width", "toy.width: expected a number above 0, got 0"),
        (
            {"toy": {"radios": 2}},
            "toy.radios",
            "unknown key 'radios' in toy; did you mean 'radius'?; valid keys: radius",
        ),
        (
            {"toy": "non"},
            "toy",
            "toy: expected a mapping (keys: width, height), a mapping (keys: radius) or 'none', got 'non'; "
            "did you mean 'none'?",
        ),
        ({"sizes": [3, "x"]}, "sizes.1", "sizes.1: expected a whole number from 1 to 9, got 'x'"),
        (
            {"sizes": 0},
            "sizes",
            "sizes: expected a list of entries, each a whole number from 1 to 9 or a whole number from 1 to 9, got 0",
        ),
        ({"by-name": "x"}, "by-name", "by-name: expected a whole number, got 'x'"),
        (
            {"named": 1},
            "named",
            "unknown key 'named'; did you mean 'by-name'?; valid keys: animals, toy, sizes, by-name, parcels, "
            "extra, plain, even, short",
        ),
        (
            {"parcels": {"a": {"two": "me"}}},
            "parcels.a.two",
            "unknown key 'two' in parcels.a; did you mean 'to'?; valid keys: to",
        ),
        ({"parcels": {5: "me"}}, "parcels.5", "parcels: the key 5 must be text; write it in quotes"),
        ({"even": 1}, "even", "even: input is odd, got 1"),
        ({"short": {"long": 1}}, "short.long", "short.long: string should have at most 3 characters, got 'long'"),
        # Types without a description use pydantic's message.
        ({"extra": {"note": "x"}}, "extra.note", f"extra.note: {NO_INTEGER}"),
        ({"plain": {"number": "x"}}, "plain", f"plain: {NO_INTEGER}"),
    ],
)
def test_problems_of_any_schema(content: object, keys: str, message: str) -> None:
    assert first_problem(content) == (keys, message)


def test_slots_from_annotations_of_all_forms() -> None:
    assert Slot.from_annotation(Annotated[Annotated[int, Field(ge=1)] | None, Field(le=5)]).constraint("ge") == 1
    assert Slot.from_annotation(int | None).type is int
    assert Slot.from_annotation(Sizes).item(7).constraint("le") == 9
    assert Slot.from_annotation(dict[str, Small]).values == Slot.from_annotation(Small)
    assert [slot.type for slot in Slot.from_annotation(tuple[int, str]).items or ()] == [int, str]
    assert Slot.from_annotation(Literal["a"] | Literal["b", 1] | float).literals == ("a", "b", 1)
    assert Slot.from_annotation(Parcel | tuple[int, ...]).shapes == {"mapping", "scalar", "list"}
    assert Slot.from_annotation(Any).shapes == {"mapping", "scalar", "list"}
    assert Slot.from_annotation(Box).required == ["width"]
