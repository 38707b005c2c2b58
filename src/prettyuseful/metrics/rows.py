"""All metrics, one row each; a metric of a user's own is such a row too, named as `module:OBJECT`."""

from __future__ import annotations

from collections.abc import Iterable

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.metrics.alignment import clip_score, label_agreement
from prettyuseful.metrics.base import Metric
from prettyuseful.metrics.frechet import frechet_distance
from prettyuseful.metrics.kernel import cmmd, cmmd_without, kid, kid_without
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.prdc import manifold
from prettyuseful.metrics.vendi import vendi_score
from prettyuseful.plugins import plugin_id
from prettyuseful.registry import Registry

NEIGHBOURS = 5
"""k of precision, recall, density and coverage, as in the paper."""

METRICS = Registry(
    "metric",
    Metric,
    (
        Metric(
            name="density",
            summary="how often generated images fall among real ones",
            title="Density",
            words="How deep images lie among real ones, by real neighbourhoods of k images; no upper end.",
            source="Naeem et al. 2020",
            function=manifold,
            family="manifold",
            part="density_parts",
            per="synthetic image",
            low=0.0,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
        ),
        Metric(
            name="coverage",
            summary="share of real images with a generated one nearby",
            title="Coverage",
            words="Share of real images whose neighbourhood of k images holds one of these.",
            source="Naeem et al. 2020",
            function=manifold,
            family="manifold",
            part="coverage_parts",
            per="real image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
        ),
        Metric(
            name="precision",
            summary="share of generated images among the real ones",
            title="Precision",
            words="Share of images in the neighbourhood of some real image.",
            source="Kynkäänniemi et al. 2019",
            function=manifold,
            family="manifold",
            part="precision_parts",
            per="synthetic image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
        ),
        Metric(
            name="recall",
            summary="share of real images among the generated ones",
            title="Recall",
            words="Share of real images in the neighbourhood of some of these images.",
            source="Kynkäänniemi et al. 2019",
            function=manifold,
            family="manifold",
            part="recall_parts",
            per="real image",
            share=True,
            k=NEIGHBOURS,
            fewest=NEIGHBOURS + 1,
        ),
        Metric(
            name="frechet",
            summary="FID, with the features of any encoder",
            title="Fréchet distance",
            words="FID with this encoder's features. Lower is nearer; falls with more images.",
            source="Heusel et al. 2017",
            function=frechet_distance,
            per="set",
            low=0.0,
        ),
        Metric(
            name="kid",
            summary="KID: distance by a cubic kernel, unbiased, may be below 0",
            title="KID",
            words="Kernel Inception Distance, with this encoder's features: 0 on average for equal sets.",
            source="Bińkowski et al. 2018",
            function=kid,
            without=kid_without,
            per="set",
        ),
        Metric(
            name="cmmd",
            summary="CMMD: distance by a Gaussian kernel on directions",
            title="CMMD",
            words="Distance of directions by a Gaussian kernel, times 1000. Lower is nearer.",
            source="Jayasumana et al. 2024",
            function=cmmd,
            without=cmmd_without,
            per="set",
            low=0.0,
            high=40.0,
        ),
        Metric(
            name="vendi",
            summary="how many different images there are, of each class too",
            title="Vendi score",
            words="How many really different images there are, all classes together.",
            source="Friedman and Dieng 2023",
            function=vendi_score,
            reads="synthetic",
            per="set",
            low=1.0,
        ),
        Metric(
            name="vendi-per-class",
            summary="how many different images there are of a class, on average; comes with vendi",
            title="Vendi, per class",
            words="The same within each class, on average.",
            source="Friedman and Dieng 2023",
            function=vendi_score,
            family="vendi",
            comes_with="vendi",
            reads="synthetic",
            per="class",
            low=1.0,
        ),
        Metric(
            name="nearest",
            summary="distance to the nearest real image of the class",
            title="Nearest real",
            words="Distance to the nearest real image of the class; very small values are copies.",
            function=nearest_distance,
            part="distance",
            per="synthetic image",
            low=0.0,
        ),
        Metric(
            name="clip-score",
            summary="how well images fit 'a photo of a <class>'; needs a CLIP encoder",
            title="CLIPScore",
            words="2.5 times the cosine of an image with “a photo of a (class)”, 0 at least.",
            source="Hessel et al. 2021",
            function=clip_score,
            reads="texts",
            per="synthetic image",
            low=0.0,
            high=2.5,
        ),
        Metric(
            name="label-agreement",
            summary="share that the real-trained classifier takes for their class",
            title="Label agreement",
            words="Share of images that the real-trained classifier takes for their class.",
            function=label_agreement,
            reads="logits",
            per="synthetic image",
            share=True,
        ),
    ),
)


def family_rows(family: str) -> tuple[Metric, ...]:
    """The rows that are measured together: those of a family's name, or a user's own, which is measured by itself.

    Raises:
        UnknownNameError: neither of them.
    """
    rows = tuple(metric for metric in METRICS if metric.family == family)
    return rows or (METRICS[family],)


def pinned_family(name: str) -> Pinned[str]:
    """The family of a metric, for keys: by its name, or of a user's own by the content of its file."""
    if name not in METRICS:
        return METRICS.pinned(name)
    family = METRICS[name].family
    return Pinned(source=family, content=family)


def requested_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """The rows of the metrics that a study names, by those names, and of those that come with them.

    Raises:
        UnknownNameError: a name that stands for no row.
        DataError: a row of a user's own is called like another one, or like a family.
    """
    found: dict[str, Metric] = {}
    for name in names:
        found.setdefault(name, METRICS[name])
        found |= {metric.name: metric for metric in METRICS if metric.comes_with == name}
    taken = {called: "one of the package" for metric in METRICS for called in (metric.name, metric.family)}
    for name, metric in found.items():
        if name in METRICS:
            continue
        if metric.name in taken:
            raise DataError(
                f"the metric of {plugin_id(name)} is called {metric.name!r}, as {taken[metric.name]} is; results go by "
                "that name: change it"
            )
        taken[metric.name] = plugin_id(name)
    return found
