"""Reading a study file: YAML to a study, or one line on what is wrong and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from prettyuseful.errors import StudyError, one_line
from prettyuseful.plugins import plugin_id
from prettyuseful.study.file import Study
from prettyuseful.study.paths import resolve_paths
from prettyuseful.study.problems import problems


def load_study(path: Path | str) -> Study:
    """Reads a study file. A task's or generator's relative folder is looked up from the file's own folder.

    Raises:
        StudyError: the file cannot be read, or says something that a study cannot say; names the line.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(f"cannot read the study file {path}: {reason}") from error
    study = parse_study(text, str(path))
    resolved = resolve_paths(study, path.parent)
    if len(set(resolved.metrics)) < len(resolved.metrics):
        twin = next(name for name, count in Counter(resolved.metrics).items() if count > 1)
        raise StudyError(f"{path}: metrics: {plugin_id(twin)} stands here twice, in two spellings; remove one")
    return resolved


def parse_study(text: str, name: str = "study") -> Study:
    """A study from YAML text; `name` is what errors call it.

    Raises:
        StudyError: see `load_study`.
    """
    content, tree = _content(text, name)
    if not isinstance(content, Mapping):
        raise StudyError(
            f"{name}: a study is a mapping with version, task, datasets and train; see the README's example"
        )
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        found = [(_line(tree, problem.keys), problem) for problem in problems(error, Study, content)]
    line, first = min(found, key=lambda one: (not one[1].unknown_key, one[0]))
    raise StudyError(f"{name}:{line}: {first.message}")


def json_schema() -> dict[str, Any]:
    """The JSON schema of study files, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}


def _content(text: str, name: str) -> tuple[Any, yaml.Node | None]:
    """What a YAML text holds, and its nodes, which know their lines."""
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        tree = loader.get_single_node()
        twin = _repeated_key(tree)
        content = loader.construct_document(tree) if tree is not None and twin is None else None
    except Exception as error:  # PyYAML lets errors of many kinds through
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or one_line(str(error))
        raise StudyError(f"{place}: not valid YAML: {problem}") from error
    finally:
        if loader is not None:
            loader.dispose()
    if twin is not None:
        raise StudyError(f"{name}:{twin.start_mark.line + 1}: {twin.value!r} stands here twice; rename or remove one")
    return content, tree


def _line(tree: yaml.Node | None, keys: Sequence[Any]) -> int:
    """The line (from 1) of the node at a path; the deepest node that exists, if the path goes further."""
    made = yaml.constructor.SafeConstructor()
    line, node = 1, tree
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            # The last one: what a mapping merges in (<<) stands before its own keys.
            pairs = [(k, v) for k, v in node.value if made.construct_object(k, deep=True) == key]
            if not pairs:
                break
            line, node = pairs[-1][0].start_mark.line + 1, pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _repeated_key(tree: yaml.Node | None) -> yaml.Node | None:
    """The second of two equal keys in one mapping. An alias leads to a node once only: files can be bombs."""
    seen: set[int] = set()
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        return key
                    keys.add(key.value)
                nodes.append(value)
        elif isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
    return None
