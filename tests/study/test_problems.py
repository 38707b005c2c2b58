"""Every model and field of the study schema is made invalid in turn.

The fields come from the JSON schema, not from the annotations that the messages are derived from, so new fields are
tested without a change here.
"""

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
class Location:
    """A location in a study file: its path, its JSON schema, and a function that makes a study with a value there."""

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
    """Yield the alternatives of a schema."""
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
        return {"object", "array", "string", "number", "integer", "boolean", "null"}  # any value is valid
    names = {str: "string", int: "integer", bool: "boolean"}
    return {names[type(value)] for value in choices(schema)}


def choices(schema: dict[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def example(schema: dict[str, Any]) -> Any:
    """Return a value of the right type."""
    if "examples" in schema:
        return schema["examples"][0]
    option = next(options(schema))
    if values := choices(option):
        return values[0]
    match option.get("type"):
        case "object":
            return required(option) if "properties" in option else {"given": example(option["additionalProperties"])}
        case "array":
            return [example(item) for item in option.get("prefixItems", [option.get("items")])]
        case "boolean":
            return True
        case "integer":
            return option.get("minimum", 1)
        case "number":
            low, high = (option.get(a, option.get(b, 1)) for a, b in BOUNDS)
            return (low + high) / 2
    return "x"


BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))


def required(model: dict[str, Any]) -> dict[str, Any]:
    """Return the required fields of a model, and `kind` if it has one."""
    if model is SCHEMA:
        return BASE
    names = [
        name for name, field in model["properties"].items() if "const" in field or name in model.get("required", ())
    ]
    return {name: example(model["properties"][name]) for name in names}


def locations(location: Location) -> Iterator[Location]:
    """Yield the location and all locations below it, in every branch of every union."""
    yield location
    put = location.put
    for option in location.options:
        for name, field in option.get("properties", {}).items():
            yield from locations(
                Location((*location.keys, name), field, lambda v, o=option, n=name: put({**required(o), n: v}))  # type: ignore[misc]
            )
        if isinstance(values := option.get("additionalProperties"), dict):
            yield from locations(Location((*location.keys, "given"), values, lambda v: put({"given": v})))
        if isinstance(items := option.get("items"), dict):
            yield from locations(Location((*location.keys, 0), items, lambda v: put([v])))
        parts = option.get("prefixItems", [])
        for i, part in enumerate(parts):
            fixed = [example(other) for other in parts]
            around = fixed[:i], fixed[i + 1 :]
            yield from locations(Location((*location.keys, i), part, lambda v, a=around: put([*a[0], v, *a[1]])))  # type: ignore[misc]


ALL = [*locations(Location((), SCHEMA, lambda content: content))]
MODELS = [(location, option) for location in ALL for option in location.options if "properties" in option]
FIELDS = [(location, option, name) for location, option in MODELS for name in option["properties"]]


