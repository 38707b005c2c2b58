"""Reading of study files: YAML text to a `Study`, or an error with file, line and remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from prettyuseful.errors import StudyError
from prettyuseful.plugins import plugin_id
from prettyuseful.redaction import contains_secret, redact_line
from prettyuseful.study.file import Study
from prettyuseful.study.paths import resolve_paths
from prettyuseful.study.problems import find_problems
from prettyuseful.untrusted_text import MAX_YAML_BYTES, UnreadableTextError, load_yaml_tree, read_text


def load_study(path: Path | str) -> Study:
    """Read a study file. Relative paths in it are resolved from the folder of the file.

    Raises:
        StudyError: the file cannot be read or is not a valid study; the message names the line.
    """
    path = Path(path)
    try:
        text = read_text(path, MAX_YAML_BYTES)
    except (OSError, UnreadableTextError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.problem
        raise StudyError(f"cannot read the study file {path}: {reason}") from error
    study = parse_study(text, str(path))
    resolved = resolve_paths(study, path.parent)
    if len(set(resolved.metrics)) < len(resolved.metrics):
        duplicate = next(name for name, count in Counter(resolved.metrics).items() if count > 1)
        raise StudyError(f"{path}: metrics: {plugin_id(duplicate)} is listed twice in different spellings; remove one")
    return resolved


def parse_study(text: str, name: str = "study") -> Study:
    """Parse a study from YAML text. `name` stands for the file name in error messages.

    Raises:
        StudyError: see `load_study`.
    """
    try:
        content, tree = load_yaml_tree(text)
    except UnreadableTextError as error:
        location = name if error.line is None else f"{name}:{error.line}"
        raise StudyError(f"{location}: {error.problem}") from error
    if contains_secret(text) and (keys := _find_secret(content)) is not None:
        place = redact_line(".".join(map(str, keys)))
        raise StudyError(
            f"{name}:{_line(tree, keys)}: {place} contains a secret, such as a token or a password; results contain "
            "the study, so keep secrets in environment variables"
        )
    if not isinstance(content, Mapping):
        raise StudyError(
            f"{name}: a study file must be a mapping with the keys version, task and datasets; "
            "see the example in the README"
        )
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        problems = [(_line(tree, problem.keys), problem) for problem in find_problems(error, Study, content)]
    line, problem = min(problems, key=lambda pair: (not pair[1].unknown_key, pair[0]))
    raise StudyError(f"{name}:{line}: {problem.message}")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of study files, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}


def _find_secret(content: Any) -> tuple[Any, ...] | None:
    """Return the keys of the first text that contains a secret, or of the value whose key does."""
    if isinstance(content, str):
        return () if contains_secret(content) else None
    items = content.items() if isinstance(content, Mapping) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if isinstance(key, str) and contains_secret(key):
            return (key,)
        if (keys := _find_secret(value)) is not None:
            return (key, *keys)
    return None


def _line(tree: yaml.Node | None, keys: Sequence[Any]) -> int:
    """Return the line (from 1) of the node at the path `keys`, or of the deepest node that exists on this path."""
    constructor = yaml.constructor.SafeConstructor()
    line, node = 1, tree
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            # Use the last one: keys merged in by << come before the mapping's own keys.
            pairs = [(k, v) for k, v in node.value if _is_key(k, key, constructor)]
            if not pairs:
                break
            line, node = pairs[-1][0].start_mark.line + 1, pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _is_key(node: yaml.Node, key: Any, constructor: yaml.constructor.SafeConstructor) -> bool:
    if node.tag == "tag:yaml.org,2002:str":  # nearly all; to construct them costs seconds in a large file
        return bool(node.value == key)
    return bool(constructor.construct_object(node, deep=True) == key)
