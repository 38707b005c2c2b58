"""What people see in a terminal: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.engine.cost import Amounts, Cost, Prices, Rates
from prettyuseful.engine.events import Event, RunPlanned
from prettyuseful.engine.progress import RunProgress
from prettyuseful.engine.status import Status
from prettyuseful.engine.step import Step
from prettyuseful.formatting import duration, number, percent, size
from prettyuseful.interface_checks import Finding

_METRICS = 4  # that a terminal has room for
_LINE_EVERY = 5.0  # seconds between progress lines where nobody can see a bar move


class StepProgress:
    """Shows a run on stderr: a moving bar in a terminal, a line now and then elsewhere.

    Steps done of all are counted. How long the rest will take is said only where measurements give ground for it.
    """

    def __init__(self) -> None:
        self.run: RunProgress | None = None
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
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> StepProgress:
        self.bar.start()
        self.row = self.bar.add_task("starting", total=1.0, steps="", left="")
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
        self.run.take(event)
        if event.kind == "failed":
            self._print(f"[red]failed[/red] {escape(f'{event.step.label}: {event.cause}')}")
        elif event.kind == "retried":
            self._print(f"[yellow]again[/yellow] {escape(f'{event.step.label}: {event.cause}')}")
        # What is left is summed over all steps: with many of them, rarely.
        if event.kind != "waiting" and (now := time.monotonic()) >= self.next_update:
            self._show(self.run, event.step)
            self.next_update = now + 20 * (time.monotonic() - now)

    def _begin(self, planned: RunPlanned) -> None:
        further = "further " if self.run and self.run.total else ""
        rates = Rates(planned.store.list() if planned.steps else ())
        if self.run is None:
            self.run = RunProgress(planned, rates)
        else:
            self.run.extend(planned, rates)
        self.bar.update(self.row, completed=self.run.fraction, steps=f"{self.run.done}/{self.run.total} steps", left="")
        if planned.steps:
            left = self.run.seconds_left()
            about = "" if left is None else f", about {duration(left)}"
            self._print(f"{len(planned.steps)} {further}steps to do{about}, {planned.workers} at a time")

    def _show(self, run: RunProgress, step: Step) -> None:
        labels = escape(", ".join(step.label for step, _ in run.running.values()))
        seconds = run.seconds_left()
        left = "" if seconds is None else f"about {duration(seconds)} left"
        steps = f"{run.done}/{run.total} steps"
        self.bar.update(self.row, completed=run.fraction, description=labels, steps=steps, left=left)
        if not self.console.is_terminal and time.monotonic() - self.last_line > _LINE_EVERY:
            self._print("  ".join(part for part in (steps, left, labels or escape(step.label)) if part))

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        self.console.print(line, soft_wrap=True)


def summary_table(summary: Summary) -> Table:
    """One line per data set and cell: accuracies with their 95 % intervals, and the first metrics."""
    several = len({row.cell for row in summary.rows}) > 1
    names = [metric.name for metric in summary.study.metrics]
    metrics, rest = names[:_METRICS], ", ".join(names[_METRICS:])
    caption = f"mean, 95 % interval{f'; in the report and with --json: {rest}' if rest else ''}"
    table = Table(title=summary.study.title, caption=caption, title_justify="left", caption_justify="left")
    table.add_column("data set")
    if several:
        table.add_column("cell")
    for heading in ("n/class", "tested on real", "real-trained on it", *metrics):
        table.add_column(heading, justify="right")
    for row in summary.rows:
        cells = ["/".join(row.cell)] if several else []
        table.add_row(
            row.dataset,
            *cells,
            str(row.images_per_class),
            _or_missing(row.to_real, percent),
            "" if row.holds_real else _or_missing(row.from_real, percent),
            *(_or_missing(row.metrics.get(name), number) for name in metrics),
        )
    return table


def _or_missing(interval: Interval | None, text: Callable[[Interval], str]) -> str:
    return "missing" if interval is None else text(interval)


def cost_table(cost: Cost) -> Table:
    """A plan's steps by kind: how many are left, and what they cost. Columns with nothing in them are left out.

    `?` stands for what nobody knows, `>` before what is more by something unknown.
    """
    columns = _cost_columns(cost)
    caption = "\n".join(_cost_notes(cost))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=caption, caption_justify="left")
    table.add_column("step", no_wrap=True)
    for heading in ("steps", "left", *columns, "rate"):
        table.add_column(heading, justify="right", no_wrap=True)

    def row(name: str, steps: int, left: int, amounts: Amounts, rate: str) -> None:
        table.add_row(name, f"{steps:,}", f"{left:,}", *(tell(amounts) for tell in columns.values()), rate)

    for kind in cost.kinds:
        rate = "unknown" if kind.amounts.unknown_steps else "measured" if kind.measured else "assumed"
        row(kind.kind, kind.steps, kind.left, kind.amounts, rate if kind.left else "")
    table.add_section()
    row("all", cost.steps, cost.left, cost.amounts, "")
    return table


def _cost_columns(cost: Cost) -> dict[str, Callable[[Amounts], str]]:
    """Headings of what there is something to say of, and how it is told."""
    every = cost.amounts
    columns: dict[str, Callable[[Amounts], str]] = {}
    if every.gpu_hours != 0:
        columns["GPU time"] = lambda of: _amount(of.gpu_hours, of.unknown_gpu_steps, _hours)
    if every.cpu_hours != 0:
        columns["CPU time"] = lambda of: _amount(of.cpu_hours, of.unknown_cpu_steps, _hours)
    if every.images:
        columns["images"] = lambda of: _amount(of.images, 0, "{:,.0f}".format)
    if every.bytes:
        columns["disk"] = lambda of: _amount(of.bytes, of.unsized_steps, lambda count: size(round(count)))
    if every.money != 0 and cost.prices != Prices():
        columns["money"] = lambda of: _amount(of.money, of.unknown_steps, "{:,.2f}".format)
    return columns


def _hours(hours: float) -> str:
    return duration(hours * 3600)


def _cost_notes(cost: Cost) -> Iterator[str]:
    every, prices = cost.amounts, cost.prices
    about = "at least" if every.unknown_steps else "about"
    rest = f", and {every.unknown_steps:,} steps without a time estimate" if every.unknown_steps else ""
    yield (
        f"{cost.steps - cost.left:,} of {cost.steps:,} steps done; {about} {duration(cost.seconds)} left on "
        f"{cost.workers} workers{rest}"
    )
    if every.unsized_steps:
        yield f"disk: unknown for {every.unsized_steps:,} of {cost.left:,} steps; this store holds none of their kind"
    if prices.cpu_hour is None and prices.gpu_hour is not None and every.cpu_hours != 0:
        yield "money: of GPU hours only; give --price-per-cpu-hour for the others"
    if prices.gpu_hour is None and prices.cpu_hour is not None and every.gpu_hours != 0:
        yield "money: of CPU hours only; give --price-per-gpu-hour for the others"
    if every.unknown_steps or (every.bytes and every.unsized_steps):
        yield "?: unknown; >: more than that, by what is unknown"


def _amount(value: float | None, unknown: int, words: Callable[[float], str]) -> str:
    if value is None:
        return "?"
    return f"{'>' if unknown else ''}{words(value)}" if value else ""


def status_table(status: Status) -> Table:
    """How many steps of each kind are done, running, failed, waiting."""
    done, steps = sum(kind.done for kind in status.kinds), sum(kind.steps for kind in status.kinds)
    table = Table(caption=f"{done} of {steps} steps done", caption_justify="left")
    table.add_column("step")
    for heading in ("steps", "done", "running", "failed", "waiting"):
        table.add_column(heading, justify="right")
    for kind in status.kinds:
        counts = (kind.steps, kind.done, kind.running, kind.failed, kind.waiting)
        table.add_row(kind.kind, *(str(count) if count else "" for count in counts))
    return table


def names_table(kind: str, names: Mapping[str, str]) -> Table:
    """Names with a line on each."""
    table = Table(box=None)
    table.add_column(kind)
    table.add_column("")
    for name, summary in names.items():
        table.add_row(name, summary)
    return table


def audit_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """An audit's table; the first row are headings."""
    table = Table(*rows[0])
    for row in rows[1:]:
        table.add_row(*row)
    return table


def findings_table(name: str, findings: Sequence[Finding]) -> Table:
    """What was tried of a contract, and what is wrong."""
    wrong = sum(finding.problem is not None for finding in findings)
    caption = f"{wrong} of {len(findings)} checks failed" if wrong else "it keeps the contract"
    table = Table(title=name, caption=caption, title_justify="left", caption_justify="left", show_header=False)
    for finding in findings:
        verdict = Text("no", "red") if finding.problem else Text("yes", "green")
        table.add_row(verdict, finding.what, finding.problem or "")
    return table


def print_out(thing: object) -> None:
    """Prints to stdout, wide enough that a pipe cuts nothing."""
    Console(width=None if sys.stdout.isatty() else 240, highlight=False, markup=False).print(thing)
