"""Reading a study file: YAML to a study, or one line on what is wrong and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from prettyuseful.encoders.source import EncoderSource
from prettyuseful.errors import StudyError, did_you_mean, one_line
from prettyuseful.generators.base import Sampling
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.study.file import DatasetPlan, ProbePlan, RecipePlan, Study, StudyNumerics, TrainPlan
from prettyuseful.study.paths import resolve_paths
from prettyuseful.tasks.find import TaskSource


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
    return resolve_paths(study, path.parent)


def parse_study(text: str, name: str = "study") -> Study:
    """A study from YAML text; `name` is what errors call it.

    Raises:
        StudyError: see `load_study`.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except Exception as error:  # PyYAML lets errors of many kinds through
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or one_line(str(error))
        raise StudyError(f"{place}: not valid YAML: {problem}") from error
    if not isinstance(content, Mapping):
        raise StudyError(
            f"{name}: a study is a mapping with version, task, datasets and train; see the README's example"
        )
    if (twin := _repeated_key(tree)) is not None:
        raise StudyError(f"{name}:{twin.start_mark.line + 1}: {twin.value!r} stands here twice; rename or remove one")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(_explain(error, name, tree)) from None


def json_schema() -> dict[str, Any]:
    """The JSON schema of study files, for editors."""
    schema = Study.model_json_schema()
    parts = schema["$defs"]
    names = {
        "TaskSource": {"type": "string"},
        "PromptPlan": {"anyOf": parts["PromptPlan"]["properties"]["strategy"]["anyOf"]},
        "CaptionerSource": {"type": "string"},
        "EncoderSource": {"type": "string"},
    }
    for part, bare in names.items():  # what a bare name stands for, too
        parts[part] = {"anyOf": [bare, parts[part]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _explain(error: ValidationError, name: str, tree: yaml.Node | None) -> str:
    """The first problem, in one line: where, what, and the nearest valid name. The rest are counted."""
    problems = error.errors()
    # Of a union, the branch with the deepest path is the one that was meant.
    problem = max(problems, key=lambda p: (p["type"] == "extra_forbidden", len(p["loc"])))
    keys = _keys(problem["loc"])
    place = f"{name}:{_line(tree, keys)}"
    path = ".".join(str(part) for part in keys)
    if problem["type"] == "extra_forbidden":
        known = list(_fields_at(keys[:-1]))
        hint = did_you_mean(str(keys[-1]), known)
        return f"{place}: unknown key {path!r}{hint}; known here: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{place}: {path!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    given = problem.get("input")
    shown = f" (it says {given!r})" if isinstance(given, str | int | float) else ""
    if problem["type"] == "literal_error" and isinstance(given, str):
        shown += did_you_mean(given, re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return f"{place}: {path + ': ' if path else ''}{message[:1].lower()}{message[1:]}{shown}"


def _keys(location: Sequence[Any]) -> list[Any]:
    """The keys of the file in a pydantic location, which also names a union's branch and marks a wrong key."""
    keys = list(location)
    for union in _UNIONS:
        if _pattern(keys[: len(union)]) == union:
            del keys[len(union) : len(union) + 1]
    return keys[:-1] if keys[-1:] == ["[key]"] else keys


def _pattern(keys: Sequence[Any]) -> tuple[str, ...]:
    """Keys, with a * for a name that the study gives, or a place in a list."""
    return tuple("*" if i == 1 and keys[0] in _NAMING else str(key) for i, key in enumerate(keys))


_NAMING = ("datasets", "probes", "recipes", "encoders")
_UNIONS = (
    ("datasets", "*", "sampling"),
    ("datasets", "*", "prompts", "templates"),
    ("recipes", "*", "stored_size"),
    ("recipes", "*", "resize"),
    ("probes", "*", "transform"),
)


def _fields_at(keys: list[Any]) -> Iterator[str]:
    at: dict[tuple[str, ...], type[BaseModel]] = {
        (): Study,
        ("task",): TaskSource,
        ("datasets", "*"): DatasetPlan,
        ("datasets", "*", "sampling"): Sampling,
        ("datasets", "*", "prompts"): PromptPlan,
        ("datasets", "*", "prompts", "captioner"): CaptionerSource,
        ("probes", "*"): ProbePlan,
        ("recipes", "*"): RecipePlan,
        ("encoders", "*"): EncoderSource,
        ("train",): TrainPlan,
        ("numerics",): StudyNumerics,
    }
    path = _pattern(keys)
    return iter(at[path].model_fields) if path in at else iter(())


def _line(tree: yaml.Node | None, keys: list[Any]) -> int:
    """The line (from 1) of the node at a path; the deepest node that exists, if the path goes further."""
    line, node = 1, tree
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(key)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
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
