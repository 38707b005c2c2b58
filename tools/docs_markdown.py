"""Small pieces of Markdown: tables, anchors, and JSON schemas as tables of keys."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown.extensions.toc import slugify

Schema = Mapping[str, Any]
_SHOWN = 60  # characters of a long default

# Patterns of the schemas, as a reader writes the text.
_PATTERNS = {
    r"^\s*\d+ +per +class\s*$": "`N per class`",
    r"^.+:[A-Za-z_]\w*$": "`module:OBJECT`",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(map(_line, (head, ("---",) * len(head), *rows)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', '&#124;').split()) for cell in cells)} |"


def wrap(text: str) -> str:
    """Return text with lines of at most 100 characters; lists, tables and blocks of code keep their lines."""
    return "\n\n".join(map(_wrap_paragraph, text.strip("\n").split("\n\n")))


def _wrap_paragraph(paragraph: str) -> str:
    if paragraph.startswith("- "):
        items = re.split(r"\n(?=- )", paragraph)
        return "\n".join(_fill(item, "  ") for item in items)
    is_text = not re.match(r"[ |#<:-]|```|\d+\.|\*\*", paragraph)
    return _fill(paragraph) if is_text else paragraph


def _fill(text: str, indent: str = "") -> str:
    words = " ".join(text.split())
    return textwrap.fill(words, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def anchor(name: str) -> str:
    """Return an invisible target of links, which works in tables, too."""
    identifier = re.sub(r"[^\w.\[\]-]+", "-", name)  # HTML allows no spaces
    return f'<a id="{identifier}"></a>'


def heading_id(heading: str) -> str:
    """Return the anchor that MkDocs gives to a heading."""
    return str(slugify(heading.replace("`", ""), "-"))


def code(value: object) -> str:
    """Return a value as inline code, in JSON unless it is a text."""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


_NAMED = re.compile(r"((?:`\w+`(?:, | and )?)+): ")


@dataclass(frozen=True)
class Doc:
    """A docstring: its text, and the descriptions of single fields.

    Fields are described below `Attributes:`, or in paragraphs such as "`low`, `high`: the interval."
    """

    text: str
    fields: Mapping[str, str]

    @classmethod
    def parse(cls, docstring: str) -> Doc:
        text, _, rest = inspect.cleandoc(docstring).partition("\nAttributes:\n")
        attributes, _, _ = rest.partition("\n\n")
        fields: dict[str, str] = {}
        for entry in re.split(r"\n(?=\w)", textwrap.dedent(attributes).strip("\n")):
            name, _, description = entry.partition(":")
            if description:
                fields[name.split(" ")[0]] = " ".join(description.split())
        paragraphs = []
        for paragraph in text.strip().split("\n\n"):
            if _NAMED.match(paragraph):
                fields |= _named_fields(" ".join(paragraph.split()))
            else:
                paragraphs.append(paragraph)
        return cls("\n\n".join(paragraphs), fields)

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        first = self.text.split("\n\n")[0]
        return re.split(r"\.\s+(?=[A-Z`])", " ".join(first.split()))[0].removesuffix(".")


def _named_fields(paragraph: str) -> Iterator[tuple[str, str]]:
    """The names and descriptions in "`a`: first. `b`, `c`: second."."""
    _, *parts = _NAMED.split(paragraph)
    for names, description in zip(parts[::2], parts[1::2], strict=True):
        for name in re.findall(r"\w+", names):
            yield name, description.strip()


class SchemaTables:
    """The tables of keys of a JSON schema and of all models below it; every model has a section of its own.

    Attributes:
        root: name of the schema itself.
        models: the models below it, by name.
        schemas: all of them.
        paths: the keys that lead to each model: the title of its section, and the beginning of its anchors.
    """

    def __init__(self, schema: Schema, root: str) -> None:
        self.root = root
        self.models = dict(_models(schema.get("$defs", {})))
        self.schemas = {root: schema, **self.models}
        self.paths: dict[str, str] = {root: ""}
        self._find_paths(root)

    def _find_paths(self, root: str) -> None:
        """Name every model by the first path that leads to it, breadth first."""
        waiting = [root]
        while waiting:
            model = waiting.pop(0)
            for key, value in self.schemas[model].get("properties", {}).items():
                for name, suffix in _references(value):
                    if name in self.models and name not in self.paths:
                        path = ".".join(filter(None, (self.paths[model], f"{key}{suffix}")))
                        if path in self.paths.values():  # another branch of a union
                            path += f" ({self.models[name]['required'][0]})"
                        self.paths[name] = path
                        waiting.append(name)

    def link(self, model: str) -> str:
        return f"[{self.title(model)}](#{heading_id(self.title(model))})"

    def title(self, model: str) -> str:
        """Heading of a model's section: the keys that lead to it, or its name."""
        path = self.paths.get(model)
        return f"`{path}`" if path and path != model else model

    def rows(self, model: str) -> Iterator[tuple[str, str, str, str]]:
        """Key, type, default and meaning of every key of a model."""
        schema = self.schemas[model]
        doc = Doc.parse(schema.get("description", ""))
        for key, value in schema.get("properties", {}).items():
            path = ".".join(filter(None, (self.paths.get(model), key)))
            default = "required" if key in schema.get("required", ()) else self.default(value)
            selects = "Selects this kind." if "const" in value and key == "kind" else ""
            meaning = value.get("description") or selects or doc.fields.get(key) or self._summary_of_model(value)
            yield f"{anchor(path)}`{key}`", self.words(value), default, sentence(meaning)

    def _summary_of_model(self, value: Schema) -> str:
        names = {name for name, _ in _references(value) if name in self.models}
        return Doc.parse(self.models[min(names)].get("description", "")).summary if len(names) == 1 else ""

    def default(self, value: Schema) -> str:
        if "default" not in value:
            return "see below"
        if value["default"] is None or value["default"] in ({}, [], ""):
            return "none"
        if isinstance(value["default"], dict):
            return "its defaults"
        return code(_shortened(_without_nulls(value["default"])))

    def words(self, value: Schema) -> str:
        """Return type and range of a value in words."""
        if "$ref" in value:
            name = value["$ref"].rsplit("/", 1)[1]
            return self.link(name) if name in self.models else "any JSON value"
        if "const" in value:
            return code(value["const"])
        if "enum" in value:
            return ", ".join(map(code, value["enum"]))
        options = value.get("anyOf") or value.get("oneOf")
        if options:
            return self._choice(value, options)
        match value.get("type"):
            case "array":
                if "prefixItems" in value:
                    return f"[{', '.join(map(self.words, value['prefixItems']))}]"
                return f"list of: {self.words(value.get('items', {}))}{_count(value, 'Items')}"
            case "object":
                values = value.get("additionalProperties")
                return f"mapping from name to: {self.words(values)}" if isinstance(values, Mapping) else "mapping"
            case "integer" | "number" as kind:
                return f"{kind}{_range(value)}"
            case "string":
                if "pattern" in value:
                    return _PATTERNS.get(value["pattern"], f"text like `{value['pattern']}`")
                return "text"
            case "boolean":
                return "`true` or `false`"
            case "null":
                return "null"
        return "any value"

    def _choice(self, value: Schema, options: Sequence[Schema]) -> str:
        if "discriminator" in value:
            key = value["discriminator"]["propertyName"]
            return f"one of the sections below, by `{key}`"
        words = dict.fromkeys(map(self.words, sorted(options, key=lambda option: option.get("type") == "null")))
        if "null" in words and value.get("default", "") is None:
            del words["null"]  # the default "none" says it
        return " or ".join(words) or "null"


