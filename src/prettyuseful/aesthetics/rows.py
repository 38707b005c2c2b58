"""All scores of single images, one row each. A user-defined score is such a row too, named as `file.py:OBJECT`."""

from __future__ import annotations

from prettyuseful.aesthetics import offline
from prettyuseful.aesthetics.base import Score
from prettyuseful.engine.pinned import Pinned
from prettyuseful.registry import Registry

PRETTINESS_PARTS = ("contrast", "colourfulness", "sharpness")
"""The scores whose z-scores `prettiness` adds up."""

SCORES = Registry(
    "score",
    Score,
    (
        Score(
            name="prettiness",
            summary="contrast, colourfulness and sharpness: the sum of their z-scores within the class",
            title="Prettiness",
            words="Sum of the z-scores of contrast, colourfulness and sharpness within the class, on the scale of the "
            "real images: 0 is their mean. By this score the images were chosen that pocket-curated was tuned on.",
            source="this project",
            parts=PRETTINESS_PARTS,
        ),
        Score(
            name="colourfulness",
            summary="colourfulness M3: spread and mean of the opponent colours",
            title="Colourfulness",
            words="Spread and mean of the red-green and yellow-blue differences of an image: 0 is grey, 33 moderately "
            "and 82 highly colourful.",
            source="Hasler and Süsstrunk 2003",
            function=offline.colourfulness,
            low=0.0,
        ),
        Score(
            name="contrast",
            summary="RMS contrast: standard deviation of the luma",
            title="Contrast",
            words="Standard deviation of the luma of an image in fractions of the range.",
            source="Peli 1990",
            function=offline.contrast,
            low=0.0,
            high=0.5,
        ),
        Score(
            name="sharpness",
            summary="standard deviation of the Laplacian of the luma; depends on the size of the image",
            title="Sharpness",
            words="Standard deviation of the Laplacian of the luma in grey levels, the root of the “variance of the "
            "Laplacian”. It depends on the size of the image, so compare the re-encoded values.",
            source="Pech-Pacheco et al. 2000",
            function=offline.sharpness,
            low=0.0,
        ),
        Score(
            name="saturation",
            summary="mean saturation of HSV",
            title="Saturation",
            words="Mean saturation of the pixels in HSV: 0 is grey, 1 pure colours.",
            source="Datta et al. 2006",
            function=offline.saturation,
            low=0.0,
            high=1.0,
        ),
        Score(
            name="exposure",
            summary="brightness: mean luma",
            title="Exposure",
            words="Mean luma in fractions of the range: 0 is black, 1 is white.",
            source="Datta et al. 2006",
            function=offline.exposure,
            low=0.0,
            high=1.0,
        ),
        Score(
            name="centre-bias",
            summary="share of the edges in the middle of the image, divided by its share of the area",
            title="Centre bias of edges",
            words="Share of the squared brightness gradients that lie in the middle half of both sides, divided by its "
            "share of the area: 1 if edges are spread evenly, at most 4.",
            source="this project; Ke et al. 2006 score the compactness of edges in this way",
            function=offline.centre_bias,
            low=0.0,
            high=4.0,
        ),
        Score(
            name="plainness",
            summary="share of the border that is plain: gradients below 1% of the range per pixel",
            title="Background plainness",
            words="Share of the pixels in the outer eighth of the image whose brightness changes by less than 1% of "
            "the range per pixel. It depends on the size of the image, so compare the re-encoded values.",
            source="this project",
            function=offline.plainness,
            low=0.0,
            high=1.0,
        ),
    ),
)


def offline_scores() -> tuple[str, ...]:
    """Return the built-in scores that are computed from one image alone; one pass computes all of them."""
    return tuple(score.name for score in SCORES if score.per_image)


def pin_score(name: str) -> Pinned[str]:
    """Return the score for a step's key: its name with its version, or the content of the user's file."""
    return Pinned(source=name, content=f"{name} {SCORES[name].version}") if name in SCORES else SCORES.pin(name)
