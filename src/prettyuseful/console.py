"""Terminal output: progress on stderr, tables on stdout."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from prettyuseful.engine.cost import Amounts, Cost, Prices, Rates, fees_of
from prettyuseful.engine.events import Event, RunPlanned
from prettyuseful.engine.explain import Explanation, explain_steps
from prettyuseful.engine.history import History
from prettyuseful.engine.progress import RunProgress
from prettyuseful.engine.status import Status
from prettyuseful.engine.step import Step
from prettyuseful.formatting import duration, number, p_value, percent, points, share, size
from prettyuseful.interface_checks import CheckResult
from prettyuseful.redaction import redact, redact_line

if TYPE_CHECKING:
    from prettyuseful.analysis.forecast import Forecast
    from prettyuseful.analysis.pooling import PooledStudies
    from prettyuseful.analysis.rows import Row
    from prettyuseful.analysis.statistics import Interval
    from prettyuseful.analysis.summary import Summary
    from prettyuseful.checks.places import DataReport

_MAX_METRICS = 4  # metric columns that fit into a terminal
_LINE_INTERVAL = 5.0  # seconds between progress lines when stderr is not a terminal
_logger = logging.getLogger("prettyuseful")


class StepProgress:
    """Shows the progress of a run on stderr: a bar in a terminal, otherwise a line every few seconds.

    It counts completed steps. It shows the remaining time only where measured times allow an estimate. It shows
    nothing while the level of the logger `prettyuseful` is above INFO (`--quiet`).

    Args:
        explains: first say why steps run. Several processes that share the steps of a study need not all say it.
    """

    def __init__(self, explains: bool = True) -> None:
        self.run: RunProgress | None = None
        self.explains = explains
        self.is_quiet = _logger.level > logging.INFO
        self.started = time.monotonic()
        self.last_line = self.next_update = 0.0
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[steps]}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("[dim]{task.description}", markup=True),
            console=self.console,
            transient=True,
            disable=self.is_quiet or not self.console.is_terminal,
        )

    def __enter__(self) -> StepProgress:
        self.bar.start()
        self.task_id = self.bar.add_task("starting", total=1.0, steps="", left="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if kind is None and self.run and self.run.total:
            self._print(f"done in {duration(time.monotonic() - self.started)}")

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunPlanned):
            self._begin(event)
            return
        if self.run is None:
            return
        self.run.update(event)
        # An update sums over all remaining steps: with many steps, update less often.
        if event.kind != "waiting" and (now := time.monotonic()) >= self.next_update:
            self._update(self.run, event.step)
            self.next_update = now + 20 * (time.monotonic() - now)

    def _begin(self, planned: RunPlanned) -> None:
        further = "further " if self.run and self.run.total else ""
        history = History()
        rates = Rates(history.record(planned.store.list()) if planned.steps else ())
        is_explained = self.explains and bool(planned.plan) and not self.is_quiet
        if is_explained and (planned.steps or not further):
            explanation = explain_steps(planned.plan, planned.steps, planned.store, history)
            self._print(escape(redact_line(explanation.further_summary if further else explanation.summary)))
        if self.run is None:
            self.run = RunProgress(planned, rates)
        else:
            self.run.extend(planned, rates)
        self.bar.update(
            self.task_id, completed=self.run.fraction, steps=f"{self.run.done}/{self.run.total} steps", left=""
        )
        if planned.steps:
            left = self.run.seconds_left()
            remaining_time = "" if left is None else f", about {duration(left)}"
            count = f"{len(planned.steps)} {further}step{'' if len(planned.steps) == 1 else 's'} to run"
            count_and_time = remaining_time.removeprefix(", ") if is_explained else f"{count}{remaining_time}"
            self._print(", ".join(filter(None, (count_and_time, f"{planned.workers} at a time"))))
        if fees := fees_of(planned.steps.values()):
            self._print(fees)

    def _update(self, run: RunProgress, step: Step) -> None:
        labels = escape(", ".join(step.label for step, _ in run.running.values()))
        seconds = run.seconds_left()
        left = "" if seconds is None else f"about {duration(seconds)} left"
        steps = f"{run.done}/{run.total} steps"
        self.bar.update(self.task_id, completed=run.fraction, description=labels, steps=steps, left=left)
        if not self.console.is_terminal and time.monotonic() - self.last_line > _LINE_INTERVAL:
            self._print("  ".join(part for part in (steps, left, labels or escape(step.label)) if part))

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        if not self.is_quiet:
            self.console.print(line, soft_wrap=True)


def summary_table(summary: Summary) -> Table:
    """Return one line per data set and configuration: accuracies with their 95% intervals, and the first metrics."""
    has_configurations = len({row.cell for row in summary.rows}) > 1
    names = [metric.name for metric in summary.study.metrics]
    metrics, others = names[:_MAX_METRICS], ", ".join(names[_MAX_METRICS:])
    caption = (
        "mean [95% interval]\n"
        "synth->real: accuracy on real test images of a classifier trained on the data set\n"
        "real->synth: accuracy on the data set of a classifier trained on real images"
    )
    if summary.metrics_of_different_numbers:
        caption += "\nn: images per class that were compared; compare a value only with the real images of the same n"
    if others:
        caption += f"\nmore metrics in the report and with --json: {others}"
    table = Table(title=summary.study.title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("data set")
    if has_configurations:
        table.add_column("configuration")
    for heading in ("images/class", "synth->real", "real->synth", *metrics):
        table.add_column(heading, justify="right")
    for row in summary.rows:
        configuration = ["/".join(row.cell)] if has_configurations else []
        table.add_row(
            row.dataset,
            *configuration,
            str(row.images_per_class),
            _or_missing(row.to_real, percent),
            "" if row.holds_real or row.conditioned else _or_missing(row.from_real, percent),
            *(_metric(summary, row, name) for name in metrics),
        )
    return table


def forecast_table(forecast: Forecast) -> Table:
    """Return one line per data set, the highest first: forecast accuracies, and those that were measured."""
    caption = (
        "accuracy on real test images\n"
        "forecast: with its 90% prediction interval, within which a measured accuracy is expected\n"
        "measured: mean [95% interval]"
    )
    table = Table(title="Forecast", caption=caption, title_justify="left", caption_justify="left")
    for heading in ("data set", "forecast", "measured"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    lines = [
        (
            part.forecast.mean,
            part.dataset,
            percent(part.forecast),
            "" if part.measured is None else percent(part.measured),
        )
        for part in forecast.forecasts
    ]
    lines += [(value.mean, name, "trained first", percent(value)) for name, value in forecast.first.items()]
    for _, *cells in sorted(lines, reverse=True):
        table.add_row(*cells)
    return table


def _metric(summary: Summary, row: Row, name: str) -> str:
    """Return the value of a metric, with the number of images if values of several numbers stand in one column."""
    value = _or_missing(row.metrics.get(name), number)
    is_noted = name in row.metrics and name in summary.metrics_of_different_numbers
    return f"{value} (n = {row.metric_numbers[name]})" if is_noted else value


def _or_missing(interval: Interval | None, format_interval: Callable[[Interval], str]) -> str:
    return "missing" if interval is None else format_interval(interval)


def cost_table(cost: Cost) -> Table:
    """Return the steps of a plan by kind: how many remain, and their estimated cost. Empty columns are omitted.

    `?` marks an unknown amount, `>` a lower bound because some steps have no estimate.
    """
    columns = _cost_columns(cost)
    caption = "\n".join(_cost_notes(cost))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    table.add_column("step", no_wrap=True)
    for heading in ("steps", "left", *columns, "estimate"):
        table.add_column(heading, justify="right", no_wrap=True)

    def add_row(name: str, steps: int, left: int, amounts: Amounts, rate: str) -> None:
        table.add_row(
            name, f"{steps:,}", f"{left:,}", *(format_cell(amounts) for format_cell in columns.values()), rate
        )

    for kind in cost.kinds:
        add_row(kind.kind, kind.steps, kind.left, kind.amounts, ", ".join(kind.sources))
    table.add_section()
    add_row("all", cost.steps, cost.left, cost.amounts, "")
    return table


def _cost_columns(cost: Cost) -> dict[str, Callable[[Amounts], str]]:
    """Return the non-empty columns: heading -> function that formats a cell."""
    total = cost.amounts
    columns: dict[str, Callable[[Amounts], str]] = {}
    if total.gpu_hours != 0:
        columns["GPU time"] = lambda amounts: _amount(amounts.gpu_hours, amounts.unknown_gpu_steps, _hours)
    if total.cpu_hours != 0:
        columns["CPU time"] = lambda amounts: _amount(amounts.cpu_hours, amounts.unknown_cpu_steps, _hours)
    if total.images:
        columns["images"] = lambda amounts: _amount(amounts.images, 0, "{:,.0f}".format)
    if total.bytes:
        columns["disk"] = lambda amounts: _amount(
            amounts.bytes, amounts.unsized_steps, lambda count: size(round(count))
        )
    if total.memory:
        columns["memory"] = lambda amounts: "" if amounts.memory is None else size(amounts.memory)
    if total.money != 0 and cost.prices != Prices():
        columns["money"] = lambda amounts: _amount(amounts.money, amounts.unknown_steps, "{:,.2f}".format)
    if total.fees != 0:
        columns["fees"] = lambda amounts: _amount(amounts.fees, amounts.unpriced_images, "{:,.2f}".format)
    return columns


def _hours(hours: float) -> str:
    return duration(hours * 3600)


def _cost_notes(cost: Cost) -> Iterator[str]:
    total, prices = cost.amounts, cost.prices
    done = f"{cost.steps - cost.left:,} of {cost.steps:,} steps done"
    yield done if cost.left else "all results are in the store"
    if cost.left:
        others = f", plus {total.unknown_steps:,} steps without a time estimate" if total.unknown_steps else ""
        workers = f"{cost.workers} worker{'' if cost.workers == 1 else 's'}"
        yield f"{_time_left(cost)} left with {workers}{others}"
    if (most := cost.most) is not None:
        yield (
            f"results decide how many steps are needed: {cost.steps:,} to {most.steps:,}; {_time_left(most)} left for "
            "all of them"
        )
    if (expected := cost.expected) is not None:
        yield f"expected: {expected.steps:,} steps, {_time_left(expected)} left"
    if total.unsized_steps:
        yield f"disk: unknown for {total.unsized_steps:,} of {cost.left:,} steps; the store has no such step to measure"
    if any(source in kind.sources for kind in cost.kinds for source in ("counted", "checked")):
        yield cost.card
    if prices.cpu_hour is None and prices.gpu_hour is not None and total.cpu_hours != 0:
        yield "money: GPU hours only; add --price-per-cpu-hour to include the CPU"
    if prices.gpu_hour is None and prices.cpu_hour is not None and total.gpu_hours != 0:
        yield "money: CPU hours only; add --price-per-gpu-hour to include the GPU"
    if total.fees != 0:
        unpriced = f"; {total.unpriced_images:,} images have no cost_per_image" if total.unpriced_images else ""
        yield f"fees: what hosted models charge, at the study's cost_per_image{unpriced}"
    if total.unknown_steps or total.unpriced_images or (total.bytes and total.unsized_steps):
        yield "?: unknown; >: lower bound, since some steps have no estimate"


def _time_left(cost: Cost) -> str:
    return f"{'at least' if cost.amounts.unknown_steps else 'about'} {duration(cost.seconds)}"


def _amount(value: float | None, unknown_steps: int, format_value: Callable[[float], str]) -> str:
    if value is None:
        return "?"
    return f"{'>' if unknown_steps else ''}{format_value(value)}" if value else ""


def status_table(status: Status) -> Table:
    """Return how many steps of each kind are done, running, failed and waiting."""
    done, steps = sum(kind.done for kind in status.kinds), sum(kind.steps for kind in status.kinds)
    # A step also counts as done if nothing missing is made from it.
    caption = "all results are in the store" if done == steps else f"{done} of {steps} steps done"
    table = Table(caption=caption, caption_justify="left")
    table.add_column("step")
    for heading in ("steps", "done", "running", "failed", "waiting"):
        table.add_column(heading, justify="right")
    for kind in status.kinds:
        counts = (kind.steps, kind.done, kind.running, kind.failed, kind.waiting)
        table.add_row(kind.kind, *(str(count) if count else "" for count in counts))
    return table


def explanation_lines(
    explanation: Explanation, selected: Collection[Step] | None = None, every: bool = False
) -> Iterator[str]:
    """Yield why steps run: a line for each cause, for each of the `selected` steps, or for `every` missing step."""
    reasons = {reason.key: reason for reason in explanation.reasons}
    if selected is not None:
        for step in selected:
            reason = reasons.get(step.key)
            words = "it does not run: its result, or all that is made from it, is in the store"
            yield f"{step.label} ({step.key[:12]}): {reason.words if reason else words}"
        return
    if every or not reasons:
        yield explanation.summary
        yield from (f"{reason.step}: {reason.words}" for reason in reasons.values())
        return
    yield f"{len(reasons):,} of {explanation.steps:,} steps to run:"
    for group in explanation.groups:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in group.kinds.items())
        yield f"{group.steps:,} step{'' if group.steps == 1 else 's'}: {group.words} ({kinds}; first: {group.first})"
    yield "a line for each step: add --all; for one step: add a part of its name"


def pool_table(pooled: PooledStudies) -> Table:
    """Return, for each difference, a line per study, one for their mean, one for a new study and heterogeneity."""
    caption = (
        "accuracy on real test images, with 95% intervals; p of zero, Holm-adjusted\n"
        "all studies: mean, with the interval of the level at which Holm's procedure tests\n"
        "tau: standard deviation of the true differences of studies\n"
        "I2: share of tau in the variance between estimates; p of equal studies (Welch)"
    )
    table = Table(caption=caption, caption_justify="left")
    table.add_column("difference", overflow="fold")
    table.add_column("study", overflow="fold")
    for heading in ("accuracy", "weight", "p"):
        table.add_column(heading, justify="right")
    for one in pooled.differences:
        overall = one.overall
        names = iter((pooled.title(one), one.family))
        for study in one.studies:
            table.add_row(next(names, ""), study.study, points(study.interval), share(study.weight, 0), "")
        table.add_row("", "all studies", points(overall), "100%", p_value(one.p))
        if overall.prediction is not None:
            table.add_row("", "a new study", points(overall.prediction), "", "")
        low, high = (f"{100 * end:.1f}" for end in (overall.tau.low, overall.tau.high))
        i_squared = f"I2 {share(overall.i_squared.mean, 0)}"
        tau = f"tau {100 * overall.tau.mean:.1f} points [{low}, {high.replace('nan', '?')}], {i_squared}"
        table.add_row("", "heterogeneity", tau, "", p_value(overall.q_p), end_section=True)
    return table


def names_table(kind: str, names: Mapping[str, str]) -> Table:
    """Return names with one line of description each."""
    table = Table(box=None)
    table.add_column(kind)
    table.add_column("")
    for name, summary in names.items():
        table.add_row(name, summary)
    return table


def audit_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """Return the table of an audit; the first row holds the headings."""
    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    return table


def check_table(name: str, results: Sequence[CheckResult]) -> Table:
    """Return what was checked of a user-defined class, and what is wrong."""
    failed = sum(result.problem is not None for result in results)
    caption = f"{failed} of {len(results)} checks failed" if failed else f"all {len(results)} checks passed"
    table = Table(title=name, caption=caption, title_justify="left", caption_justify="left", show_header=False)
    for result in results:
        status = Text("failed", "red") if result.problem else Text("passed", "green")
        table.add_row(status, result.what, Text(result.problem or result.note))
    return table


def checked_sets_table(report: DataReport) -> Table:
    """Return the sets of images that were checked, with the number of images and classes of each."""
    table = Table(box=SIMPLE_HEAD)
    for heading in ("set", "role"):
        table.add_column(heading, overflow="fold")
    for heading in ("images", "classes"):
        table.add_column(heading, justify="right")
    for images in report.sets:
        table.add_row(Text(images.name), images.role, f"{images.images:,}", f"{images.classes:,}")
    return table


def print_line(text: str) -> None:
    """Print one line of text to stdout, without wrapping it; secrets are replaced."""
    print(redact_line(text))


def print_out(content: object) -> None:
    """Print text or a table to stdout, without wrapping at 80 columns when it is no terminal; secrets are replaced."""
    content = redact(content) if isinstance(content, str) else content
    Console(width=None if sys.stdout.isatty() else 240, highlight=False, markup=False).print(content)
