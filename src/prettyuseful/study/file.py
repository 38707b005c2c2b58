"""The study file: what a study asks for, in YAML, strictly validated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from prettyuseful.errors import StudyError, did_you_mean
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import MODELS
from prettyuseful.numerics import DType, Numerics
from prettyuseful.plugins import is_plugin, rooted_plugin
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.tasks.find import TaskSource
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.chain import AnyTransform, Chain
from prettyuseful.transforms.custom import Own
from prettyuseful.transforms.structure import Depth
from prettyuseful.transforms.vae import Vae

REAL = "real"
"""The name of the real images among the data sets; a study cannot give it to another."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _dataset_name(name: str) -> str:
    if name == REAL:
        raise ValueError(f"a data set cannot be called {REAL!r}: that name stands for the task's real images")
    if not _DATASET_NAME.fullmatch(name):
        raise ValueError(
            "a data set's name may hold letters, digits, '-', '_' and '.', and begins with none of the last"
        )
    return name


DatasetName = Annotated[str, AfterValidator(_dataset_name)]
_DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _per_class(value: Any) -> Any:
    """`50 per class` and `50` are the same."""
    if isinstance(value, str) and (number := _PER_CLASS.fullmatch(value.strip())):
        return int(number[1])
    return value


_PER_CLASS = re.compile(r"(\d+) +per +class")
PerClass = Annotated[
    int,
    Field(ge=1, le=1_000_000),
    BeforeValidator(_per_class),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                {"type": "string", "pattern": r"^\s*\d+ +per +class\s*$"},
            ]
        }
    ),
]
_GENERATED = ("images_per_class", "prompts", "seed", "sampling")  # what makes no sense of a mix


class DatasetPlan(_Strict):
    """A data set: generated, taken from a folder of images, or mixed from others."""

    generator: str | None = Field(
        None,
        description="id of `prettyuseful list generators`, a hub id, a pipeline folder, a folder of images "
        "(class folders, .tar shards or Parquet files), or module:Class",
    )
    mix: dict[str, PerClass] | None = Field(
        None, min_length=1, description="other data sets, or real, and how many images per class of each"
    )
    images_per_class: PerClass | None = Field(None, description="how many; a mix counts its own")
    prompts: PromptPlan = Field(PromptPlan(), description="prompt strategy")
    seed: int = Field(0, ge=0, description="seed of the generation: another seed, another draw of images")
    sampling: Literal["vendor", "paper"] | Sampling = Field(
        "vendor", description="the vendor's settings, those of the paper's code, or your own"
    )
    control: str | None = Field(None, description="the data set that this one is compared with as planned beforehand")
    pretrain: str | None = Field(
        None, description="the data set (or real) that classifiers are trained on first, before this one"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> DatasetPlan:
        if (self.generator is None) == (self.mix is None):
            raise ValueError("give either a generator or a mix of other data sets")
        if self.mix is None and self.images_per_class is None:
            raise ValueError("images_per_class is missing: how many images per class shall there be?")
        if self.mix is not None and (odd := [name for name in _GENERATED if name in self.model_fields_set]):
            raise ValueError(f"a mix has no {odd[0]} of its own; that belongs to the data sets it is made of")
        return self

    @property
    def count(self) -> int:
        """Images per class."""
        return sum(self.mix.values()) if self.mix else self.images_per_class or 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The other data sets of the study that this one is made from or trained after."""
        return (*(self.mix or ()), *([self.pretrain] if self.pretrain else []))


class ProbePlan(_Strict):
    """A probe of the study's own."""

    transform: SerializeAsAny[AnyTransform] = Field(description="what is done to every image, train and test alike")


class TrainPlan(_Strict):
    """The classifiers: every architecture with every recipe, probe and seed."""

    architectures: tuple[str, ...] = Field(("small",), min_length=1)
    recipes: tuple[str, ...] = Field(("small",), min_length=1)
    probes: tuple[str, ...] = Field(
        ("rgb",), min_length=1, description="names of `prettyuseful list probes`, or of the study's own probes"
    )
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="training seeds: one run each")

    @field_validator("architectures", "recipes", "probes", "seeds")
    @classmethod
    def _no_twins(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) != len(values):
            raise ValueError("every entry may stand here only once")
        return values


class StudyNumerics(Numerics):
    """Numerics of a study: those of every step, and the micro-batch of generation."""

    dtype: Literal["auto", DType] = Field(  # type: ignore[assignment]
        "auto", description="number format of generation; auto is the model's own on a GPU, float32 on a CPU"
    )
    micro_batch: int = Field(25, ge=1, le=4096, description="images per generation batch")

    def of_generation(self, native: DType) -> Numerics:
        """Those of generation with a model whose own number format is `native`."""
        dtype = self.dtype if self.dtype != "auto" else native if self.device == "cuda" else "float32"
        return Numerics(**self.model_dump(exclude={"micro_batch", "dtype"}), dtype=dtype)

    def of_steps(self) -> Numerics:
        """Those of every other step: what only generation looks at is left out, so that it is in no other key."""
        return Numerics(**self.model_dump(include={"device", "threads", "compile", "memory_format"}))


