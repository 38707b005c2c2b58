"""Read YAML and JSON that others wrote: a short text must not cost much memory or time."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prettyuseful.errors import one_line

if TYPE_CHECKING:
    import yaml

MAX_YAML_BYTES = 500_000
"""Longer YAML texts are rejected: PyYAML needs up to 10 s for a megabyte."""

MAX_JSON_BYTES = 16_000_000
"""Longer JSON texts are rejected: a text of empty lists needs 25 times its size."""

_MAX_NODES = 30_000  # of a YAML text, with every alias and merge key counted as often as it is used
_MAX_DEPTH = 100
_MAX_DIGITS = 100
_MAX_KEY_DIGITS = 15  # Python finds longer ones with equal hash values slowly, a minute for 30,000
_MAX_PROBLEM = 200
_MAX_CONTAINERS = 2_000_000  # lists and mappings of a JSON text; each needs about 60 bytes
_MAX_BITS = 63
# Where none of these stands, all numbers are finite and of usual length.
_UNUSUAL_NUMBER = re.compile(rb"NaN|Infinity|[eE]\+?\d{3}|\d{19}")


class UnreadableTextError(ValueError):
    """A text that is not valid YAML or JSON, or costs too much to read.

    Attributes:
        problem: what is wrong, on one line.
        line: where in a YAML text, from 1, or None.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem if line is None else f"line {line}: {problem}")
        self.problem, self.line = problem, line


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises:
        OSError: the file cannot be read.
        UnreadableTextError: the file is too long, or no file but a folder or a pipe.
    """
    if not path.is_file():
        path.stat()  # FileNotFoundError
        raise UnreadableTextError("not a regular file")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnreadableTextError(f"the file is too long (limit {limit:,} bytes)")
    return content


def read_text(path: Path, limit: int) -> str:
    """Return the text of a file of at most `limit` bytes.

    Raises:
        OSError: the file cannot be read.
        UnreadableTextError: the file is too long or not UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnreadableTextError(f"the file is too long (limit {limit:,} bytes)")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableTextError("not UTF-8 text") from None


def load_json(text: str | bytes) -> Any:
    """Return the content of a JSON text.

    Raises:
        UnreadableTextError: it is not valid JSON, too long, or nested too deeply.
    """
    if len(text) > MAX_JSON_BYTES:
        raise UnreadableTextError(f"the JSON text is too long (limit {MAX_JSON_BYTES:,} bytes)")
    try:
        return json.loads(text)
    except RecursionError:
        raise UnreadableTextError("not usable JSON: nested too deeply") from None
    except ValueError as error:  # broken JSON, bytes that are not UTF-8, a number of thousands of digits
        raise UnreadableTextError(f"not valid JSON: {one_line(str(error))[:_MAX_PROBLEM]}") from None


def load_exact_json(text: bytes) -> Any:
    """Return the content of a JSON text of any length whose numbers are used for results.

    Raises:
        UnreadableTextError: it is not valid JSON, nested too deeply, or holds too many lists and mappings, a key twice,
            or a number that is not finite or has more than 18 digits; the message names where the number is.
    """
    if text.count(b"[") + text.count(b"{") > _MAX_CONTAINERS:
        raise UnreadableTextError(f"more than {_MAX_CONTAINERS:,} lists and mappings")
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys)
        problem = _number_problem(content, ()) if _UNUSUAL_NUMBER.search(text) else None
    except UnreadableTextError:
        raise
    except RecursionError:
        raise UnreadableTextError("not usable JSON: nested too deeply") from None
    except UnicodeDecodeError:
        raise UnreadableTextError("not UTF-8 text") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise UnreadableTextError("a number of thousands of digits") from None
        raise UnreadableTextError(f"not valid JSON: {one_line(str(error))[:_MAX_PROBLEM]}") from None
    if problem:
        raise UnreadableTextError(problem)
    return content


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise UnreadableTextError(f"duplicate key {one_line(keys.most_common(1)[0][0])[:_MAX_PROBLEM]!r}")
    return mapping


