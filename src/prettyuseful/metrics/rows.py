"""All metrics, one row each. A user-defined metric is such a row too, named as `module:OBJECT` or `file.py:OBJECT`."""

from __future__ import annotations

from collections.abc import Iterable

from prettyuseful.aesthetics.base import Score
from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.metrics.alignment import clip_score, label_agreement
from prettyuseful.metrics.base import Metric
from prettyuseful.metrics.frechet import frechet_distance
from prettyuseful.metrics.kernel import cmmd, cmmd_leave_out, kid, kid_leave_out
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.prdc import manifold
from prettyuseful.metrics.scores import score_metrics
from prettyuseful.metrics.vendi import vendi_score
from prettyuseful.plugins import load_plugin, plugin_id
from prettyuseful.registry import Registry

NEIGHBOURS = 5
"""k of precision, recall, density and coverage; Naeem et al. 2020 use 5."""

METRICS = Registry(
    "metric",
    Metric,
    (
        Metric(
            name="density",
            summary="mean number of real neighbourhoods that contain a synthetic image, divided by k",
            title="Density",
            words="How many k-nearest-neighbour balls of real images contain a synthetic image, on average, divided by "
            "k. Has no upper bound.",
            source="Naeem et al. 2020",
            function=manifold,
            family="manifold",
            part="density_parts",
            per="synthetic image",
            low=0.0,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
            depends_on_number=True,
        ),
        Metric(
            name="coverage",
            summary="share of real images that have a synthetic image in their neighbourhood",
            title="Coverage",
            words="Share of real images whose k-nearest-neighbour ball contains a synthetic image.",
            source="Naeem et al. 2020",
            function=manifold,
            family="manifold",
            part="coverage_parts",
            per="real image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
            depends_on_number=True,
        ),
        Metric(
            name="precision",
            summary="share of synthetic images inside the neighbourhood of a real image",
            title="Precision",
            words="Share of synthetic images that lie in the k-nearest-neighbour ball of a real image.",
            source="Kynkäänniemi et al. 2019",
            function=manifold,
            family="manifold",
            part="precision_parts",
            per="synthetic image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
            depends_on_number=True,
        ),
        Metric(
            name="recall",
            summary="share of real images inside the neighbourhood of a synthetic image",
            title="Recall",
            words="Share of real images that lie in the k-nearest-neighbour ball of a synthetic image.",
            source="Kynkäänniemi et al. 2019",
            function=manifold,
            family="manifold",
            part="recall_parts",
            per="real image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
            depends_on_number=True,
        ),
        Metric(
            name="frechet",
            summary="squared Fréchet distance (FID), with the features of any encoder",
            title="Fréchet distance",
            words="FID with the features of this encoder. Lower is better; falls with the number of images.",
            source="Heusel et al. 2017",
            function=frechet_distance,
            per="set",
            low=0.0,
            depends_on_number=True,
        ),
        Metric(
            name="kid",
            summary="KID: squared MMD with a cubic kernel; unbiased, so it can be negative",
            title="KID",
            words="Kernel Inception Distance with the features of this encoder. Lower is better; 0 on average for "
            "equal distributions.",
            source="Bińkowski et al. 2018",
            function=kid,
            leave_out=kid_leave_out,
            per="set",
        ),
        Metric(
            name="cmmd",
            summary="CMMD: squared MMD with a Gaussian kernel on normalised features",
            title="CMMD",
            words="Squared MMD with a Gaussian kernel on features of length 1, times 1000. Lower is better.",
            source="Jayasumana et al. 2024",
            function=cmmd,
            leave_out=cmmd_leave_out,
            per="set",
            low=0.0,
            high=40.0,
            depends_on_number=True,
        ),
        Metric(
            name="vendi",
            summary="effective number of distinct images, all classes together",
            title="Vendi score",
            words="Effective number of distinct images, all classes together. Higher is more diverse.",
            source="Friedman and Dieng 2023",
            function=vendi_score,
            reads="synthetic",
            per="set",
            low=1.0,
            depends_on_number=True,
        ),
        Metric(
            name="vendi-per-class",
            summary="effective number of distinct images per class; measured together with vendi",
            title="Vendi, per class",
            words="Effective number of distinct images within a class, mean over classes.",
            source="Friedman and Dieng 2023",
            function=vendi_score,
            family="vendi",
            comes_with="vendi",
            reads="synthetic",
            per="class",
            low=1.0,
            depends_on_number=True,
        ),
        Metric(
            name="nearest",
            summary="distance to the nearest real image of the class",
            title="Nearest real image",
            words="Distance of a synthetic image to the nearest real image of its class. Very small values are copies.",
            function=nearest_distance,
            part="distance",
            per="synthetic image",
            low=0.0,
            depends_on_number=True,
        ),
        Metric(
            name="clip-score",
            summary="how well images match the text 'a photo of a <class>'; needs a CLIP encoder",
            title="CLIPScore",
            words="2.5 times the cosine similarity of an image and the text “a photo of a (class)”, at least 0.",
            source="Hessel et al. 2021",
            function=clip_score,
            reads="texts",
            per="synthetic image",
            low=0.0,
            high=2.5,
        ),
        Metric(
            name="label-agreement",
            summary="share of images that the real-trained classifier assigns to their class",
            title="Label agreement",
            words="Share of images that the classifier trained on real images assigns to their class.",
            function=label_agreement,
            reads="logits",
            per="synthetic image",
            share=True,
        ),
        *(metric for score in SCORES for metric in score_metrics(score)),
    ),
)


def family_rows(family: str) -> tuple[Metric, ...]:
    """Return the rows that one step measures: those of a family, of a user-defined score, or one user-defined row.

    Raises:
        UnknownNameError: `family` is neither a family nor a user-defined metric or score.
    """
    rows = tuple(metric for metric in METRICS if metric.family == family)
    return rows or _user_defined(family)


def _user_defined(name: str) -> tuple[Metric, ...]:
    """Return the user-defined metric `module:OBJECT`, or the metrics of the user-defined score of this name."""
    METRICS.check(name)
    if isinstance(load_plugin(name), Score):
        return tuple(score_metrics(SCORES[name]))
    return (METRICS[name],)


def pinned_family(name: str) -> Pinned[str]:
    """Return the family of a metric for a step's key. A user-defined metric enters by the content of its file."""
    if name not in METRICS:
        return METRICS.pin(name)
    family = METRICS[name].family
    return Pinned(source=family, content=family)


def requested_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Return the rows of the metrics that a study lists, by the listed names, and of metrics that come with them.

    A user-defined score stands for its metrics.

    Raises:
        UnknownNameError: a name matches no row.
        DataError: a user-defined metric has the name of another metric or of a family.
    """
    rows: dict[str, Metric] = {}
    for name in names:
        first, *others = (METRICS[name],) if name in METRICS else _user_defined(name)
        rows.setdefault(name, first)
        others += [metric for metric in METRICS if metric.comes_with == name]
        rows |= {metric.name: metric for metric in others}
    owners = {used: "a built-in metric" for metric in METRICS for used in (metric.name, metric.family)}
    for name, metric in rows.items():
        if name in METRICS:
            continue
        if metric.comes_with:  # of a user-defined score, whose first metric is checked
            name = metric.family
        if metric.name in owners:
            raise DataError(
                f"the metric {plugin_id(name)} has the name {metric.name!r}, which {owners[metric.name]} already has; "
                "results are stored by that name: choose another one"
            )
        owners[metric.name] = plugin_id(name)
    return rows
