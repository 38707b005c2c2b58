"""Names for study files: lazy tables from a name to an object, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from prettyuseful.errors import UnknownNameError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """Where an object lives ("module:attribute") and one line on what it is."""

    target: str
    summary: str

    def load(self) -> Any:
        module, attribute = self.target.split(":")
        return getattr(import_module(module), attribute)


@dataclass(frozen=True)
class Table:
    """The known names of one kind of thing."""

    kind: str
    entries: Mapping[str, Entry]

    def __getitem__(self, name: str) -> Entry:
        self.check(name)
        return self.entries[name]

    def check(self, name: str) -> None:
        """Raises UnknownNameError with the nearest known name."""
        if name not in self.entries:
            hint = did_you_mean(name, self.entries)
            raise UnknownNameError(f"unknown {self.kind} {name!r}{hint}; known: {', '.join(self.entries)}")


TASKS = Table(
    "task",
    {
        "photos": Entry("prettyuseful.tasks.photos:PhotosTask", "crops of 16 bundled photographs, 32 px, no download"),
        "imagenet-200": Entry(
            "prettyuseful.tasks.imagenet:imagenet_200", "the paper's 200 classes; from your folder or huggingface copy"
        ),
        "imagenet-1k": Entry(
            "prettyuseful.tasks.imagenet:imagenet_1k", "all 1,000 classes; from your folder or huggingface copy"
        ),
    },
)
PROMPTS = Table(
    "prompt strategy",
    {
        "class-name": Entry("prettyuseful.prompts.strategies:class_names", "the bare class name"),
        "caption": Entry(
            "prettyuseful.prompts.strategies:from_captions", "'<class>, <caption>', one caption per real train image"
        ),
        "template": Entry(
            "prettyuseful.prompts.strategies:from_templates", "sentences around the class name, such as CLIP's seven"
        ),
        "definition": Entry(
            "prettyuseful.prompts.strategies:with_definitions",
            "'<class>, <definition>' for class names that mean more than one thing",
        ),
    },
)
ARCHITECTURES = Table(
    "architecture",
    {"small": Entry("prettyuseful.training.architectures:SmallNet", "four convolutions for 32 px, 0.17 M parameters")},
)
RECIPES = Table(
    "recipe", {"small": Entry("prettyuseful.training.recipes:SMALL", "32 px, AdamW, one cycle; minutes on a laptop")}
)
PROBES = Table("probe", {"rgb": Entry("prettyuseful.probes:RGB", "the images as they are")})
METRICS = Table(
    "metric",
    {
        "density": Entry("prettyuseful.metrics.manifold:manifold", "how often generated images fall among real ones"),
        "coverage": Entry("prettyuseful.metrics.manifold:manifold", "share of real images with a generated one nearby"),
        "precision": Entry("prettyuseful.metrics.manifold:manifold", "share of generated images among the real ones"),
        "recall": Entry("prettyuseful.metrics.manifold:manifold", "share of real images among the generated ones"),
    },
)