def yaml_lines(
    content: dict[str, Any], keys: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the lines of a YAML file with the path of the value on each line. List items have one line each."""
    indent = "  " * len(keys)
    for key, value in content.items():
        path = (*keys, key)
        if isinstance(value, dict) and value:
            yield path, f"{indent}{key}:"
            yield from yaml_lines(value, path)
        elif isinstance(value, list) and value:
            yield path, f"{indent}{key}:"
            yield from (((*path, i), f"{indent}- {json.dumps(item)}") for i, item in enumerate(value))
        else:
            yield path, f"{indent}{key}: {json.dumps(value)}"


def error_message(content: dict[str, Any], keys: tuple[str | int, ...]) -> str:
    """Return the error message of a study, without the file name and the line number, which must be that of `keys`."""
    lines = [*yaml_lines(content)]
    with pytest.raises(StudyError) as error:
        parse_study("\n".join(line for _, line in lines), "study.yaml")
    paths = [path for path, _ in lines]
    line = next((paths.index(keys[:n]) + 1 for n in range(len(keys), 0, -1) if keys[:n] in paths), 1)
    prefix, message = f"study.yaml:{line}: ", str(error.value)
    assert message.startswith(prefix), (message, keys, line)
    assert "\n" not in message
    return message.removeprefix(prefix)


def kind_of(model: dict[str, Any], location: Location) -> str:
    """Return the discriminator value of a model in a union, or an empty string."""
    return model["properties"]["kind"]["const"] if len(location.options) > 1 and "kind" in model["properties"] else ""


def misspelt(name: str, edit: tuple[str, float]) -> str:
    """Return the name with one letter dropped, doubled or replaced, or two letters swapped."""
    kind, position = edit
    i = min(int(position * len(name)), len(name) - (2 if kind == "swap" else 1))
    middle = {"drop": "", "double": name[i] * 2, "replace": "z", "swap": name[i : i + 2][::-1]}[kind]
    typo = name[:i] + middle + name[i + (2 if kind == "swap" else 1) :]
    return typo if typo != name else f"{name}{name[-1]}"  # swapping two equal letters changes nothing


def is_ambiguous(typo: str, others: Collection[str]) -> bool:
    """Return whether another name differs from the typo by at most one letter."""
    shorter = {typo[:i] + typo[i + 1 :] for i in range(len(typo))}
    return any(
        other == typo or other in shorter or (len(other) == len(typo) and sum(map(str.__ne__, other, typo)) == 1)
        for other in others
    )


# Each edit is made in hundreds of fields: 2 edits in the default suite.
few_edits = settings(max_examples=settings().max_examples // 20, derandomize=True, deadline=None)
EDITS = st.tuples(st.sampled_from(["drop", "double", "replace", "swap"]), st.floats(0, 1))
JARGON = re.compile(
    r"function-|literal\[|tuple\[|constrained|\binput\b|dictionary|\binstance\b|\b("
    + "|".join(SCHEMA["$defs"])
    + r")\b"
)


def test_every_model_of_the_schema_is_tested() -> None:
    models = {model["title"] for _, model in MODELS}
    parts = [part for schema in SCHEMA["$defs"].values() for part in schema.get("anyOf", [schema])]
    assert models == {"Study", *(part["title"] for part in parts if "properties" in part)}
    assert (len(models), len(MODELS), len(FIELDS)) > (25, 40, 150)


@few_edits
@given(EDITS)
def test_a_misspelt_key_is_reported_with_path_nearest_key_and_valid_keys(edit: tuple[str, float]) -> None:
    for location, model, name in FIELDS:
        typo = misspelt(name, edit)
        if name == "kind" or is_ambiguous(typo, model["properties"].keys() - {name}) or yaml.safe_load(typo) != typo:
            continue  # `off` is false in YAML
        content = {key: value for key, value in required(model).items() if key != name}
        study = location.put({**content, typo: example(model["properties"][name])})
        kind = kind_of(model, location)
        suffix = f" in {location.path}{f' ({kind})' if kind else ''}" if location.keys else ""
        assert error_message(study, (*location.keys, typo)) == (
            f"unknown key {typo!r}{suffix}; did you mean {name!r}?; valid keys: {', '.join(model['properties'])}"
        )


@pytest.mark.parametrize("value", [{"zz": 1}, ["zz"], "zz", 5.5, None], ids=repr)
def test_a_value_of_another_type_is_reported_with_path_and_expected_type(value: Any) -> None:
    json_type = {dict: "object", list: "array", str: "string", float: "number", type(None): "null"}[type(value)]
    count = 0
    for location in ALL[1:]:
        if json_type in location.types:
            continue
        message = error_message(location.put(value), location.keys)
        assert re.fullmatch(rf"{re.escape(location.path)}: expected .+, got .+", message), message
        assert not JARGON.search(message.removeprefix(location.path)), message
        count += 1
    assert count > 100


@few_edits
@given(EDITS)
def test_a_misspelt_choice_is_reported_with_the_nearest_choice(edit: tuple[str, float]) -> None:
    for location in ALL[1:]:
        valid = [choice for option in location.options for choice in choices(option) if isinstance(choice, str)]
        if location.keys[-1] == "kind":
            continue
        for choice in valid:
            typo = misspelt(choice, edit)
            if not is_ambiguous(typo, {*valid} - {choice}):
                message = error_message(location.put(typo), location.keys)
                # Values of this section are not repeated, because it may hold a secret.
                shown = "text" if location.path.startswith("score_models.") else repr(typo)
                end = re.escape(f", got {shown}; did you mean {choice!r}?")  # bare names are nested values
                assert re.fullmatch(rf"{re.escape(location.path)}(\.[a-z]+)?: expected .+{end}", message), message


@few_edits
@given(EDITS)
def test_a_misspelt_kind_is_reported_with_the_nearest_kind(edit: tuple[str, float]) -> None:
    for location in ALL:
        kinds = [kind_of(model, location) for model in location.options if "properties" in model]
        for kind in filter(None, kinds):
            if not is_ambiguous(typo := misspelt(kind, edit), {*kinds} - {kind}):
                message = error_message(location.put({"kind": typo}), (*location.keys, "kind"))
                *most, last = kinds
                valid = f"{', '.join(most)} or {last}"
                assert message == f"{location.path}.kind: expected {valid}, got {typo!r}; did you mean {kind!r}?"


def test_missing_keys_are_reported_with_the_expected_value() -> None:
    for location, model in MODELS:
        for name in required(model):
            rest = {key: value for key, value in required(model).items() if key != name}
            if any(rest.keys() == required(other).keys() for other in location.options if "properties" in other):
                continue  # without the key it is another model of the union
            if name != "kind" and "default" in model["properties"][name]:
                continue  # the only value that it can have
            study = location.put(rest)
            message = error_message(study, (*location.keys, name))
            assert re.fullmatch(
                rf"'{re.escape('.'.join(map(str, (*location.keys, name))))}' is missing; expected .+", message
            )
            assert not JARGON.search(message.partition(";")[2]), message
