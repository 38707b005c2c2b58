from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import jsonschema
import pytest
from pydantic import BaseModel, Field, ValidationError

from prettyuseful.fields import (
    BareName,
    RelativePlace,
    RowName,
    any_path,
    existing_folder,
    existing_path,
    file_or_hub_id,
    images_or_plugin,
    plugin,
)
from prettyuseful.registry import Registry


@dataclass(frozen=True)
class Spice:
    name: str
    summary: str = "hot"


SPICES = Registry("spice", Spice, [Spice("pepper"), Spice("cumin")])


class Dish(BareName):
    bare_field: ClassVar[str] = "main"
    main: str = Field(min_length=2)
    spice: Annotated[str, RowName(SPICES)] = "pepper"


class Menu(BaseModel):
    dish: Dish


def test_a_bare_name_stands_for_one_field() -> None:
    assert Menu.model_validate({"dish": "rice"}).dish == Dish(main="rice") == Dish.model_validate({"main": "rice"})
    with pytest.raises(ValidationError, match=r"dish\.main"):
        Menu.model_validate({"dish": "r"})


@pytest.mark.parametrize(
    ("dish", "valid"),
    [
        ("rice", True),
        ({"main": "rice", "spice": "cumin"}, True),
        ({"main": "rice", "spice": "mine.py:Mine"}, True),
        ("r", False),
        (5, False),
        ({"main": "rice", "spice": "cumim"}, False),
    ],
)
def test_the_json_schema_takes_what_the_model_takes(dish: object, valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(Menu.model_json_schema())
    assert validator.is_valid({"dish": dish}) == valid
    if not valid:
        with pytest.raises(ValidationError):
            Menu.model_validate({"dish": dish})


def test_a_name_of_no_row_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="unknown spice 'cumim'; did you mean 'cumin'"):
        Dish(main="rice", spice="cumim")
    assert Dish(main="rice", spice="mine:Mine").spice == "mine:Mine"


def test_places_are_made_absolute_where_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "mine.py").touch()
    here = f"{tmp_path}/"
    assert [any_path(text, tmp_path) for text in ("none", "/abs")] == [f"{here}none", "/abs"]
    texts = ("folder", "file.txt", "none", "mine:Mine")
    assert [existing_folder(text, tmp_path) for text in texts] == [f"{here}folder", *texts[1:]]
    assert [existing_path(text, tmp_path) for text in texts] == [f"{here}folder", f"{here}file.txt", *texts[2:]]
    weights = ("file.txt", "none", "a/none.safetensors", "timm/resnet50.a1_in1k")
    assert [file_or_hub_id(text, tmp_path) for text in weights] == [
        *(f"{here}{text}" for text in weights[:3]),
        weights[3],
    ]
    mine = f"{here}mine.py:Mine"
    assert [images_or_plugin(text, tmp_path) for text in texts] == [f"{here}folder", f"{here}file.txt", "none", mine]
    assert images_or_plugin("a-*.tar", tmp_path) == f"{here}a-*.tar"
    assert [plugin(text, tmp_path) for text in texts] == [*texts[:3], mine]


def test_known_names_and_texts_of_another_meaning_stay(tmp_path: Path) -> None:
    place = RelativePlace(any_path, names={"known"}, only_if=lambda dish: dish.spice == "pepper")
    assert place.resolved("x", Dish(main="rice"), tmp_path) == f"{tmp_path}/x"
    assert place.resolved("known", Dish(main="rice"), tmp_path) == "known"
    assert place.resolved("x", Dish(main="rice", spice="cumin"), tmp_path) == "x"
