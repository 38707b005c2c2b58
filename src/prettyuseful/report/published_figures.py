"""The figures of what the paper published; they share no plot with what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prettyuseful.analysis.published import Published, PublishedTransfer
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    axis,
    figure_layout,
    hover_text,
    line,
    marker,
    note,
    points,
    text,
    transfer_layout,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import Look


def published_release_figure(published: Published) -> Figure:
    """The paper's trend: accuracy on real images against the models' release."""
    points = [found for found in published.generated if found.release]
    ends = _months(min(p.release or "" for p in points)) - 3, _months(max(p.release or "" for p in points)) + 3
    area = [((_months(p.release or "") - ends[0]) / (ends[1] - ends[0]), p.synth_to_real / 0.8) for p in points]
    places = text_positions(area, [p.model for p in points], (480.0, 330.0))
    data = [
        {
            **_published_marker("class-name", [p.release for p in points], [p.synth_to_real for p in points]),
            **text([p.model for p in points], places),
            "hovertext": [
                hover_text(p.model, f"released {p.release}", f"Synth→Real {p.synth_to_real:.3f}") for p in points
            ],
        }
    ]
    real = published.real.synth_to_real
    layout = figure_layout(
        height=400,
        xaxis=axis(
            "release of the model", [_month(ends[0]), _month(ends[1])], type="date", tickformat="%Y", dtick="M12"
        ),
        yaxis=axis("Synth→Real accuracy", [0, 0.8], tickformat=".0%"),
        shapes=[line(x0=0, x1=1, y0=real, y1=real, xref="paper", color="@real")],
        annotations=[note(f"real images {real:.3f}", x=1, y=real, xref="paper", xanchor="right", yanchor="top")],
    )
    told = "; ".join(f"{p.model} ({p.release}) {p.synth_to_real:.3f}" for p in points)
    return Figure(
        "published-release", f"Published accuracy on real images by release: {told}; real {real}.", data, layout
    )


def published_transfer_figure(published: Published) -> Figure:
    """Both directions of transfer in the paper, class names and captions."""
    real = published.real
    across, up = (0.0, 1.15), (0.0, 0.8)
    layout = transfer_layout(up)
    layout["xaxis"]["range"] = list(across)
    layout["annotations"] = [note("real images", x=real.real_to_synth, y=real.synth_to_real, yshift=14)]
    data = [
        *_published_pairs(published.generated, _transfer_values, ("Real→Synth", "Synth→Real"), (across[1], up[1])),
        {
            **marker(Look("real", "real", "diamond"), [real.real_to_synth], [real.synth_to_real], size=12),
            "hovertext": [hover_text("real images", f"Real→Real {real.synth_to_real:.3f}")],
        },
    ]
    told = "; ".join(
        f"{p.model} {p.prompts}: Real to Synth {p.real_to_synth:.3f}, Synth to Real {p.synth_to_real:.3f}"
        for p in published.generated
    )
    return Figure("published-transfer", f"Published transfer in both directions: {told}.", data, layout)


def published_distribution_figure(published: Published) -> Figure:
    """Density and coverage in the paper, class names and captions."""
    found = published.distributions
    ends = (0.5, 1.0)
    layout = figure_layout(height=480, xaxis=axis("coverage", [0, ends[0]]), yaxis=axis("density", [0, ends[1]]))
    data = _published_pairs(found, lambda p: (p.coverage, p.density), ("coverage", "density"), ends)
    told = "; ".join(f"{p.model} {p.prompts}: density {p.density}, coverage {p.coverage}" for p in found)
    return Figure("published-distribution", f"Published density against coverage: {told}.", data, layout)


def _published_pairs(
    found: Sequence[Any],
    values: Callable[[Any], tuple[float, float]],
    names: tuple[str, str],
    ends: tuple[float, float],
) -> list[dict[str, Any]]:
    """A trace per prompt strategy, filled for class names and hollow for captions, labelled together."""
    pairs = [values(one) for one in found]
    places = text_positions([(x / ends[0], y / ends[1]) for x, y in pairs], [one.model for one in found], PLOT_AREA)
    traces = []
    for prompts in ("class-name", "caption"):
        own = [i for i, one in enumerate(found) if one.prompts == prompts]
        hover = [
            hover_text(found[i].model, prompts, *(f"{n} {v:.3f}" for n, v in zip(names, pairs[i], strict=True)))
            for i in own
        ]
        traces.append(
            {
                **_published_marker(prompts, [pairs[i][0] for i in own], [pairs[i][1] for i in own]),
                **text([found[i].model for i in own], [places[i] for i in own]),
                "hovertext": hover,
            }
        )
    return traces


def _published_marker(prompts: str, x: Sequence[Any], y: Sequence[float]) -> dict[str, Any]:
    filled = prompts == "class-name"
    marker = {
        "symbol": "circle" if filled else "square",
        "size": 10,
        "color": "@published" if filled else "@published-surface",
        "line": {"width": 2, "color": "@published"},
    }
    return points(x, y, marker)


def _transfer_values(found: PublishedTransfer) -> tuple[float, float]:
    return found.real_to_synth, found.synth_to_real


def _months(release: str) -> int:
    year, month = release.split("-")
    return 12 * int(year) + int(month) - 1


def _month(months: int) -> str:
    return f"{months // 12}-{months % 12 + 1:02d}"
