"""How a classifier is trained, as frozen data. A recipe never depends on the data set it is used on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from prettyuseful.data.pixels import StoredSize
from prettyuseful.registry import Registry
from prettyuseful.training.augmentations import Augmentation, Nudge

Checkpoint = Literal["last", "lowest-validation-loss"]
Trains = Literal["all", "head"]


@dataclass(frozen=True)
class Recipe:
    """From stored images to trained weights: cross-entropy, linear warm-up, cosine decay.

    `stored_size`: short side in pixels of the decoded images, or `native`. `resize`: short side of a test image before
    squares of the augmentation's `size` are cut from it; `native` leaves it. `epochs`: passes over the data.
    `batch_size`: images per step. `weight_decay`: of matrices and kernels only, not of biases and norms.
    `warmup`: fraction of all steps; it rises from `warmup_from`, and decay ends at `final_rate`, both as fractions of
    `learning_rate`. `clip_norm`: of the gradient. `weights`: what a training begins with, random numbers or timm's
    pretrained weights; `trains`: everything, or only the last layer (a linear probe).
    `checkpoint`: which weights are kept, those of the last epoch, or those of the epoch with the lowest loss on
    `validation`, a fraction of the training images that is then not trained on.
    """

    stored_size: StoredSize
    resize: StoredSize
    augmentation: Nudge | Augmentation
    epochs: int
    batch_size: int
    optimiser: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float = 0.0
    warmup: float = 0.1
    warmup_from: float = 0.0
    final_rate: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 1.0
    weights: Literal["scratch", "pretrained"] = "scratch"
    trains: Trains = "all"
    checkpoint: Checkpoint = "last"
    validation: float = 0.1


def matched(recipe: Recipe, images: int, to: int) -> Recipe:
    """The recipe with as many epochs on `images` training images as make the steps that it takes on `to` of them."""

    def per_epoch(count: int) -> int:
        return count // min(recipe.batch_size, count)

    return replace(recipe, epochs=max(1, round(recipe.epochs * per_epoch(to) / per_epoch(images))))


@dataclass(frozen=True)
class View:
    """What a classifier is shown of an image that it is to classify: fixed squares, the same at every look.

    `crops` by `crops` of them, of `size` pixels, evenly spread over an image whose short side is made `resize`. One is
    the middle. With several, logits and features are averaged over them.
    """

    resize: StoredSize
    size: int
    crops: int = 1


def view_of(recipe: Recipe, crops: int = 1) -> View:
    """How classifiers of this recipe look at test images."""
    return View(recipe.resize, recipe.augmentation.size, crops)


SMALL = Recipe(
    stored_size=32,
    resize=32,
    augmentation=Nudge(size=32, shift=3, flip=True, jitter=0.1),
    epochs=12,
    batch_size=64,
    optimiser="adamw",
    learning_rate=3e-3,
    weight_decay=5e-2,
    label_smoothing=0.1,
)
_CROP_AND_FLIP = Augmentation(one_of=(), jitter=(0.0, 0.0, 0.0), cutmix=0.0)
_TEXTURE = replace(_CROP_AND_FLIP, size=128, scale=None, flips=("vertical", "horizontal"))
SMALL_TEXTURE = replace(SMALL, augmentation=replace(_TEXTURE, size=24), epochs=8, learning_rate=1e-3)

# protocol.md, "Training" and "Probes".
PAPER = Recipe(
    stored_size=256,
    resize=224,
    augmentation=Augmentation(),
    epochs=80,
    batch_size=1024,
    optimiser="adam",
    learning_rate=1e-3,
    warmup=5 / 80,
    warmup_from=1e-5,
    final_rate=1e-5,
)
PAPER_PROBE = replace(PAPER, augmentation=_CROP_AND_FLIP)
TEXTURE = replace(PAPER, resize=256, augmentation=_TEXTURE)

QUICK = replace(
    PAPER,
    stored_size=144,
    resize=144,
    augmentation=replace(_CROP_AND_FLIP, size=128, scale=(0.35, 1.0)),
    epochs=20,
    batch_size=64,
    optimiser="adamw",
    weight_decay=5e-2,
    warmup=0.1,
    label_smoothing=0.1,
)
FINE_TUNING = replace(
    PAPER_PROBE,
    epochs=20,
    batch_size=128,
    optimiser="adamw",
    learning_rate=1e-4,
    weight_decay=5e-2,
    warmup=0.1,
    weights="pretrained",
)
LINEAR_PROBE = replace(FINE_TUNING, learning_rate=1e-3, weight_decay=0.0, trains="head")


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe that studies can name."""

    name: str
    summary: str
    recipe: Recipe


RECIPES = Registry(
    "recipe",
    NamedRecipe,
    (
        NamedRecipe("small", "32 px, 12 epochs of AdamW; minutes on a laptop", SMALL),
        NamedRecipe("small-texture", "the same on random crops of 24 of 32 px, flipped both ways", SMALL_TEXTURE),
        NamedRecipe("quick", "128 px, 20 epochs of AdamW, crops and flips: a first look", QUICK),
        NamedRecipe("paper", "224 px, 80 epochs of Adam in batches of 1024, CutMix: the paper's", PAPER),
        NamedRecipe("paper-probe", "the paper's for its probes: crops and flips, nothing else", PAPER_PROBE),
        NamedRecipe("texture", "the paper's on random crops of 128 of 256 px, flipped both ways", TEXTURE),
        NamedRecipe("fine-tuning", "224 px, 20 epochs from pretrained weights, all of them learn", FINE_TUNING),
        NamedRecipe("linear-probe", "224 px, pretrained weights, only the last layer learns", LINEAR_PROBE),
    ),
)
