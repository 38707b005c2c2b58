"""Names for study files: lazy tables from a name to an object, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.plugins import is_plugin, load_plugin, plugin_fingerprint


class Row(Protocol):
    """The frozen object that describes one extensible thing; everything else derives from it."""

    @property
    def name(self) -> str:
        """What study files, records and reports call it."""

    @property
    def summary(self) -> str:
        """One line on what it is, for `prettyuseful list`."""


RowT = TypeVar("RowT", bound=Row)


class Registry(Generic[RowT]):
    """The rows of one kind of thing by name, in order. Users add their own as `module:OBJECT` or `file.py:OBJECT`."""

    def __init__(self, kind: str, row_type: type[RowT], rows: Iterable[RowT]) -> None:
        self.kind, self.row_type = kind, row_type
        self.rows: dict[str, RowT] = {row.name: row for row in rows}

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows.values())

    def __contains__(self, name: object) -> bool:
        """Whether a row comes with the package under that name."""
        return name in self.rows

    def __getitem__(self, name: str) -> RowT:
        """The row of a name, or the user's own.

        Raises:
            UnknownNameError: no such row; an own one that cannot be imported, or is no row of this kind.
        """
        self.check(name)
        if name in self.rows:
            return self.rows[name]
        found = load_plugin(name)
        if not isinstance(found, self.row_type):
            raise UnknownNameError(
                f"{name!r} is a {type(found).__name__}, and a {self.kind} is described by a {self.row_type.__name__}: "
                f"write NAME = {self.row_type.__name__}(...) in that file and name it here"
            )
        return found

    def pinned(self, name: str) -> Pinned[str]:
        """What stands for a row in keys: its name, or the content of the user's file."""
        return Pinned(source=name, content=name if name in self.rows else plugin_fingerprint(name))

    def check(self, name: str, also: Iterable[str] = ()) -> None:
        """Raises UnknownNameError with the nearest name, unless a row or `module:OBJECT` can be meant.

        `also`: names that are good beside those of the rows.
        """
        known = list(dict.fromkeys([*self.rows, *also]))
        if name not in known and not is_plugin(name):
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}, or your own as "
                "module:OBJECT"
            )


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

    def check(self, name: str, also: Iterable[str] = ()) -> None:
        """Raises UnknownNameError with the nearest known name. `also`: names that are good beside the table's."""
        known = list(dict.fromkeys([*self.entries, *also]))
        if name not in known:
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}"
            )


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
    {
        "small": Entry(
            "prettyuseful.training.architectures:SmallNet", "four convolutions for 32 px, 0.17 M parameters"
        ),
        "bagnet9": Entry("prettyuseful.training.bagnet:bagnet9", "sees windows of 9 px, whatever lies around; 15.7 M"),
        "bagnet17": Entry("prettyuseful.training.bagnet:bagnet17", "sees windows of 17 px; 16.2 M parameters"),
        "bagnet33": Entry("prettyuseful.training.bagnet:bagnet33", "sees windows of 33 px; 18.3 M parameters"),
    },
)
RECIPES = Table(
    "recipe",
    {
        "small": Entry("prettyuseful.training.recipes:SMALL", "32 px, 12 epochs of AdamW; minutes on a laptop"),
        "small-texture": Entry(
            "prettyuseful.training.recipes:SMALL_TEXTURE", "the same on random crops of 24 of 32 px, flipped both ways"
        ),
        "quick": Entry(
            "prettyuseful.training.recipes:QUICK", "128 px, 20 epochs of AdamW, crops and flips: a first look"
        ),
        "paper": Entry(
            "prettyuseful.training.recipes:PAPER", "224 px, 80 epochs of Adam in batches of 1024, CutMix: the paper's"
        ),
        "paper-probe": Entry(
            "prettyuseful.training.recipes:PAPER_PROBE", "the paper's for its probes: crops and flips, nothing else"
        ),
        "texture": Entry(
            "prettyuseful.training.recipes:TEXTURE", "the paper's on random crops of 128 of 256 px, flipped both ways"
        ),
        "fine-tuning": Entry(
            "prettyuseful.training.recipes:FINE_TUNING", "224 px, 20 epochs from pretrained weights, all of them learn"
        ),
        "linear-probe": Entry(
            "prettyuseful.training.recipes:LINEAR_PROBE", "224 px, pretrained weights, only the last layer learns"
        ),
    },
)
PROBES = Table(
    "probe",
    {
        "rgb": Entry("prettyuseful.transforms.probes:RGB", "the images as they are"),
        "structure": Entry("prettyuseful.transforms.probes:STRUCTURE", "depth maps by Depth-Anything-V2-Large"),
        "edges": Entry("prettyuseful.transforms.probes:EDGES", "an edge and silhouette map: structure without a model"),
        "texture": Entry(
            "prettyuseful.transforms.probes:TEXTURE", "a BagNet-9 on crops: what is seen through windows of 9 px"
        ),
        "low-pass": Entry("prettyuseful.transforms.probes:LOW_PASS", "frequencies below 0.1 of Nyquist, the paper's"),
        "high-pass": Entry(
            "prettyuseful.transforms.probes:HIGH_PASS", "frequencies from 0.1 of Nyquist on, the paper's"
        ),
        "released-high-pass": Entry(
            "prettyuseful.transforms.probes:RELEASED_HIGH_PASS",
            "from 0.9 of Nyquist on, as the paper's code flips the cutoff",
        ),
    },
)
ENCODERS = Table(
    "encoder",
    {
        "real-trained": Entry(
            "prettyuseful.encoders.real_trained:RealTrained",
            "the task's own classifier: the study's first, trained on real images; no download",
        ),
        "clip-vit-b-32": Entry("prettyuseful.encoders.hub:Clip", "openai/clip-vit-base-patch32, 512 values, texts too"),
        "clip-vit-l-14": Entry(
            "prettyuseful.encoders.hub:Clip", "openai/clip-vit-large-patch14, 768 values, texts too"
        ),
        "dinov2-b-14": Entry("prettyuseful.encoders.hub:Dinov2", "facebook/dinov2-base, 768 values: the class token"),
        "dinov2-l-14": Entry("prettyuseful.encoders.hub:Dinov2", "facebook/dinov2-large, 1024 values: the class token"),
        "inception": Entry(
            "prettyuseful.encoders.inception:Inception", "FID's, 2048 values; needs pytorch-fid's file of weights"
        ),
    },
)
CHECKS = Table(
    "kind of class to check",
    {
        "generator": Entry("prettyuseful.generators.check:check_own_generator", "prompts and seeds to images"),
        "probe": Entry("prettyuseful.transforms.check:check_own_transform", "images to images"),
    },
)
