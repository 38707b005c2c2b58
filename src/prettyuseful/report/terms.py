"""The terms that the report explains, for the hovers in the text and for the section "How to read this"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Term:
    """`hover`: text of the tooltip. `details`: further sentences of the glossary. `phrases`: spellings in texts."""

    id: str
    title: str
    hover: str
    details: str = ""
    phrases: tuple[str, ...] = ()


TERMS = (
    Term(
        "synth-real",
        "Synth→Real",
        "Accuracy on real test images of a classifier trained only on the images of this data set.",
        "This is the measure of usefulness in this report. Accuracy is the mean over classes: every class has the same "
        "weight, however many test images it has.",
        ("Synth→Real",),
    ),
    Term(
        "real-synth",
        "Real→Synth",
        "Accuracy on the generated images of a classifier trained on real images.",
        "It shows whether the images are recognisable as their class. Recognisable images can still be poor training "
        "data: they may show only the typical case.",
        ("Real→Synth", "The classifier trained on real images recognises"),
    ),
    Term(
        "real-real",
        "Real→Real",
        "The reference: accuracy on real test images of a classifier trained on real images.",
        "It uses equally many real images of each class, or as many as the task has.",
        ("Real→Real",),
    ),
    Term(
        "chance",
        "Chance",
        "The accuracy of random guessing: 1 divided by the number of classes.",
        phrases=("chance", "guessing"),
    ),
    Term(
        "interval",
        "Interval",
        "Two numbers in brackets, such as 76.9% [72.7, 81.1]: the 95% confidence interval of the estimate.",
        "It covers the training seeds and the choice of test images, grouped by source (for example, all crops of one "
        "photograph are one group). It covers other draws of the generator only for data sets with several draws; for "
        "all others the result holds for these images.",
        ("95% intervals",),
    ),
    Term(
        "seeds",
        "Training seed",
        "The random seed of one training run: initial weights, order of images and augmentation.",
        "Every classifier is trained once per seed. Intervals use Student's t, so few seeds make them wide.",
        ("training seeds", "training seed"),
    ),
    Term(
        "draw",
        "Draw",
        "One set of images of a generator with one seed; another draw has other images of the same prompts.",
        "With draws in the study, a data set is generated several times, and classifiers are trained on every draw. "
        "Metrics and diagnosis are those of draw 0.",
    ),
    Term(
        "worth",
        "Effective real images",
        "The number of real images per class that gives the same accuracy as this data set.",
        "Classifiers are trained on different numbers of real images with equally many training steps. The accuracy of "
        "the data set is located on that curve. Nothing is extrapolated beyond its ends: the result then reads "
        "“less useful than” or “at least”.",
        ("effective real images", "real images per class for the same accuracy"),
    ),
    Term(
        "prettiness",
        "Prettiness",
        "A score of single images, whatever their use; its mean over the images of a data set.",
        "Without another name, it is made of contrast, colourfulness and sharpness, on the scale of the real images. "
        "Whether people like an image is another question.",
        ("prettiness", "Prettier sets", "prettier sets"),
    ),
    Term(
        "rank-correlation",
        "Rank correlation",
        "Spearman's rho: 1 if prettier data sets are always more useful, -1 if they are always less useful.",
        "It rests on the generated data sets, without those that are made from another data set. The interval covers "
        "which generators were chosen and the errors of both measurements; the p-value is that of a permutation test.",
        ("rank correlation",),
    ),
    Term(
        "rank-range",
        "Rank range",
        "The ranks that a data set may have among the generated data sets, such as 2 [1, 3].",
        "The ranges of all data sets hold simultaneously with 95% confidence. Overlapping ranges mean that the order "
        "is not settled.",
    ),
    Term(
        "paired",
        "Difference",
        "Accuracy of one data set minus that of another, in percentage points, on the same test images and seeds.",
        "Because the comparison is paired, its interval is narrower than the two separate intervals suggest.",
        ("points",),
    ),
    Term(
        "significant",
        "Significant",
        "The interval of the difference, corrected for multiple comparisons where needed, excludes 0.",
        "“Not significant” does not mean equal: the study may be too small to show the difference.",
        ("not significant", "significantly", "significant"),
    ),
    Term(
        "detectable",
        "Detectable difference",
        "The true difference of accuracy that this study finds in 80% of cases, after the correction for several "
        "comparisons.",
        "It is estimated from how much results vary over training seeds and test images. Smaller true differences are "
        "often missed.",
        ("detectable difference",),
    ),
    Term(
        "pre-registered",
        "Pre-registered comparison",
        "A comparison that the study file planned before the runs (with control:).",
        "A single one has a 95% interval; several are one family and are corrected for each other (Holm).",
        ("Pre-registered comparison", "pre-registered comparison", "pre-registered"),
    ),
    Term(
        "exploratory",
        "Exploratory comparison",
        "A comparison of two data sets that the study did not plan; all such pairs are one family (Holm).",
        "Treat a finding from it as a hypothesis for a new study.",
        ("Exploratory comparison", "exploratory", "unplanned pairs"),
    ),
    Term(
        "holm",
        "Holm's correction",
        "With it, none of the comparisons that are called significant is a false one, with 95% probability.",
        "Of many comparisons, some differ by chance. The pair with the smallest p of m pairs is tested at 5% / m, the "
        "next one at 5% / (m - 1), and so on. Each interval has the level at which its pair is tested, so it excludes "
        "zero where the adjusted p is at most 5%.",
        ("Holm's correction", "Holm"),
    ),
    Term(
        "p-adjusted",
        "p, adjusted",
        "The p-value after correction for all hypotheses that were tested together.",
        "Comparisons use Holm's method. A diagnosis uses the permutation method of Westfall and Young (1993) "
        "over all causes, directions and strengths.",
        ("adjusted",),
    ),
    Term(
        "density",
        "Density",
        "How typical the generated images are: how many neighbourhoods of real images each one lies in.",
        "Naeem et al. 2020, k nearest neighbours, computed per class and averaged. There is no upper limit: compare "
        "with the control, real images against real images.",
        ("density", "Density"),
    ),
    Term(
        "coverage",
        "Coverage",
        "The share of real test images that have a generated image nearby: how much of the real variety is present.",
        "Naeem et al. 2020, k nearest neighbours, computed per class and averaged; between 0 and 1.",
        ("coverage", "Coverage"),
    ),
    Term(
        "re-encoded",
        "Re-encoded",
        "Measured again after both sides were resized to squares of one size and JPEG-compressed the same way.",
        "Generated and real images often differ in size, aspect ratio and compression, and encoders react to that. A "
        "difference that vanishes here comes from the file format, not from the content.",
        ("re-encoded",),
    ),
    Term(
        "configuration",
        "Configuration",
        "An architecture with a training recipe and a probe; records call it a grid cell.",
        "The sentences of the answer are about the first configuration of the study.",
        ("configuration",),
    ),
    Term(
        "probe",
        "Probe",
        "A transform of both train and test images that keeps only one cue, such as edges, texture or colour.",
        "A small gap to real images under a probe means that the generated images contain that cue.",
        ("probe",),
    ),
    Term(
        "calibration",
        "Calibration",
        "Whether the confidence of a classifier matches how often it is right.",
        "Expected calibration error, Brier score and negative log-likelihood: lower is better.",
        ("calibration",),
    ),
    Term(
        "class-distance",
        "Distance between classes",
        "Unit of the distance: the mean distance between the real images of two classes.",
        "The distance is the energy distance of image features. A value near 0 means that the data set differs from "
        "real images no more than real images differ from each other; it does not grow with the number of images.",
        ("distance between classes",),
    ),
    Term(
        "explained",
        "Explained share of the difference",
        "How much closer real images come to the data set when the change (for example, a blur) is applied to them.",
        "100% means that the change reproduces the whole difference; several changes can overlap.",
        ("of the difference",),
    ),
    Term(
        "unexplained",
        "Unexplained share of the difference",
        "The share of the difference from real images that remains after all reported causes.",
        "Above 30%, the images are changed in a way that only resembles the reported causes.",
        ("unexplained",),
    ),
    Term(
        "equivalent",
        "Equivalent change",
        "Another change that explains the difference equally well; these images do not separate the two.",
    ),
)
_BY_ID = {term.id: term for term in TERMS}
_BY_PHRASE = {phrase: term for term in TERMS for phrase in term.phrases}
_PHRASES = "|".join(rf"(?<![\w-]){re.escape(p)}(?![\w-])" for p in sorted(_BY_PHRASE, key=len, reverse=True))
ESTIMATE = r"[+-]?\d+(?:\.\d+)?(?:%| points)? \[[^\[\]]*, [^\[\]]*\]"
"""An estimate with its interval, as `prettyuseful.formatting` writes it."""
_PARTS = re.compile(rf"(?P<estimate>{ESTIMATE})|(?P<phrase>{_PHRASES})")


def term_link(term_id: str, text: str = "") -> Markup:
    """Return a word that shows the hover of a term and links to its entry."""
    term = _BY_ID[term_id]
    pattern = Markup('<a class="term" href="#term-{}" aria-describedby="hover-{}" title="{}">{}</a>')
    return pattern.format(term.id, term.id, term.hover, text or term.title)


def link_terms(sentences: Iterable[str]) -> list[Markup]:
    """Return the sentences with strong estimates and with a link at the first mention of each term."""
    linked: set[str] = set()
    return [_link_terms(sentence, linked) for sentence in sentences]


def _link_terms(sentence: str, linked: set[str]) -> Markup:
    parts, end = Markup(), 0
    for match in _PARTS.finditer(sentence):
        parts += Markup("{}").format(sentence[end : match.start()])
        if match["estimate"]:
            estimate, _, ends = match["estimate"].rpartition(" [")
            parts += Markup('<strong class="nowrap">{}</strong> <span class="range">[{}</span>').format(estimate, ends)
        else:
            term = _BY_PHRASE[match["phrase"]]
            first = term.id not in linked
            parts += term_link(term.id, match["phrase"]) if first else Markup("{}").format(match["phrase"])
            linked.add(term.id)
        end = match.end()
    return parts + Markup("{}").format(sentence[end:])
