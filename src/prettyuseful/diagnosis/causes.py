"""The causes of a difference from real images: one row per cause and direction. Names and texts come from the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Annotated

from prettyuseful.fields import ChoiceOf
from prettyuseful.formatting import Estimate, number, percent, share
from prettyuseful.registry import Registry


@dataclass(frozen=True)
class Unit:
    """The unit of a cause's effect: how the effect is written and which axis shows it.

    Attributes:
        effect_words: formats an effect with the lower and upper end of its interval.
        value_words: formats the effect in one class.
        axis_title: title of the axis on which effects are drawn.
        tick_format: d3 format of that axis.
        lowest_is_worst: the cause is strongest in the class with the lowest value.
    """

    effect_words: Callable[[float, float, float], str]
    value_words: Callable[[float], str]
    axis_title: str
    tick_format: str = "~r"
    lowest_is_worst: bool = False


def _share_of(counted: str) -> Unit:
    """Return the unit of a share (0-1) of labels or images, minus the share among real images; at least 0 in words."""

    def effect_words(effect: float, low: float, high: float) -> str:
        values = Estimate(*(max(0.0, value) for value in (effect, low, high)))
        return f"{percent(values)} of {counted}"

    axis_title = f"share of {counted}, minus the share among real images"
    return Unit(effect_words, lambda value: share(max(0.0, value)), axis_title, ".0%")


_DISTANCE_RATIO = Unit(
    lambda effect, low, high: (
        "the distance to the nearest neighbours is "
        f"{number(Estimate(exp(effect), exp(low), exp(high)))} times that in real images"
    ),
    lambda value: f"{exp(value):.2f} times the distance",
    "log ratio of nearest-neighbour distances (0: as in real images)",
    lowest_is_worst=True,
)
_CLASS_DISTANCES = Unit(
    lambda effect, low, high: (
        f"the distance to real images falls by {number(Estimate(effect, low, high))} of the distance between classes"
    ),
    lambda value: f"{value:.3g}",
    "reduction of the distance to real images, as a share of the distance between classes",
)


@dataclass(frozen=True)
class Drop:
    """For a cause whose images can be dropped from a data set.

    Attributes:
        dataset: suffix of the name of the data set without these images.
        words: the images that are dropped, in words.
    """

    dataset: str
    words: str


@dataclass(frozen=True)
class Cause:
    """A possible cause, in one direction, of a difference between a data set and real images.

    Attributes:
        id: name of the cause, without the direction.
        direction: "lost" or "added".
        title: heading in the report.
        meaning: one sentence that explains the cause.
        advice: suggested remedies, one sentence each.
        unit: the unit of its effect.
        least_effect: smallest effect that is reported, for causes measured on the whole data set. None for changes of
            pixels, which share `change_search.MIN_GAIN`.
        drop: set if the images that show the cause can be dropped.
    """

    id: str
    direction: str
    title: str
    meaning: str
    advice: tuple[str, ...]
    unit: Unit = _CLASS_DISTANCES
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
            "Class labels look wrong",
            "Two classifiers agree with high confidence on another class: one trained on real images, one trained on "
            "the other images of this data set.",
            (
                "Make the prompts unambiguous: a class name can have several meanings (prompt strategy definition).",
                "Drop images that a classifier trained on real images assigns to another class.",
            ),
            unit=_share_of("labels"),
            least_effect=0.05,
            drop=Drop("without-suspect-labels", "images whose labels look wrong"),
        ),
        Cause(
            "copies",
            "added",
            "Images are near-duplicates of real images",
            "They are closer to a real training image, or to its mirror image, than real images are to each other.",
            ("Drop them: they add nothing to the real images.", "Check licences and privacy."),
            unit=_share_of("images"),
            least_effect=0.05,
            drop=Drop("without-copies", "near-duplicates of real images"),
        ),
        Cause(
            "repeats",
            "added",
            "Images repeat each other",
            "Images of a class are closer to another image of the class, or to its mirror image, than nearly all real "
            "images are to each other.",
            (
                "Keep one of each group of repeats: the others add almost nothing.",
                "Use more seeds and more prompts, and check whether images were duplicated to fill a class.",
            ),
            unit=_share_of("images"),
            least_effect=0.05,
            drop=Drop("without-repeats", "repeats of other images"),
        ),
        Cause(
            "blank",
            "added",
            "Images show nothing",
            "They are black or of one other colour, as after an overflow or from a safety checker.",
            ("Drop them.", "Check the number format of the generator, and its safety checker."),
            unit=_share_of("images"),
            least_effect=0.01,
            drop=Drop("without-blanks", "images without contrast"),
        ),
        Cause(
            "coverage",
            "lost",
            "Images of a class are too similar to each other",
            "Coverage is narrow: images of a class are closer to each other than real images after the same changes.",
            (
                "Use captions of real images or several templates as prompts.",
                "Lower the guidance scale, use more seeds, or mix several generators.",
            ),
            unit=_DISTANCE_RATIO,
            least_effect=0.1,
        ),
        Cause(
            "colour-contrast",
            "lost",
            "Colour or contrast is lost",
            "Colours are less saturated, darker or lower in contrast than in real images.",
            (
                "Match the colours to those of real images.",
                "Raise the guidance scale, or check how the files were converted.",
            ),
        ),
        Cause(
            "colour-contrast",
            "added",
            "Colour or contrast is exaggerated or shifted",
            "Colours are more saturated, brighter, higher in contrast or of another hue than in real images.",
            (
                "Match the colours to those of real images.",
                "Lower the guidance scale, or check how the files were converted.",
            ),
        ),
        Cause(
            "colour-cast",
            "added",
            "Colours have a cast",
            "One colour channel is stronger or weaker than in real images, as after a wrong white balance.",
            ("Match the mean of each colour channel to that of real images.", "Check how the files were converted."),
        ),
        Cause(
            "posterised",
            "added",
            "Colours are posterised",
            "Each colour channel has only a few different values.",
            ("Check how the files were converted: palettes and low bit depths posterise images.",),
        ),
        Cause(
            "orientation",
            "added",
            "Images are rotated or upside down",
            "Images have another orientation than real images.",
            ("Rotate the images back.", "Check whether EXIF orientations were ignored."),
        ),
        Cause(
            "aspect",
            "added",
            "Objects are stretched or squashed",
            "The ratio of width to height of the content differs from that of real images.",
            ("Crop images to squares instead of resizing them to squares.",),
        ),
        Cause(
            "frame",
            "added",
            "Images have a frame",
            "Margins of one colour surround the content of most images, as after letterboxing or padding.",
            (
                "Crop the margins.",
                "Crop images to the size of the model instead of padding them, or pad the real images in the same way.",
            ),
        ),
        Cause(
            "background",
            "added",
            "Backgrounds are of one colour",
            "In most images, one flat colour surrounds the object, the same in all images of a class.",
            (
                "Describe different surroundings in the prompts, or replace the backgrounds.",
                "Check that the class cannot be recognised by the colour of the background.",
            ),
        ),
        Cause(
            "overlay",
            "added",
            "Images have an overlay",
            "The same mark, such as a watermark, a logo or text, is at one place of most images.",
            (
                "Crop the part of the images that contains it.",
                "Name watermarks and text in the negative prompt, or train the generator on images without them.",
            ),
        ),
        Cause(
            "periodic",
            "added",
            "Images have a periodic pattern",
            "The same checkerboard, grid or stripes are in most images, as from upsampling or decoding by blocks.",
            (
                "Use another decoder, or one that upsamples by interpolation instead of transposed convolutions.",
                "Check how the images were tiled, scanned or converted.",
            ),
        ),
        Cause(
            "shading",
            "added",
            "Brightness is uneven",
            "Images are darker or brighter than real images at one side or towards the edges, as after vignetting.",
            (
                "Divide the images by the mean brightness at each position, relative to that of real images.",
                "Remove words for vignettes, films and spotlights from the prompts.",
            ),
        ),
        Cause(
            "scale-position",
            "added",
            "Objects are too large",
            "Objects fill more of the image than in real images.",
            (
                "Describe the distance to the object in the prompts.",
                "Train with stronger random crops, or crop the real images in the same way.",
            ),
        ),
        Cause(
            "scale-position",
            "lost",
            "Objects are too small",
            "Objects fill less of the image than in real images.",
            ("Ask for close-ups in the prompts.", "Crop the images around their objects."),
        ),
        Cause(
            "structure",
            "lost",
            "Spatial structure is lost",
            "Parts of objects are in the wrong place, as after patches of the image are shuffled.",
            ("Use another generator, or more sampling steps: post-processing cannot restore structure.",),
        ),
        Cause(
            "high-frequencies",
            "lost",
            "Fine detail is lost",
            "The images contain less fine detail (high spatial frequencies) than real images, as after a blur, a lower "
            "resolution or a VAE.",
            (
                "Use a better VAE or decoder, or generate larger images and downsample them.",
                "Use more sampling steps.",
                "Do not upsample images.",
            ),
        ),
        Cause(
            "depth-of-field",
            "lost",
            "Backgrounds are blurred",
            "Only the centre of the images is as sharp as in real images, as by a shallow depth of field.",
            (
                "Ask for sharp backgrounds in the prompts, and avoid words such as portrait, bokeh and macro.",
                "Use captions of real images as prompts.",
            ),
        ),
        Cause(
            "high-frequencies",
            "added",
            "Noise or sharpening is added",
            "High spatial frequencies are stronger than in real images, as after noise or sharpening.",
            ("Use more sampling steps.", "Switch sharpening off.", "Downsample larger images with anti-aliasing."),
        ),
        Cause(
            "texture",
            "lost",
            "Texture is smoothed away",
            "Faint detail is missing while edges stay sharp: surfaces look waxy.",
            (
                "Lower the guidance scale; avoid distilled and few-step models.",
                "Do not use upscalers or face restoration.",
            ),
        ),
        Cause(
            "texture",
            "added",
            "Compression artefacts are added",
            "The images show the blocks and the ringing of JPEG compression.",
            ("Store the images as PNG, or as JPEG of quality 95.",),
        ),
    ),
)


def cause_ids() -> tuple[str, ...]:
    """Return the ids of all causes, without repetition, in the order of the rows."""
    return tuple(dict.fromkeys(cause.id for cause in CAUSES))


def directions() -> tuple[str, ...]:
    return tuple(dict.fromkeys(cause.direction for cause in CAUSES))


def droppable() -> dict[str, Drop]:
    """Return the rows of images that can be dropped, by the id of the cause."""
    return {cause.id: cause.drop for cause in CAUSES if cause.drop}


CauseId = Annotated[str, ChoiceOf(cause_ids)]
Direction = Annotated[str, ChoiceOf(directions)]
DroppableCause = Annotated[str, ChoiceOf(lambda: list(droppable()))]
