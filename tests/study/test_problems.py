"""Every model and field of the schema is made wrong in turn. Where they are comes from the JSON schema, not from the
annotations that the messages are derived from; so a new field is tried without a change here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.errors import StudyError
from prettyuseful.study.reading import json_schema, parse_study

BASE = {"version": 1, "task": "photos", "datasets": {"base": {"generator": "pocket-base", "images_per_class": 5}}}
SCHEMA = json_schema()
Put = Callable[[Any], Any]


@dataclass(frozen=True)
class Place:
    """A place of a study file: the way there, what may stand in it, and a study with a value in it."""

    keys: tuple[str | int, ...]
    schema: dict[str, Any]
    put: Put

    @property
    def path(self) -> str:
        return ".".join(map(str, self.keys))

    @property
    def options(self) -> list[dict[str, Any]]:
        return list(options(self.schema))

    @property
    def types(self) -> set[str]:
        return {kind for option in self.options for kind in types(option)}


def options(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What may stand there instead of each other."""
    if "$ref" in schema:
        yield from options(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    elif branches := schema.get("anyOf", schema.get("oneOf")):
        for branch in branches:
            yield from options(branch)
    else:
        yield schema


def types(schema: dict[str, Any]) -> set[str]:
    if "type" in schema:
        return {schema["type"]}
    if schema.keys() <= {"title", "description", "default"}:
        return {"object", "array", "string", "number", "integer", "boolean", "null"}  # anything may stand there
    of = {str: "string", int: "integer", bool: "boolean"}
    return {of[type(value)] for value in choices(schema)}


def choices(schema: dict[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def example(schema: dict[str, Any]) -> Any:
    """A value of the right type."""
    one = next(options(schema))
    if found := choices(one):
        return found[0]
    match one.get("type"):
        case "object":
            return needed(one) if "properties" in one else {"given": example(one["additionalProperties"])}
        case "array":
            return [example(item) for item in one.get("prefixItems", [one.get("items")])]
        case "boolean":
            return True
        case "integer":
            return one.get("minimum", 1)
        case "number":
            low, high = (one.get(a, one.get(b, 1)) for a, b in BOUNDS)
            return (low + high) / 2
    return "x"


BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))


def needed(model: dict[str, Any]) -> dict[str, Any]:
    """What has to be there, and the kind that tells one model from another."""
    if model is SCHEMA:
        return BASE
    names = [
        name for name, field in model["properties"].items() if "const" in field or name in model.get("required", ())
    ]
    return {name: example(model["properties"][name]) for name in names}


def places(place: Place) -> Iterator[Place]:
    """The place and every one below it, in every branch of every union."""
    yield place
    put = place.put
    for option in place.options:
        for name, field in option.get("properties", {}).items():
            yield from places(
                Place((*place.keys, name), field, lambda v, o=option, n=name: put({**needed(o), n: v}))  # type: ignore[misc]
            )
        if isinstance(values := option.get("additionalProperties"), dict):
            yield from places(Place((*place.keys, "given"), values, lambda v: put({"given": v})))
        if isinstance(items := option.get("items"), dict):
            yield from places(Place((*place.keys, 0), items, lambda v: put([v])))
        parts = option.get("prefixItems", [])
        for i, part in enumerate(parts):
            fixed = [example(other) for other in parts]
            around = fixed[:i], fixed[i + 1 :]
            yield from places(Place((*place.keys, i), part, lambda v, a=around: put([*a[0], v, *a[1]])))  # type: ignore[misc]


ALL = [*places(Place((), SCHEMA, lambda content: content))]
MODELS = [(place, option) for place in ALL for option in place.options if "properties" in option]
FIELDS = [(place, option, name) for place, option in MODELS for name in option["properties"]]


def written(content: dict[str, Any], keys: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The lines of a YAML file, each with the way to what stands on it. Items of lists stand on one line each."""
    indent = "  " * len(keys)
    for key, value in content.items():
        way = (*keys, key)
        if isinstance(value, dict) and value:
            yield way, f"{indent}{key}:"
            yield from written(value, way)
        elif isinstance(value, list) and value:
            yield way, f"{indent}{key}:"
            yield from (((*way, i), f"{indent}- {json.dumps(item)}") for i, item in enumerate(value))
        else:
            yield way, f"{indent}{key}: {json.dumps(value)}"


def complaint(content: dict[str, Any], keys: tuple[str | int, ...]) -> str:
    """What is said of a study, after the name of the file and the line of `keys`."""
    lines = [*written(content)]
    with pytest.raises(StudyError) as error:
        parse_study("\n".join(line for _, line in lines), "study.yaml")
    ways = [way for way, _ in lines]
    line = next((ways.index(keys[:n]) + 1 for n in range(len(keys), 0, -1) if keys[:n] in ways), 1)
    place, said = f"study.yaml:{line}: ", str(error.value)
    assert said.startswith(place), (said, keys, line)
    assert "\n" not in said
    return said.removeprefix(place)


def kind_of(model: dict[str, Any], place: Place) -> str:
    """The value that tells a model from those that may stand there as well."""
    return model["properties"]["kind"]["const"] if len(place.options) > 1 and "kind" in model["properties"] else ""


def misspelt(name: str, edit: tuple[str, float]) -> str:
    """The name with one letter left out, doubled or replaced, or two in each other's place."""
    how, where = edit
    i = min(int(where * len(name)), len(name) - (2 if how == "swap" else 1))
    middle = {"drop": "", "double": name[i] * 2, "replace": "z", "swap": name[i : i + 2][::-1]}[how]
    typo = name[:i] + middle + name[i + (2 if how == "swap" else 1) :]
    return typo if typo != name else f"{name}{name[-1]}"  # two equal letters are still there


def as_near(typo: str, others: Collection[str]) -> bool:
    """Whether one of the other names is as near: the same but for one letter."""
    shorter = {typo[:i] + typo[i + 1 :] for i in range(len(typo))}
    return any(
        other == typo or other in shorter or (len(other) == len(typo) and sum(map(str.__ne__, other, typo)) == 1)
        for other in others
    )


EDITS = st.tuples(st.sampled_from(["drop", "double", "replace", "swap"]), st.floats(0, 1))
JARGON = re.compile(
    r"function-|literal\[|tuple\[|constrained|\binput\b|dictionary|\binstance\b|\b("
    + "|".join(SCHEMA["$defs"])
    + r")\b"
)


def test_every_model_of_the_schema_is_tried() -> None:
    models = {model["title"] for _, model in MODELS}
    parts = [part for schema in SCHEMA["$defs"].values() for part in schema.get("anyOf", [schema])]
    assert models == {"Study", *(part["title"] for part in parts if "properties" in part)}
    assert (len(models), len(MODELS), len(FIELDS)) > (25, 40, 150)


@settings(max_examples=6, derandomize=True, deadline=None)
@given(EDITS)
def test_a_misspelt_key_is_named_with_its_place_the_nearest_and_all_valid_ones(edit: tuple[str, float]) -> None:
    for place, model, name in FIELDS:
        typo = misspelt(name, edit)
        if name == "kind" or as_near(typo, model["properties"].keys() - {name}) or yaml.safe_load(typo) != typo:
            continue  # `off` is false in YAML
        content = {key: value for key, value in needed(model).items() if key != name}
        study = place.put({**content, typo: example(model["properties"][name])})
        kind = kind_of(model, place)
        where = f" in {place.path}{f' ({kind})' if kind else ''}" if place.keys else ""
        assert complaint(study, (*place.keys, typo)) == (
            f"unknown key {typo!r}{where}; did you mean {name!r}?; valid keys: {', '.join(model['properties'])}"
        )


@pytest.mark.parametrize("value", [{"zz": 1}, ["zz"], "zz", 5.5, None], ids=repr)
def test_a_value_of_another_type_is_named_with_its_place_and_what_is_expected(value: Any) -> None:
    of = {dict: "object", list: "array", str: "string", float: "number", type(None): "null"}[type(value)]
    tried = 0
    for place in ALL[1:]:
        if of in place.types:
            continue
        said = complaint(place.put(value), place.keys)
        assert re.fullmatch(rf"{re.escape(place.path)}: expected .+, got .+", said), said
        assert not JARGON.search(said.removeprefix(place.path)), said
        tried += 1
    assert tried > 100


@settings(max_examples=4, derandomize=True, deadline=None)
@given(EDITS)
def test_a_misspelt_choice_is_named_with_the_nearest(edit: tuple[str, float]) -> None:
    for place in ALL[1:]:
        valid = [choice for option in place.options for choice in choices(option) if isinstance(choice, str)]
        if place.keys[-1] == "kind":
            continue
        for choice in valid:
            typo = misspelt(choice, edit)
            if not as_near(typo, {*valid} - {choice}):
                said = complaint(place.put(typo), place.keys)
                end = re.escape(f", got {typo!r}; did you mean {choice!r}?")  # a bare name is the value of some field
                assert re.fullmatch(rf"{re.escape(place.path)}(\.[a-z]+)?: expected .+{end}", said), said


@settings(max_examples=4, derandomize=True, deadline=None)
@given(EDITS)
def test_a_misspelt_kind_is_named_with_the_nearest(edit: tuple[str, float]) -> None:
    for place in ALL:
        kinds = [kind_of(model, place) for model in place.options if "properties" in model]
        for kind in filter(None, kinds):
            if not as_near(typo := misspelt(kind, edit), {*kinds} - {kind}):
                said = complaint(place.put({"kind": typo}), (*place.keys, "kind"))
                *most, last = kinds
                valid = f"{', '.join(most)} or {last}"
                assert said == f"{place.path}.kind: expected {valid}, got {typo!r}; did you mean {kind!r}?"


def test_what_is_missing_is_named_with_what_is_expected() -> None:
    for place, model in MODELS:
        for name in needed(model):
            study = place.put({key: value for key, value in needed(model).items() if key != name})
            said = complaint(study, (*place.keys, name))
            assert re.fullmatch(
                rf"'{re.escape('.'.join(map(str, (*place.keys, name))))}' is missing; expected .+", said
            )
            assert not JARGON.search(said.partition(";")[2]), said
