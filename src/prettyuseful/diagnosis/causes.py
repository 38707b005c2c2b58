"""The causes that a diagnosis knows: one row for each cause and direction. All words and names derive from the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Annotated

from prettyuseful.fields import OneOf
from prettyuseful.registry import Registry


@dataclass(frozen=True)
class Unit:
    """How the effect of a cause is put into words and on an axis.

    `effect_words`: of an effect and the ends of its interval. `value_words`: of the effect in one class. `tick_format`:
    d3's. `lowest_is_worst`: the class with the lowest value shows the cause most.
    """

    effect_words: Callable[[float, float, float], str]
    value_words: Callable[[float], str]
    axis_title: str
    tick_format: str = "~r"
    lowest_is_worst: bool = False


def _share(of: str) -> Unit:
    """Share of labels or images beyond that among real images, 0-1; below 0 it is shown as 0."""

    def effect_words(effect: float, low: float, high: float) -> str:
        effect, low, high = (max(0.0, value) for value in (effect, low, high))
        return f"{effect:.0%} [{100 * low:.0f}, {100 * high:.0f}] of {of}"

    return Unit(effect_words, lambda value: f"{max(0.0, value):.0%}", f"share of {of} beyond real images'", ".0%")


_DISTANCE = Unit(
    lambda effect, low, high: (
        f"neighbours at {exp(effect):.2f} [{exp(low):.2f}, {exp(high):.2f}] times the distance in real images"
    ),
    lambda value: f"{exp(value):.2f} times the distance",
    "log distance of neighbours, real images at 0",
    lowest_is_worst=True,
)
_DEVIATIONS = Unit(
    lambda effect, low, high: f"real images come {effect:.3g} [{low:.3g}, {high:.3g}] standard deviations nearer",
    lambda value: f"{value:.3g}",
    "standard deviations that real images come nearer",
)


@dataclass(frozen=True)
class Drop:
    """Images that show a cause may be dropped from a set. `dataset`: ends the name of the set without them."""

    dataset: str
    words: str


@dataclass(frozen=True)
class Cause:
    """What may make a set of images differ from real ones, in one direction.

    `title`, `meaning` and `advice` are what a report says. `least_effect`: the smallest one that is named, of causes
    that are measured on the set as a whole; None of changes of pixels, which share `undoing.LEAST_GAIN`. `drop`: its
    images can be left out.
    """

    id: str
    direction: str
    title: str
    meaning: str
    advice: tuple[str, ...]
    unit: Unit = _DEVIATIONS
    least_effect: float | None = None
    drop: Drop | None = None

    @property
    def name(self) -> str:
        return f"{self.id} {self.direction}"

    @property
    def summary(self) -> str:
        return self.title


CAUSES = Registry(
    "cause",
    Cause,
    (
        Cause(
            "labels",
            "lost",
            "Labels are wrong",
            "Two classifiers that have not learnt these labels agree, confidently, on another class.",
            (
                "Write clearer prompts: class names have several meanings (prompt strategy definition).",
                "Leave out what a real-trained classifier takes for another class.",
            ),
            unit=_share("labels"),
            least_effect=0.05,
            drop=Drop("without-suspect-labels", "images with suspect labels"),
        ),
        Cause(
            "copies",
            "added",
            "Images are near-copies of real ones",
            "They lie nearer to a real train image, or its mirror image, than real images lie to each other.",
            ("Leave them out: they add nothing to the real images.", "Check licences and privacy."),
            unit=_share("images"),
            least_effect=0.05,
            drop=Drop("without-copies", "near-copies of real images"),
        ),
        Cause(
            "coverage",
            "lost",
            "Images of a class are too similar to each other",
            "Within a class they lie nearer to each other than real images do after the same changes.",
            (
                "Prompt with captions of real images, or with several templates.",
                "Lower the guidance scale; draw with other seeds; mix several generators.",
            ),
            unit=_DISTANCE,
            least_effect=0.1,
        ),
        Cause(
            "colour-contrast",
            "lost",
            "Colour or contrast is lost",
            "Colours are paler, darker or flatter than in real images.",
            ("Match colours to real images.", "Raise the guidance scale, or check how the files were converted."),
        ),
        Cause(
            "colour-contrast",
            "added",
            "Colour or contrast is exaggerated or shifted",
            "Colours are stronger, brighter or others than in real images.",
            ("Match colours to real images.", "Lower the guidance scale, or check how the files were converted."),
        ),
        Cause(
            "scale-position",
            "added",
            "Objects are shown too large",
            "Objects fill more of the image than in real ones.",
            (
                "Use prompts that say how far away things are.",
                "Train with stronger random crops, or crop real images in the same way.",
            ),
        ),
        Cause(
            "scale-position",
            "lost",
            "Objects are shown too small",
            "Objects fill less of the image than in real ones.",
            ("Use prompts that ask for close-ups.", "Crop the images around their objects."),
        ),
        Cause(
            "structure",
            "lost",
            "Structure is lost",
            "Parts are not where they belong.",
            ("Use another model, or more sampling steps: no processing of images brings structure back.",),
        ),
        Cause(
            "high-frequencies",
            "lost",
            "Fine detail is lost",
            "High frequencies are weaker than in real images, as after a blur, a smaller resolution or a VAE.",
            (
                "Use a better VAE or decoder, or larger images that are shrunk.",
                "Use more sampling steps.",
                "Do not enlarge images.",
            ),
        ),
        Cause(
            "high-frequencies",
            "added",
            "Noise or sharpness is added",
            "High frequencies are stronger than in real images.",
            ("Use more sampling steps.", "Switch sharpening off.", "Shrink larger images with anti-aliasing."),
        ),
        Cause(
            "texture",
            "lost",
            "Texture is smoothed away",
            "Faint detail is gone while edges are sharp, as in waxy pictures.",
            (
                "Lower the guidance scale; avoid distilled and few-step models.",
                "Leave out upscalers and face restoration.",
            ),
        ),
        Cause(
            "texture",
            "added",
            "Compression artefacts are added",
            "Images have the blocks and ringing of JPEG.",
            ("Store better files: PNG, or JPEG of quality 95.",),
        ),
    ),
)


def cause_ids() -> tuple[str, ...]:
    """Ids of all causes, each once, in the order of the rows."""
    return tuple(dict.fromkeys(cause.id for cause in CAUSES))


def directions() -> tuple[str, ...]:
    return tuple(dict.fromkeys(cause.direction for cause in CAUSES))


def droppable() -> dict[str, Drop]:
    """What can be dropped, by the id of the cause."""
    return {cause.id: cause.drop for cause in CAUSES if cause.drop}


CauseId = Annotated[str, OneOf(cause_ids)]
Direction = Annotated[str, OneOf(directions)]
DroppableCause = Annotated[str, OneOf(lambda: list(droppable()))]
