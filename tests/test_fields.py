from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import jsonschema
import pytest
from pydantic import BaseModel, Field, ValidationError

from prettyuseful.fields import (
    BareName,
    RegisteredName,
    RelativePath,
    resolve_existing_folder,
    resolve_existing_path,
    resolve_file_or_hub_id,
    resolve_images_or_plugin,
    resolve_path,
    resolve_plugin,
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
    spice: Annotated[str, RegisteredName(SPICES)] = "pepper"


class Menu(BaseModel):
    dish: Dish


def test_plain_text_sets_the_bare_field() -> None:
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
def test_the_json_schema_accepts_what_the_model_accepts(dish: object, valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(Menu.model_json_schema())
    assert validator.is_valid({"dish": dish}) == valid
    if not valid:
        with pytest.raises(ValidationError):
            Menu.model_validate({"dish": dish})


def test_an_unknown_row_name_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(ValidationError, match="unknown spice 'cumim'; did you mean 'cumin'"):
        Dish(main="rice", spice="cumim")
    assert Dish(main="rice", spice="mine:Mine").spice == "mine:Mine"


def test_relative_paths_are_made_absolute(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "mine.py").touch()
    here = f"{tmp_path}/"
    assert [resolve_path(text, tmp_path) for text in ("none", "/abs")] == [f"{here}none", "/abs"]
    texts = ("folder", "file.txt", "none", "mine:Mine")
    assert [resolve_existing_folder(text, tmp_path) for text in texts] == [f"{here}folder", *texts[1:]]
    assert [resolve_existing_path(text, tmp_path) for text in texts] == [f"{here}folder", f"{here}file.txt", *texts[2:]]
    weights = ("file.txt", "none", "a/none.safetensors", "timm/resnet50.a1_in1k")
    assert [resolve_file_or_hub_id(text, tmp_path) for text in weights] == [
        *(f"{here}{text}" for text in weights[:3]),
        weights[3],
    ]
    mine = f"{here}mine.py:Mine"
    assert [resolve_images_or_plugin(text, tmp_path) for text in texts] == [
        f"{here}folder",
        f"{here}file.txt",
        "none",
        mine,
    ]
    assert resolve_images_or_plugin("a-*.tar", tmp_path) == f"{here}a-*.tar"
    assert [resolve_plugin(text, tmp_path) for text in texts] == [*texts[:3], mine]


def test_names_and_texts_that_are_not_paths_stay_unchanged(tmp_path: Path) -> None:
    mark = RelativePath(resolve_path, names={"known"}, only_if=lambda dish: dish.spice == "pepper")
    assert mark.make_absolute("x", Dish(main="rice"), tmp_path) == f"{tmp_path}/x"
    assert mark.make_absolute("known", Dish(main="rice"), tmp_path) == "known"
    assert mark.make_absolute("x", Dish(main="rice", spice="cumin"), tmp_path) == "x"
