"""The report: one self-contained HTML file, made from a summary and so from records alone."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from prettyuseful.analysis.published import CITATION, LINK, SOURCE, published
from prettyuseful.analysis.summary import Summary
from prettyuseful.checks.rows import CHECKS
from prettyuseful.data.image_lists import LIST_MARK
from prettyuseful.errors import StoreError
from prettyuseful.formatting import absolute_points, duration, finite, number, p_value, percent, points, share, size
from prettyuseful.output_files import is_own_file, write_text
from prettyuseful.report import published_figures
from prettyuseful.report.cells import (
    cell_results,
    diversity_as_text,
    lead_rows,
    sample_images,
    settings_as_text,
    step_times,
    study_as_yaml,
    uses_pocket_models,
)
from prettyuseful.report.diagnosis import dataset_diagnoses
from prettyuseful.report.distribution import summarise_distribution
from prettyuseful.report.drawing import Figure, axis_range
from prettyuseful.report.forecast import forecast_section
from prettyuseful.report.markdown import answer_markdown
from prettyuseful.report.mixing import mixings
from prettyuseful.report.prettiness import pretty_figures
from prettyuseful.report.probes import compare_probes
from prettyuseful.report.real_curve import real_curves
from prettyuseful.report.selections import selection_table
from prettyuseful.report.series_style import SeriesStyle, series_styles
from prettyuseful.report.terms import ESTIMATE, TERMS, link_terms, term_link

_FOLDER = Path(__file__).parent
_MISSING = "\N{EN DASH}"


REPORT_MARK = b'class="kicker">prettyuseful'
"""What every report contains near its beginning."""


def write_report(summary: Summary, path: Path, mark: bytes | None = None) -> Path:
    """Write the report atomically, or write it to a device or a pipe.

    It links the lists of images in the folder `findings` beside it. The same summary and lists give the same bytes.

    `mark`: see `output_files.write_text`; REPORT_MARK, unless the user has named this file.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        write_text(path, render(summary, _list_files(summary, path.parent)), mark)
    except StoreError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise StoreError(
            f"cannot write the report to {path}: {error.__cause__.strerror}; name a file in a writable folder with "
            "--out"
        ) from error
    return path


def _list_files(summary: Summary, folder: Path) -> dict[str, str]:
    """Return the addresses of the lists of images that a folder has, relative to it, by name of the data set."""
    names = [dataset.name for dataset in summary.datasets if dataset.diagnosis]
    files = {name: f"findings/{name}.csv" for name in names}
    return {name: file for name, file in files.items() if is_own_file(folder / file, LIST_MARK)}