def _models(definitions: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """The models among the definitions of a schema: those with keys. Some can be written as a bare text as well."""
    for name, schema in definitions.items():
        branches = [schema, *schema.get("anyOf", ())]
        found = next((branch for branch in branches if "properties" in branch), None)
        if found is not None:
            yield name, found


def _references(value: Any, suffix: str = "") -> Iterator[tuple[str, str]]:
    """The models that a value refers to, each with what the path to it has at its end."""
    if not isinstance(value, Mapping):
        return
    if "$ref" in value:
        yield value["$ref"].rsplit("/", 1)[1], suffix
    for option in (*value.get("anyOf", ()), *value.get("oneOf", ())):
        kind = option.get("$ref", "").rsplit("/", 1)[-1] if "discriminator" in value else ""
        tags = {
            model.rsplit("/", 1)[1]: tag for tag, model in value.get("discriminator", {}).get("mapping", {}).items()
        }
        yield from _references(option, f"{suffix} ({tags[kind]})" if kind in tags else suffix)
    yield from _references(value.get("items"), f"{suffix}[]")
    for item in value.get("prefixItems", ()):
        yield from _references(item, f"{suffix}[]")
    yield from _references(value.get("additionalProperties"), f"{suffix}.NAME")


def _range(value: Schema) -> str:
    """Return the range of a number, as `, 0 to 1`, or nothing."""
    least, above = value.get("minimum"), value.get("exclusiveMinimum")
    most, below = value.get("maximum"), value.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    low = f"at least {least:,}" if least is not None else f"above {above:,}" if above is not None else ""
    high = f"at most {most:,}" if most is not None else f"below {below:,}" if below is not None else ""
    return f", {' and '.join(filter(None, (low, high)))}" if low or high else ""


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def _shortened(value: Any) -> Any:
    return f"{value[:_SHOWN]}..." if isinstance(value, str) and len(value) > _SHOWN else value


def _count(value: Schema, what: str) -> str:
    least = value.get(f"min{what}")
    return f" (at least {least})" if least else ""


def sentence(text: str) -> str:
    """Return a description as a sentence: keys and code at its beginning keep their case."""
    text = " ".join(text.split())
    if not text:
        return ""
    first = text.split()[0].strip(":,;")
    text = text[0].upper() + text[1:] if re.fullmatch(r"[a-z]+(-[a-z]+)*", first) else text
    return text if text.endswith((".", "?", "!")) else f"{text}."
