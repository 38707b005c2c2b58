"""The report: one HTML file that needs nothing else, made from a summary and so from records alone."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from prettyuseful.analysis.published import CITATION, LINK, SOURCE, published
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.engine.durable import replace_text
from prettyuseful.errors import StoreError
from prettyuseful.formatting import digits, duration, share
from prettyuseful.report import published_figures
from prettyuseful.report.cells import (
    cell_views,
    finite,
    samples,
    seconds_by_kind,
    setting_words,
    study_as_yaml,
    uses_pocket_models,
)
from prettyuseful.report.cues import cues
from prettyuseful.report.diagnosis import letters
from prettyuseful.report.distribution import distribution_of
from prettyuseful.report.drawing import Figure
from prettyuseful.report.series_style import Look, looks_of
from prettyuseful.report.worth import worths

_FOLDER = Path(__file__).parent
_NOTHING = "\N{EN DASH}"
_ESTIMATE = re.compile(r"([+-]?\d+(?:\.\d+)?(?:%| points)) (\[[^\[\]]*, [^\[\]]*\])")


def write_report(summary: Summary, path: Path) -> Path:
    """Writes the report, whole or not at all. The same summary gives the same bytes.

    Raises:
        StoreError: the file cannot be written there.
    """
    if path.is_dir():
        raise StoreError(f"cannot write the report to {path}: it is a folder; name a file with --out")
    try:
        replace_text(path, render(summary))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"cannot write the report to {path}: {reason}; name a file in a writable folder with --out"
        ) from error
    return path


def render(summary: Summary) -> str:
    """The report's HTML."""
    context = _context(summary)
    plotly, script = get_plotlyjs(), _read("script.js")
    return (
        _environment()
        .get_template("template.html")
        .render(
            **context,
            style=Markup(_read("style.css")),
            plotly=Markup(plotly),
            script=Markup(script),
            script_sources=" ".join(f"'sha256-{_digest(text)}'" for text in (plotly, script)),
        )
    )


def _context(summary: Summary) -> dict[str, Any]:
    looks, paper = looks_of(summary), published()
    cells = cell_views(summary, looks)
    distribution = distribution_of(summary, looks) if summary.rows else None
    from_paper = {
        "release": published_figures.published_release_figure(paper),
        "transfer": published_figures.published_transfer_figure(paper),
        "distribution": published_figures.published_distribution_figure(paper),
    }
    drawn = [figure for cell in cells for figure in (cell.accuracy, cell.transfer) if figure]
    drawn += [distribution.figure] if distribution and distribution.figure else []
    by_cue, worth, told = cues(summary, looks), worths(summary, looks), letters(summary, looks)
    drawn += [*(found.figure for found in by_cue), *(found.figure for found in worth)]
    drawn += [figure for letter in told for figure in letter.figures]
    return {
        "summary": summary,
        "datasets": summary.datasets,
        "task": summary.study.task,
        "looks": looks,
        "cells": cells,
        "letters": told,
        "cues": by_cue,
        "worths": worth,
        "distribution": distribution,
        "samples": samples(summary, looks),
        "published": paper,
        "published_figures": from_paper,
        "citation": {"text": CITATION, "source": SOURCE, "link": LINK},
        "seconds": seconds_by_kind(summary),
        "study_yaml": study_as_yaml(summary),
        "pocket": uses_pocket_models(summary),
        "figures_json": _script_json([*drawn, *from_paper.values()]),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": _percent,
        "interval": _interval,
        "range_of": _range_of,
        "number": _number,
        "points": _points,
        "size": _size,
        "p_value": _p_value,
        "emphasised": _emphasised,
        "settings": setting_words,
        "duration": _duration,
        "swatch": _swatch,
    }
    return environment


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    """A script's hash for the page's content security policy: no other script can run."""
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _script_json(drawn: Iterable[Figure]) -> Markup:
    """Figures as JSON that cannot end the script element it stands in."""
    content: Mapping[str, Any] = {figure.name: {"data": figure.data, "layout": figure.layout} for figure in drawn}
    text = json.dumps(finite(content), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else share(value)


def _interval(found: Interval | None) -> Markup:
    return _nothing() if found is None else _shown(share(found.mean), *_ends(found))


def _range_of(found: Interval) -> Markup:
    """The ends alone."""
    return Markup('<span class="range">[{}, {}]</span>').format(*_ends(found))


def _ends(found: Interval) -> tuple[str, str]:
    return f"{100 * found.low:.1f}", f"{100 * found.high:.1f}"


def _number(found: Interval | None) -> Markup:
    return _nothing() if found is None else _shown(*map(_minus, digits(found)))


def _points(found: Interval | None) -> Markup:
    return _estimate(found, lambda value: _minus(f"{100 * value:+.1f}"))


def _size(found: Interval | None) -> Markup:
    """Points without a plus: of what says less or more in words."""
    return _estimate(found, lambda value: _minus(f"{100 * value:.1f}"))


def _p_value(value: float | None) -> str:
    return _NOTHING if value is None else "< 0.001" if value < 0.0005 else f"{value:.3f}"


def _estimate(found: Interval | None, text: Any) -> Markup:
    return _nothing() if found is None else _shown(text(found.mean), text(found.low), text(found.high))


def _nothing() -> Markup:
    return Markup('<span class="range">{}</span>').format(_NOTHING)


def _shown(mean: str, low: str, high: str) -> Markup:
    pattern = Markup('<span class="estimate">{}</span> <span class="range">[{}, {}]</span>')
    return pattern.format(mean, low, high)


def _emphasised(sentence: str) -> Markup:
    """A sentence of the answer, its estimates strong and their intervals quiet."""
    parts, end = Markup(), 0
    for found in _ESTIMATE.finditer(sentence):
        parts += Markup('{}<strong>{}</strong> <span class="range">{}</span>').format(
            sentence[end : found.start()], _minus(found[1]), _minus(found[2])
        )
        end = found.end()
    return parts + Markup("{}").format(sentence[end:])


def _minus(text: str) -> str:
    return text.replace("-", "\u2212")


def _duration(seconds: float | None) -> str:
    return _NOTHING if seconds is None else duration(seconds)


def _swatch(look: Look) -> Markup:
    """The symbol of a data set as the plots draw it."""
    pattern = Markup('<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><path class="{}" d="{}"/></svg>')
    return pattern.format(look.color, look.shape)