class Study(_Strict):
    """A study: one task, its data sets, how classifiers are trained on them, and what is measured."""

    version: Literal[1]
    title: str = Field("", description="what the report is called")
    question: str = Field("", description="what is asked, in a sentence or two, for the report")
    task: TaskSource
    datasets: dict[DatasetName, DatasetPlan] = Field(min_length=1)
    probes: dict[DatasetName, ProbePlan] = Field({}, description="probes of the study's own, by name")
    train: TrainPlan = TrainPlan()
    metrics: tuple[Literal["density", "coverage", "precision", "recall"], ...] = ("density", "coverage")
    numerics: StudyNumerics = StudyNumerics()

    @field_validator("datasets")
    @classmethod
    def _controls_are_there(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            if plan.control is not None and (plan.control == name or plan.control not in datasets):
                hint = did_you_mean(plan.control, datasets.keys() - {name})
                raise ValueError(f"the control of {name!r} is {plan.control!r}, which is no other data set here{hint}")
        return datasets

    @field_validator("datasets")
    @classmethod
    def _parts_are_there(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            for part in plan.needs:
                if part != REAL and part not in datasets:
                    hint = did_you_mean(part, [REAL, *datasets])
                    raise ValueError(f"{name!r} needs {part!r}, which is no data set here{hint}")
                asked, there = (plan.mix or {}).get(part, 0), datasets[part].count if part != REAL else 1_000_000
                if asked > there:
                    raise ValueError(f"{name!r} takes {asked} images per class of {part!r}, which has {there}")
            if name in _all_needs(plan, datasets):
                raise ValueError(f"{name!r} needs itself, by way of its mix or pretrain")
        return datasets

    def images_of(self, name: str) -> set[str]:
        """The data sets that the images of one come from in the end: itself, or what it is mixed from."""
        mix = self.datasets[name].mix if name in self.datasets else None
        return {name} if mix is None else set().union(*(self.images_of(part) for part in mix))

    def seen_by(self, name: str) -> set[str]:
        """The data sets whose images classifiers of `name` have seen in the end, before it and in it."""
        before = self.datasets[name].pretrain if name in self.datasets else None
        return self.images_of(name) | (self.seen_by(before) if before else set())

    @field_validator("task", mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


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
    return _rooted(study, path.parent)


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
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
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
        "PromptPlan": {"enum": parts["PromptPlan"]["properties"]["strategy"]["enum"]},
        "CaptionerSource": {"type": "string"},
    }
    for part, bare in names.items():  # what a bare name stands for, too
        parts[part] = {"anyOf": [bare, parts[part]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _rooted(study: Study, folder: Path) -> Study:
    def rooted(place: str) -> str:
        found = folder / place
        if place in MODELS:
            return place
        if is_plugin(place):
            return rooted_plugin(place, folder)
        return str(found) if found.exists() or _PATTERN.search(place) else place

    task = study.task
    if task.folder is not None:
        task = task.model_copy(update={"folder": str(folder / task.folder)})
    if task.huggingface is not None and (folder / task.huggingface).is_dir():
        task = task.model_copy(update={"huggingface": str(folder / task.huggingface)})

    def dataset(plan: DatasetPlan) -> DatasetPlan:
        changes: dict[str, Any] = {}
        if plan.generator is not None:
            changes["generator"] = rooted(plan.generator)
        captioner = plan.prompts.captioner
        if captioner is not None and captioner.endpoint is None and (folder / captioner.model).is_dir():
            moved = captioner.model_copy(update={"model": str(folder / captioner.model)})
            changes["prompts"] = plan.prompts.model_copy(update={"captioner": moved})
        return plan.model_copy(update=changes)

    def transform(source: TransformSource) -> TransformSource:
        match source:
            case Chain():
                return source.model_copy(update={"transforms": tuple(map(transform, source.transforms))})
            case Vae():
                return source.model_copy(update={"generator": rooted(source.generator)})
            case Depth() if (folder / source.model).is_dir():
                return source.model_copy(update={"model": str(folder / source.model)})
            case Own():
                return source.model_copy(update={"transform": rooted(source.transform)})
            case _:
                return source

    datasets = {name: dataset(plan) for name, plan in study.datasets.items()}
    probes = {
        name: plan.model_copy(update={"transform": transform(plan.transform)}) for name, plan in study.probes.items()
    }
    return study.model_copy(update={"task": task, "datasets": datasets, "probes": probes})


_PATTERN = re.compile(r"[*?{\[].*\.(tar|parquet)$")


def _all_needs(plan: DatasetPlan, datasets: Mapping[str, DatasetPlan]) -> set[str]:
    found: set[str] = set()
    waiting = [*plan.needs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += datasets[name].needs if name in datasets else ()
    return found


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
    for union in (("datasets", "*", "sampling"), ("datasets", "*", "prompts", "templates")):
        if _pattern(keys[: len(union)]) == union:
            del keys[len(union) : len(union) + 1]
    return keys[:-1] if keys[-1:] == ["[key]"] else keys


def _pattern(keys: Sequence[Any]) -> tuple[str, ...]:
    """Keys, with a * for the name of a data set."""
    return tuple("*" if i == 1 and keys[0] == "datasets" else str(key) for i, key in enumerate(keys))


def _fields_at(keys: list[Any]) -> Iterator[str]:
    at: dict[tuple[str, ...], type[BaseModel]] = {
        (): Study,
        ("task",): TaskSource,
        ("datasets", "*"): DatasetPlan,
        ("datasets", "*", "sampling"): Sampling,
        ("datasets", "*", "prompts"): PromptPlan,
        ("datasets", "*", "prompts", "captioner"): CaptionerSource,
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
