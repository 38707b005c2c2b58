"""All scores of single images, one row each. A user-defined score is such a row too, named as `file.py:OBJECT`."""

from __future__ import annotations

from prettyuseful.aesthetics import models, offline
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
        Score(
            name="laion-aesthetic",
            summary="LAION's aesthetic predictor, version 2: the rating that people would give an image, about 1 to 10",
            title="LAION aesthetic score",
            words="The rating of an image from 1 to 10 that LAION's predictor expects of people, from CLIP ViT-L/14. "
            "It reads no text.",
            source="Schuhmann et al. 2022, LAION-5B; improved-aesthetic-predictor",
            model=models.LAION_V2,
        ),
        Score(
            name="laion-aesthetic-v1",
            summary="LAION's aesthetic predictor, version 1: a linear head, about 1 to 10; needs the file of the head",
            title="LAION aesthetic score, version 1",
            words="The rating of an image from 1 to 10 that the first version of LAION's predictor expects of people, "
            "from CLIP ViT-L/14. It reads no text.",
            source="Schuhmann et al. 2022, LAION-5B; aesthetic-predictor",
            model=models.LAION_V1,
        ),
        Score(
            name="clip-iqa",
            summary="quality without reference: the probability of 'Good photo.' against 'Bad photo.' by CLIP ViT-L/14",
            title="CLIP-IQA",
            words="Probability of the text “Good photo.” against “Bad photo.” by CLIP ViT-L/14 at 224 px. The paper "
            "uses a ResNet-50 at full size, so do not compare with its values.",
            source="Wang et al. 2023",
            model=models.CLIP_IQA,
            low=0.0,
            high=1.0,
        ),
        Score(
            name="pickscore",
            summary="PickScore: which image people prefer for its text, by a fine-tuned CLIP ViT-H/14; about 17 to 24",
            title="PickScore",
            words="Preference of people for an image, given its text, by a CLIP ViT-H/14 that is fine-tuned on choices "
            "of users. One point more multiplies the odds of being chosen by 2.7.",
            source="Kirstain et al. 2023",
            model=models.PICKSCORE,
        ),
        Score(
            name="hps",
            summary="HPS v2.1: which image people prefer for its text, by another fine-tuned CLIP ViT-H/14; about 0.2 "
            "to 0.35",
            title="HPS v2.1",
            words="Cosine similarity of an image and its text by a CLIP ViT-H/14 that is fine-tuned on choices of "
            "people. The authors often print it times 100.",
            source="Wu et al. 2023, HPS v2",
            model=models.HPS_V2_1,
            low=-1.0,
            high=1.0,
        ),
        Score(
            name="vqascore",
            summary="VQAScore: the probability that an image shows its text, by a vision-language model that you give",
            title="VQAScore",
            words="Probability of the answer yes, against no, to the question whether the image shows its text, by a "
            "vision-language model. Values of different models do not compare.",
            source="Lin et al. 2024",
            model=models.VQASCORE,
            low=0.0,
            high=1.0,
        ),
        Score(
            name="classifier-agreement",
            summary="the probability that a pretrained ImageNet classifier gives to the class of the image",
            title="Agreement of a pretrained classifier",
            words="Probability that a classifier pretrained on ImageNet gives to the class of the image, among all its "
            "1,000 classes. It needs classes that ImageNet has.",
            source="Ravuri and Vinyals 2019 classify generated images in this way",
            model=models.AGREEMENT,
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
