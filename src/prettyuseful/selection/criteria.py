"""By what images are selected, one row per criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from prettyuseful.aesthetics.base import Score
from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.plugins import plugin_id
from prettyuseful.registry import Registry, import_target

Reads = Literal["score", "logits", "texts", "real", "features"]


@dataclass(frozen=True)
class Criterion:
    """A number per image, the higher the more of it; or a method that spreads a choice over a class.

    Attributes:
        name: the name in study files.
        summary: one line of description.
        by: what stands after "by" in the words for a selection.
        source: where the method is published.
        reads: what it reads: `score`, a score of the image (see `aesthetics.rows.SCORES`); `logits` of the classifier
            that is trained on real images; `texts`, features of images and class names; `real`, features of images and
            of real training images; `features` of images.
        function: "module:attribute" of a function, which takes the arrays above; None for `score`.
        spread: whether it chooses images together, instead of one by one by a number.
    """

    name: str
    summary: str
    by: str
    source: str
    reads: Reads
    function: Callable[..., Any] | str | None = None
    spread: bool = False

    @classmethod
    def of_score(cls, score: Score) -> Criterion:
        return cls(score.name, score.summary, score.noun, score.source, "score")

    @property
    def compares_with_real(self) -> bool:
        """Whether it depends on real training images, so that it cannot judge these images themselves."""
        return self.reads in ("logits", "real")

    def load(self) -> Callable[..., Any]:
        """Return the function; it is imported now."""
        assert self.function is not None
        return import_target(self.function)

    @property
    def uses_encoder(self) -> bool:
        return self.reads in ("texts", "real", "features")


CRITERIA = Registry(
    "selection score",
    Criterion,
    (
        *map(Criterion.of_score, SCORES),
        Criterion(
            "label-confidence",
            "probability of the image's label, by the classifier that is trained on real images",
            "label confidence",
            "Northcutt et al. 2021, Confident learning",
            "logits",
            "prettyuseful.selection.nearness:label_confidence",
        ),
        Criterion(
            "typicality",
            "cosine of the image's features with the mean direction of the real training images of its class",
            "typicality",
            "Sorscher et al. 2022, Beyond neural scaling laws",
            "real",
            "prettyuseful.selection.nearness:typicality",
        ),
        Criterion(
            "nearest-real",
            "cosine of the image's features with those of the nearest real training image of its class",
            "similarity to the nearest real image",
            "Meehan et al. 2020, A non-parametric test to detect data-copying",
            "real",
            "prettyuseful.selection.nearness:nearest_real",
        ),
        Criterion(
            "clip-score",
            "CLIPScore of the image with the name of its class; needs an encoder that also embeds texts",
            "CLIPScore",
            "Hessel et al. 2021, CLIPScore",
            "texts",
            "prettyuseful.metrics.alignment:clip_score",
        ),
        Criterion(
            "k-centre",
            "images that are far from each other: greedy k-centre on the features of an encoder",
            "k-centre",
            "Sener and Savarese 2018, Active learning for convolutional neural networks",
            "features",
            "prettyuseful.selection.choice:k_centre",
            spread=True,
        ),
        Criterion(
            "facility-location",
            "images that represent all images of their class: greedy facility location on the features of an encoder",
            "facility location",
            "Wei, Iyer and Bilmes 2015, Submodularity in data subset selection and active learning",
            "features",
            "prettyuseful.selection.choice:facility_location",
            spread=True,
        ),
    ),
)


def find_criterion(name: str) -> Criterion:
    """Return the criterion of that name; a user-defined score, `module:OBJECT`, is not loaded for it."""
    if name in CRITERIA:
        return CRITERIA.rows[name]
    return Criterion(plugin_id(name), "a user-defined score", plugin_id(name), "", "score")