def _number_problem(value: Any, keys: tuple[Any, ...]) -> str | None:
    """Return where the first number is that no result can have, and what is wrong with it."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{_path(keys)} is {value}, which is not a finite number"
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"{_path(keys)} is a number of more than 18 digits"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((problem for key, part in items if (problem := _number_problem(part, (*keys, key)))), None)


def _path(keys: tuple[Any, ...]) -> str:
    return one_line(".".join(map(str, keys)))[:_MAX_PROBLEM] or "the value"


_BOOLEAN, _TEXT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"
_WORDS = ("on", "off", "yes", "no")


def load_yaml(text: str) -> Any:
    """Return the content of a YAML text.

    Raises:
        UnreadableTextError: it is not valid YAML, too long, nested too deeply, or grows too much by its aliases.
    """
    return load_yaml_tree(text)[0]


def load_yaml_tree(text: str) -> tuple[Any, yaml.Node | None]:
    """Return the content of a YAML text, and its node tree, which holds the line numbers.

    Raises:
        UnreadableTextError: see `load_yaml`, and two equal keys in one mapping.
    """

    if len(text) > MAX_YAML_BYTES:
        raise UnreadableTextError(f"the YAML text is too long (limit {MAX_YAML_BYTES:,} bytes)")
    loader = None
    try:
        loader = _loader_class()(text)
        tree = loader.get_single_node()
        if tree is None:
            return None, None
        _check_tree(tree)
        return loader.construct_document(tree), tree
    except UnreadableTextError:
        raise
    except Exception as error:  # PyYAML raises many kinds of errors
        mark = getattr(error, "problem_mark", None)
        problem = one_line(str(getattr(error, "problem", None) or error))[:_MAX_PROBLEM]
        raise UnreadableTextError(f"not valid YAML: {problem}", mark.line + 1 if mark else None) from error
    finally:
        if loader is not None:
            loader.dispose()


def _loader_class() -> type[yaml.SafeLoader]:
    import yaml

    class BoundedLoader(yaml.SafeLoader):
        """A loader that stops while it builds the node tree, when the text has too many nodes or levels.

        The keys on, off, yes and no are text, as in YAML 1.2; PyYAML follows YAML 1.1, where they are true and false.
        """

        nodes = depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            self.nodes += 1
            self.depth += 1
            if self.nodes > _MAX_NODES:
                raise UnreadableTextError(f"more than {_MAX_NODES:,} values", self.line + 1)
            if self.depth > _MAX_DEPTH:
                raise UnreadableTextError(f"nested more than {_MAX_DEPTH} levels deep", self.line + 1)
            node = super().compose_node(parent, index)
            self.depth -= 1
            is_key = isinstance(parent, yaml.MappingNode) and index is None
            if is_key and isinstance(node, yaml.ScalarNode) and node.tag == _BOOLEAN and node.value.lower() in _WORDS:
                node.tag = _TEXT
            return node

    return BoundedLoader


def _check_tree(tree: yaml.Node) -> None:
    """Check a node tree in which aliases are shared nodes, before merge keys copy them and others walk every path."""
    import yaml

    known: dict[int, tuple[int, int] | None] = {}

    def size_and_height(node: yaml.Node) -> tuple[int, int]:
        """Return the number of values in a node and of levels below it. None marks the nodes around it."""
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            _check_number(node, _MAX_DIGITS)
            return 1, 0
        if id(node) in known:
            if (sizes := known[id(node)]) is None:
                raise UnreadableTextError("an alias that contains itself", line)
            return sizes
        known[id(node)] = None
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            children = [child for pair in node.value for child in pair]
        else:
            children = node.value
        total, height = 1, 0
        for child in children:
            size, levels = size_and_height(child)
            total, height = total + size, max(height, levels + 1)
        if total > _MAX_NODES or height > _MAX_DEPTH:
            raise UnreadableTextError(f"more than {_MAX_NODES:,} values or {_MAX_DEPTH} levels with its aliases", line)
        known[id(node)] = total, height
        return total, height

    size_and_height(tree)


def _check_keys(mapping: yaml.MappingNode) -> None:
    """Check that no key is written twice, and that no number among them is long."""
    import yaml

    keys: set[str] = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            _check_number(key, _MAX_KEY_DIGITS)
            if key.value in keys:
                line = key.start_mark.line + 1
                raise UnreadableTextError(f"duplicate key {key.value!r}; rename or remove one", line)
            keys.add(key.value)


def _check_number(node: yaml.ScalarNode, limit: int) -> None:
    if len(node.value) > limit and node.tag.endswith((":int", ":float")):
        raise UnreadableTextError(f"a number of more than {limit} digits", node.start_mark.line + 1)