def render(summary: Summary, list_files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the HTML of the report.

    `list_files`: addresses of the lists of images, relative to the report, by name of the data set.
    """
    (plotly, plotly_digest), script = _plotly(), _read("script.js")
    return (
        _environment()
        .get_template("template.html")
        .render(
            **_context(summary, list_files),
            style=Markup(_read("style.css")),
            plotly=plotly,
            script=Markup(script),
            script_sources=" ".join(f"'sha256-{digest}'" for digest in (plotly_digest, _digest(script))),
        )
    )


def _context(summary: Summary, list_files: Mapping[str, str]) -> dict[str, Any]:
    styles, paper = series_styles(summary), published()
    cells = cell_results(summary, styles)
    lead = lead_rows(cells)
    distribution = summarise_distribution(summary, styles) if summary.rows else None
    pretty, forecast = pretty_figures(summary, styles), forecast_section(summary, styles)
    from_paper = {
        "release": published_figures.published_release_figure(paper),
        "transfer": published_figures.published_transfer_figure(paper),
        "distribution": published_figures.published_distribution_figure(paper),
    }
    if pretty:
        from_paper["geneval"] = published_figures.published_geneval_figure(paper)
    probes, curves = compare_probes(summary, styles), real_curves(summary, styles)
    mixing = mixings(summary)
    diagnoses = dataset_diagnoses(summary, styles, list_files)
    figures = [figure for cell in cells for figure in (cell.accuracy, cell.transfer) if figure]
    figures += [figure for figure in (forecast.main, forecast.correlations) if figure] if forecast else []
    figures += [figure for figure in (pretty.main, pretty.release) if figure] if pretty else []
    figures += [distribution.figure] if distribution and distribution.figure else []
    figures += [*(comparison.figure for comparison in probes), *(curve.figure for curve in curves)]
    figures += [one.figure for one in mixing]
    figures += [figure for diagnosis in diagnoses for figure in diagnosis.figures]
    ends = [bound for row in lead if row.to_real for bound in (row.to_real.low, row.to_real.high)]
    return {
        "summary": summary,
        "datasets": summary.datasets,
        "task": summary.study.task,
        "styles": styles,
        "cells": cells,
        "pretty": pretty,
        "selections": selection_table(summary),
        "forecast": forecast,
        "lead_rows": lead,
        "lead_end": axis_range([*ends, summary.study.task.chance])[1],
        "diagnoses": diagnoses,
        "probe_comparisons": probes,
        "real_curves": curves,
        "mixings": mixing,
        "distribution": distribution,
        "samples": sample_images(summary, styles),
        "published": paper,
        "published_figures": from_paper,
        "citation": {"text": CITATION, "source": SOURCE, "link": LINK},
        "step_times": step_times(summary),
        "study_yaml": study_as_yaml(summary),
        "pocket": uses_pocket_models(summary),
        "terms": TERMS,
        "more_findings": _more_findings(summary),
        "misleading": any(finding.misleads for finding in summary.findings),
        "check_titles": {check.id: check.title for check in CHECKS.values()},
        "class_checks": [check.id for check in CHECKS.values() if check.unit == "classes"],
        "markdown_json": _script_json(answer_markdown(summary, cells[0].rows if cells else ())),
        "figures_json": _script_json(_figures_by_name([*figures, *from_paper.values()])),
    }


def _more_findings(summary: Summary) -> list[str]:
    """Return the sentences of the answer that contain more than the headline and the findings of the data checks."""
    known = " ".join([*summary.headline, *summary.errors])
    estimates = {sentence: re.findall(ESTIMATE, sentence) for sentence in summary.answer}
    return [
        sentence
        for sentence, numbers in estimates.items()
        if sentence not in known and not (numbers and all(number in known for number in numbers))
    ]


@cache  # templates are compiled once in a process
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": lambda fraction, decimals=1: _MISSING if fraction is None else share(fraction, decimals),
        "percent": lambda interval: _estimate(None if interval is None else percent(interval)),
        "points": lambda interval: _estimate(None if interval is None else points(interval)),
        "absolute_points": lambda interval: _estimate(absolute_points(interval)),
        "number": lambda interval: _estimate(None if interval is None else number(interval)),
        "p_value": _p_value,
        "linked": link_terms,
        "settings": settings_as_text,
        "diversity": diversity_as_text,
        "duration": lambda seconds: _MISSING if seconds is None else duration(seconds),
        "file_size": size,
        "swatch": _swatch,
    }
    environment.globals |= {"term": term_link}
    return environment


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


@cache
def _plotly() -> tuple[str, str]:
    """Return plotly.js as base64 of gzip, and its digest.

    Compressed it has a third of its size. The page decompresses it after it has opened.
    """
    script = get_plotlyjs()
    return b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode(), _digest(script)


def _digest(script: str) -> str:
    """Return the hash by which the content security policy of the page admits a script."""
    return b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _figures_by_name(figures: Iterable[Figure]) -> dict[str, Any]:
    return {figure.name: {"data": figure.data, "layout": figure.layout} for figure in figures}


def _script_json(content: Any) -> Markup:
    """Return JSON that cannot end the script element around it."""
    text = json.dumps(finite(content), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _estimate(text: str | None) -> Markup:
    """Return a formatted estimate with a strong mean and a quiet interval."""
    if text is None:
        return Markup('<span class="range">{}</span>').format(_MISSING)
    mean, _, ends = text.partition(" [")
    return Markup('<span class="estimate">{}</span> <span class="range">[{}</span>').format(mean, ends)


def _p_value(value: float | None) -> str:
    return _MISSING if value is None else p_value(value)


def _swatch(style: SeriesStyle) -> Markup:
    """Return the symbol of a data set as plots draw it."""
    pattern = Markup('<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><path class="{}" d="{}"/></svg>')
    return pattern.format(style.color, style.shape)
