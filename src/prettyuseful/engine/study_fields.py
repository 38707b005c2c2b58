"""What a study calls the fields of steps, and which fields follow from others.

A step is described by its own fields, such as the range of images of a part. Users know the fields of their study: one
edit there changes fields of many kinds of steps, and should be one cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil

from pydantic import JsonValue

ANY = "*"
_PARTS = re.compile(r"\.?[^.\[]+|\[\d+\]")


@dataclass(frozen=True)
class StudyField:
    """What the study calls a field of a step.

    Attributes:
        words: the field of the study; `{dataset}` is replaced by the name of the step's data set.
        follows: fields of the study that the field follows from. If one of them changed, in the step itself or in what
            it is made from, the field is not named. `ANY`: it follows from any other change.
        identifies: whether it tells the steps of one study apart, such as a seed or the number of a class.
        exact: whether the values are those of the study.
    """

    words: str
    follows: tuple[str, ...] = ()
    identifies: bool = False
    exact: bool = True

    @property
    def is_internal(self) -> bool:
        """Whether no field of a study sets it directly."""
        return ANY in self.follows and not self.identifies


def _internal(words: str, identifies: bool = False) -> StudyField:
    return StudyField(words, (ANY,), identifies)


_CLASSES, _NUMBER = StudyField("classes"), StudyField("images_per_class")
_GENERATOR = {
    "generator": StudyField("generator"),
    "model": StudyField("generator", ("generator",)),
}
_RANGE = {"first": _internal("first of the part", identifies=True), "stop": _internal("end of the part")}
_VIEW = {
    "view.size": StudyField("recipe.size", ("recipe",)),
    "view.resize": StudyField("recipe.resize", ("recipe",)),
    "view.crops": StudyField("crops of the probe"),
}
_SETUP = {
    **{path.replace("view", "setup.view"): field for path, field in _VIEW.items()},
    "setup.stored_size": StudyField("recipe.stored_size"),
    "setup.encoder": StudyField("encoder", identifies=True),
    "setup.images": _internal("images of a diagnosis"),
    "setup.changed": _internal("images of a diagnosis"),
    "setup.coarse": _internal("changes that are tried"),
}
_EVERYWHERE = {
    "numerics.dtype": StudyField("numerics.dtype", ("numerics.device",)),
    "numerics.memory_format": StudyField("numerics.memory_format", ("numerics.device",)),
    "numerics.float32_precision": StudyField("numerics.float32_precision", ("numerics.device",)),
}
_LOAD = {"split": _internal("split", identifies=True), "per_class": StudyField("images_per_class", ("task",))}
_OF_KIND: Mapping[str, Mapping[str, StudyField]] = {
    "caption": {
        **_RANGE,
        "captioner": StudyField("prompts.captioner"),
        "words": StudyField("names of classes in prompts", ("classes",)),
    },
    "change": {"per_class": _NUMBER, "stored_size": StudyField("recipe.stored_size")},
    "check": {
        "name": StudyField("name of the data set", identifies=True),
        "role": _internal("role", identifies=True),
        "conditioned": StudyField("condition", exact=False),
    },
    "collect": {"classes": _CLASSES, "images_per_class": _NUMBER},
    "decode": {"stored_size": StudyField("recipe.stored_size")},
    "describe": {
        "writer": StudyField("prompts.writer"),
        "words": _internal("words of the class", identifies=True),
    },
    "diagnose": _SETUP,
    "drop": {"cause": StudyField("drop")},
    "drop-list": {"images": StudyField("drop", exact=False)},
    "embed": {**_VIEW, "encoder": StudyField("encoder", identifies=True)},
    "embed-text": {"encoder": StudyField("encoder", identifies=True), "texts": StudyField("classes", exact=False)},
    "embed-prompts": {
        "encoder": StudyField("score_models", identifies=True),
        "class_texts": StudyField("classes", exact=False),
        "own_prompts": StudyField("score_models.text", exact=False),
    },
    "encode": {
        **_GENERATOR,
        **_RANGE,
        "sequence": StudyField("generator", ("generator",), exact=False),
        "guided": StudyField("sampling.cfg", ("generator",), exact=False),
        "negative": StudyField("sampling.negative"),
        "instruction": StudyField("sampling.instruction"),
        "sampling": StudyField("sampling", ("generator",), exact=False),
    },
    "evaluate": _VIEW,
    "fit-mix": {"portions": _internal("images of a mixture", identifies=True)},
    "fit-probe": {"per_class": _NUMBER, "draw": _internal("draw of real images", identifies=True)},
    "generate": {
        **_GENERATOR,
        **_RANGE,
        "seed": StudyField("seed of data set {dataset}", identifies=True),
        "images": StudyField("images_per_class", ("micro_batch",), exact=False),
        "micro_batch": StudyField("micro_batch", ("generator",)),
        "prompts": _internal("number of prompts"),
        "encoding": _internal("encoding of prompts"),
        "stored.name": StudyField("format"),
        "stored.quality": StudyField("quality", ("format",)),
        "condition": StudyField("condition", exact=False),
        "label": _internal("number of the class", identifies=True),
    },
    "generate-hosted": {
        **_GENERATOR,
        **_RANGE,
        "seed": StudyField("seed of data set {dataset}", identifies=True),
        "allowance": _internal("what it may pay of at_most"),
        "label": _internal("number of the class", identifies=True),
    },
    "half": {"part": _internal("half", identifies=True)},
    "import": {"classes": _CLASSES, "per_class": StudyField("images_per_class", ("images",)), "names": _CLASSES},
    "keep-classes": {"labels": _internal("classes with enough images")},
    "load": _LOAD,
    "load-further": {**_LOAD, "skipped": _internal("images of other draws", identifies=True)},
    "measure": {
        "family": StudyField("metric", identifies=True),
        "control": _internal("control", identifies=True),
        "per_class": StudyField("images_per_class", (ANY,), exact=False),
    },
    "mix": {"parts": StudyField("mix of data set {dataset}")},
    "probe": {"transform": StudyField("probe.transform", identifies=True)},
    "prompt": {
        "strategy": StudyField("prompts.strategy", identifies=True),
        "classes": _CLASSES,
        "words": StudyField("names of classes in prompts", ("classes",)),
        "options": StudyField("prompts", ("prompts.strategy",)),
    },
    "re-encode": {
        "quality": _internal("quality of the real test images"),
        "per_class": StudyField("images_per_class", (ANY,), exact=False),
    },
    "subset": {"per_class": _internal("images of a rung")},
    "score": {"scores": _internal("scores", identifies=True), "threads": _internal("threads")},
    "score-features": {
        "score": StudyField("score", identifies=True),
        "head": StudyField("score_models", exact=False),
    },
    "score-agreement": {
        "score": StudyField("score", identifies=True),
        "classifier": StudyField("score_models", exact=False),
        "indices": StudyField("classes", exact=False),
    },
    "score-question": {
        "score": StudyField("score", identifies=True),
        "model": StudyField("score_models", exact=False),
        "class_texts": StudyField("classes", exact=False),
        "own_prompts": StudyField("score_models.text", exact=False),
    },
    "select": {
        "by": StudyField("select.by", identifies=True),
        "part": StudyField("select.keep", exact=False),
        "per_class": StudyField("select.keep", ("images_per_class",), exact=False),
        "random": _internal("random choice", identifies=True),
    },
    "train": {
        "architecture": StudyField("architecture", identifies=True),
        "seed": StudyField("training seed", identifies=True),
        "recipe.augmentation.size": StudyField("recipe.size"),
        "recipe.checkpoint": StudyField("train.checkpoint"),
        "weights": StudyField("train.weights", ("architecture", "recipe.weights")),
    },
    "train-mix": {
        "architecture": StudyField("architecture", identifies=True),
        "seed": StudyField("training seed", identifies=True),
        "portions": _internal("images of a mixture", identifies=True),
        "recipe.augmentation.size": StudyField("recipe.size"),
        "recipe.checkpoint": StudyField("train.checkpoint"),
        "weights": StudyField("train.weights", ("architecture", "recipe.weights")),
    },
    "tune": {
        "generator": StudyField("tune.of"),
        "model": StudyField("tune.of", ("tune.of",)),
        "settings": StudyField("tune"),
        "label": _internal("number of the class", identifies=True),
        "seed": StudyField("tune.seed", identifies=True),
    },
    "try": {**_SETUP, "changes": _internal("changes that are tried")},
}

_OF_INPUT = {("train", "start"): "pretrain"}


def input_field(kind: str, name: str) -> str | None:
    """Return the field of the study that gives a kind of steps an input, if such steps exist without it."""
    return _OF_INPUT.get((kind, name))


@cache
def study_field(kind: str, path: str) -> tuple[StudyField, str]:
    """Return what the study calls a field of a kind of steps, and the part of its path that is below it."""
    rows = _OF_KIND.get(kind, {})
    for prefix in _prefixes(path):
        if row := rows.get(prefix) or _EVERYWHERE.get(prefix):
            return row, path[len(prefix) :]
    return StudyField(path), ""


def _prefixes(path: str) -> Iterator[str]:
    """Yield a path such as `a.b[0].c`, and what it lies in, from the inside out."""
    parts = _PARTS.findall(path)
    for count in range(len(parts), 0, -1):
        yield "".join(parts[:count])


def is_within(field: str, parent: str) -> bool:
    """Whether a field of a study is another one, or lies in it."""
    return field == parent or field.startswith((f"{parent}.", f"{parent}[", f"{parent} "))


def micro_batch_limit(fields: Mapping[str, JsonValue]) -> int | None:
    """Return the number of images above which a setting for the images per batch has no effect, or None.

    It is the number of images of a prompt, or of all of them if they share micro-batches.
    """
    images, prompts, mixed = fields.get("images"), fields.get("prompts"), fields.get("encoding.mixed")
    if not (isinstance(images, int) and isinstance(prompts, int) and prompts > 0):
        return None
    is_diffusion = "sampling" not in fields  # it has fields of its own
    if mixed is None and prompts > 1 and is_diffusion:
        return None  # with fewer images per prompt, the step would encode the prompts itself
    return images if mixed else ceil(images / prompts)
