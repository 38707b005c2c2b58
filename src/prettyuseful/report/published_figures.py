"""Figures of the values that the paper published. They never share a plot with measured values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from prettyuseful.analysis.published import Published, PublishedDistribution, PublishedTransfer
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    annotation,
    axis,
    figure_layout,
    hover_text,
    line_shape,
    months_of,
    point_labels,
    release_axis,
    scatter,
    series_marker,
    transfer_layout,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import SeriesStyle

_SMALL_AREA = (290.0, 225.0)
_Value = TypeVar("_Value", PublishedTransfer, PublishedDistribution)


def published_release_figure(published: Published) -> Figure:
    """Draw accuracy on real images against the release of the model."""
    models = [model for model in published.generated if model.release]
    months = [months_of(model.release or "") for model in models]
    first, last = min(months) - 3, max(months) + 3
    positions = text_positions(
        [((month - first) / (last - first), m.synth_to_real / 0.8) for month, m in zip(months, models, strict=True)],
        [model.model for model in models],
        (480.0, 330.0),
    )
    data = [
        {
            **_scatter("class-name", [m.release for m in models], [m.synth_to_real for m in models]),
            **point_labels([m.model for m in models], positions),
            "hovertext": [
                hover_text(m.model, f"released {m.release}", f"Synth→Real {m.synth_to_real:.3f}") for m in models
            ],
        }
    ]
    real = published.real.synth_to_real
    layout = figure_layout(
        height=400,
        xaxis=release_axis("release of the model", first, last),
        yaxis=axis("Synth→Real accuracy", [0, 0.8], tickformat=".0%"),
        shapes=[line_shape(x0=0, x1=1, y0=real, y1=real, xref="paper", color="@real")],
        annotations=[annotation(f"real images {real:.3f}", x=1, y=real, xref="paper", xanchor="right", yanchor="top")],
    )
    values = "; ".join(f"{m.model} ({m.release}) {m.synth_to_real:.3f}" for m in models)
    alt = f"Published accuracy on real images by release: {values}; real {real}."
    return Figure("published-release", alt, data, layout)


def published_geneval_figure(published: Published) -> Figure:
    """Draw accuracy on real images against the GenEval score of the model, with class names as prompts."""
    scores = dict(published.geneval)
    models = [m for m in published.generated if m.prompts == "class-name" and m.model in scores]
    real = published.real.synth_to_real
    x_range, y_range = (0.35, 0.95), (0.0, 0.8)
    spots = [((scores[m.model] - x_range[0]) / (x_range[1] - x_range[0]), m.synth_to_real / y_range[1]) for m in models]
    data = [
        {
            **_scatter("class-name", [scores[m.model] for m in models], [m.synth_to_real for m in models]),
            **point_labels([m.model for m in models], text_positions(spots, [m.model for m in models], _SMALL_AREA)),
            "hovertext": [
                hover_text(m.model, f"GenEval {scores[m.model]:.2f}", f"Synth→Real {m.synth_to_real:.3f}")
                for m in models
            ],
        }
    ]
    layout = figure_layout(
        height=280,
        margin={"l": 54, "r": 12, "t": 12, "b": 50},
        xaxis=axis("GenEval score: prompt adherence", x_range),
        yaxis=axis("accuracy", y_range, tickformat=".0%", nticks=4),
        shapes=[line_shape(x0=0, x1=1, y0=real, y1=real, xref="paper", color="@real")],
        annotations=[annotation(f"real images {real:.3f}", x=1, y=real, xref="paper", xanchor="right", yanchor="top")],
    )
    values = "; ".join(f"{m.model} GenEval {scores[m.model]:.2f}, Synth→Real {m.synth_to_real:.3f}" for m in models)
    return Figure("published-geneval", f"Published accuracy by GenEval score: {values}; real {real}.", data, layout)


def published_transfer_figure(published: Published) -> Figure:
    """Draw Synth->Real against Real->Synth for prompts from class names and from captions."""
    real = published.real
    x_range, y_range = (0.0, 1.15), (0.0, 0.8)
    layout = transfer_layout(y_range)
    layout["xaxis"]["range"] = list(x_range)
    layout["annotations"] = [annotation("real images", x=real.real_to_synth, y=real.synth_to_real, yshift=14)]
    data = [
        *_traces(
            published.generated,
            lambda t: (t.real_to_synth, t.synth_to_real),
            ("Real→Synth", "Synth→Real"),
            (x_range[1], y_range[1]),
        ),
        {
            **series_marker(
                SeriesStyle("real", "real", "diamond"), [real.real_to_synth], [real.synth_to_real], size=12
            ),
            "hovertext": [hover_text("real images", f"Real→Real {real.synth_to_real:.3f}")],
        },
    ]
    values = "; ".join(
        f"{t.model} {t.prompts}: Real→Synth {t.real_to_synth:.3f}, Synth→Real {t.synth_to_real:.3f}"
        for t in published.generated
    )
    return Figure("published-transfer", f"Published Synth→Real against Real→Synth: {values}.", data, layout)


def published_distribution_figure(published: Published) -> Figure:
    """Draw density against coverage for prompts from class names and from captions."""
    ends = (0.5, 1.0)
    layout = figure_layout(height=480, xaxis=axis("coverage", [0, ends[0]]), yaxis=axis("density", [0, ends[1]]))
    data = _traces(published.distributions, lambda d: (d.coverage, d.density), ("coverage", "density"), ends)
    values = "; ".join(
        f"{d.model} {d.prompts}: density {d.density}, coverage {d.coverage}" for d in published.distributions
    )
    return Figure("published-distribution", f"Published density against coverage: {values}.", data, layout)


def _traces(
    values: Sequence[_Value],
    coordinates: Callable[[_Value], tuple[float, float]],
    names: tuple[str, str],
    ends: tuple[float, float],
) -> list[dict[str, Any]]:
    """Return a trace for each prompt strategy: filled for class names, hollow for captions."""
    pairs = [coordinates(value) for value in values]
    positions = text_positions(
        [(x / ends[0], y / ends[1]) for x, y in pairs], [value.model for value in values], PLOT_AREA
    )
    traces = []
    for prompts in ("class-name", "caption"):
        indices = [i for i, value in enumerate(values) if value.prompts == prompts]
        hovers = [
            hover_text(values[i].model, prompts, *(f"{n} {v:.3f}" for n, v in zip(names, pairs[i], strict=True)))
            for i in indices
        ]
        traces.append(
            {
                **_scatter(prompts, [pairs[i][0] for i in indices], [pairs[i][1] for i in indices]),
                **point_labels([values[i].model for i in indices], [positions[i] for i in indices]),
                "hovertext": hovers,
            }
        )
    return traces


def _scatter(prompts: str, x: Sequence[Any], y: Sequence[float]) -> dict[str, Any]:
    filled = prompts == "class-name"
    marker = {
        "symbol": "circle" if filled else "square",
        "size": 10,
        "color": "@published" if filled else "@published-surface",
        "line": {"width": 2, "color": "@published"},
    }
    return scatter(x, y, marker)
