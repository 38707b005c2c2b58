"""Training recipes: all settings of the training of a classifier. A recipe does not depend on the data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from prettyuseful.data.pixels import StoredSize
from prettyuseful.registry import Registry
from prettyuseful.training.augmentations import Augmentation, SmallAugmentation

Checkpoint = Literal["last", "lowest-validation-loss"]
Trains = Literal["all", "head"]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training with cross-entropy loss, linear warm-up and cosine decay.

    `stored_size`: short side in pixels of the decoded images; `native` keeps their size. `resize`: short side of a test
    image before cropping to the `size` of the augmentation; `native` keeps its size. `augmentation`: random changes of
    training images. `epochs`: passes over the training images. `batch_size`: images per step. `weight_decay`: applied
    to matrices and kernels only, not to biases and norms. `warmup`: fraction of all steps for the warm-up, which starts
    at `warmup_from`; the decay ends at `final_rate`; both are fractions of `learning_rate`. `label_smoothing`: weight
    of the uniform distribution in the targets. `clip_norm`: largest norm of the gradient. `weights`: initial weights,
    random (scratch) or timm's (pretrained). `trains`: all layers, or only the last one (head, a linear probe).
    `checkpoint`: the final weights are those of the last epoch, or of the epoch with the lowest validation loss.
    `validation`: fraction of the training images for that validation; they are not trained on.
    """

    stored_size: StoredSize
    resize: StoredSize
    augmentation: SmallAugmentation | Augmentation
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


def match_steps(recipe: Recipe, images: int, reference_images: int) -> Recipe:
    """Return the recipe with `epochs` changed, so that `images` give as many steps as `reference_images` give now."""

    def per_epoch(count: int) -> int:
        return count // min(recipe.batch_size, count)

    return replace(recipe, epochs=max(1, round(recipe.epochs * per_epoch(reference_images) / per_epoch(images))))


@dataclass(frozen=True)
class View:
    """The fixed square crops of a test image that a classifier receives.

    Logits and features are averaged over the crops. `resize`: short side of the image before cropping, in pixels;
    `native` keeps its size. `size`: side of the crops in pixels. `crops`: crops per side of a regular grid; 1 is the
    centre crop.
    """

    resize: StoredSize
    size: int
    crops: int = 1


def view_of(recipe: Recipe, crops: int = 1) -> View:
    """Return the test view of classifiers that are trained with this recipe."""
    return View(recipe.resize, recipe.augmentation.size, crops)


SMALL = Recipe(
    stored_size=32,
    resize=32,
    augmentation=SmallAugmentation(size=32, shift=3, flip=True, jitter=0.1),
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
class FrozenFeatures:
    """Settings of a linear probe on the features of a frozen pretrained encoder, see `linear_probe`.

    `inverse_strengths`: of the L2 penalty, as C in scikit-learn, for features of unit length; cross-validation of the
    training images chooses one. `folds`: of the cross-validation; where a class has fewer images or groups,
    `default_inverse_strength` is used. `stored_size`: short side in pixels at which images of derived data sets are
    changed.
    """

    inverse_strengths: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
    default_inverse_strength: float = 300.0
    folds: int = 4
    stored_size: StoredSize = 256


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe that studies refer to by name."""

    name: str
    summary: str
    recipe: Recipe | FrozenFeatures


FROZEN_FEATURES = "frozen-features"
RECIPES = Registry(
    "recipe",
    NamedRecipe,
    (
        NamedRecipe("small", "32 px, 12 epochs, AdamW; minutes on a laptop", SMALL),
        NamedRecipe(
            "small-texture",
            "32 px, 8 epochs, AdamW, random crops of 24 px, horizontal and vertical flips",
            SMALL_TEXTURE,
        ),
        NamedRecipe("quick", "128 px, 20 epochs, AdamW, crops and flips; for first results", QUICK),
        NamedRecipe("paper", "the paper's recipe: 224 px, 80 epochs, Adam, batch size 1024, CutMix", PAPER),
        NamedRecipe(
            "paper-probe", "the paper's recipe for probes: as paper, but with crops and flips only", PAPER_PROBE
        ),
        NamedRecipe(
            "texture", "the paper's recipe for texture: as paper-probe, but random 128 px crops, both flips", TEXTURE
        ),
        NamedRecipe("fine-tuning", "224 px, 20 epochs from pretrained weights; all layers are trained", FINE_TUNING),
        NamedRecipe(
            "linear-probe", "224 px, 20 epochs from pretrained weights; only the last layer is trained", LINEAR_PROBE
        ),
        NamedRecipe(
            FROZEN_FEATURES,
            "linear probe: L2-regularised multinomial logistic regression on frozen features of a pretrained encoder",
            FrozenFeatures(),
        ),
    ),
)
