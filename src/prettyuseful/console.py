"""What people see in a terminal: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.contract import Finding
from prettyuseful.engine.cost import Amounts, Cost, Prices, Rates, clock
from prettyuseful.engine.execute import Event
from prettyuseful.engine.status import Status
from prettyuseful.engine.step import Step
from prettyuseful.report.drawing import digits

_METRICS = 4  # that a terminal has room for
_LINE_EVERY = 5.0  # seconds between progress lines where nobody can see a bar move


class StepProgress:
    """Shows a run on stderr: a moving bar in a terminal, a line now and then elsewhere."""

    def __init__(self, todo: Mapping[str, Step], rates: Rates, workers: int) -> None:
        self.todo, self.rates, self.workers = dict(todo), rates, workers
        self.fractions: dict[str, float] = {}
        self.running: dict[str, tuple[Step, float]] = {}
        self.started = time.monotonic()
        self.told = self.shown_again = 0.0
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            SpinnerColumn(),
            TaskProgressColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[left]}"),
            TextColumn("[dim]{task.description}", markup=True),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> StepProgress:
        self.bar.start()
        self.row = self.bar.add_task("starting", total=1.0, left="")
        if self.todo:
            unknown = sum(self.rates.seconds(step) is None for step in self.todo.values())
            rest = f" and {unknown} steps that nobody has timed yet" if unknown else ""
            self._say(f"{len(self.todo)} steps to do, about {clock(self._left())}{rest}, {self.workers} at a time")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if kind is None and self.todo:
            self._say(f"done in {clock(time.monotonic() - self.started)}")

    def __call__(self, event: Event) -> None:
        key, step = event.step.key, event.step
        if event.kind == "waiting":
            self.todo.setdefault(key, step)
            return
        if event.kind == "started":
            self.running[key] = (step, time.monotonic())
        elif event.kind == "progress":
            self.fractions[key] = event.fraction
        else:
            _, since = self.running.pop(key, (step, None))
            if event.kind == "finished" and since is not None:
                self.rates.learn(step, time.monotonic() - since)
            if event.kind in ("finished", "failed", "blocked"):
                self.fractions[key] = 1.0
            if event.kind == "failed":
                self._say(f"[red]failed[/red] {escape(f'{step.label}: {event.cause}')}")
            elif event.kind == "retried":
                self._say(f"[yellow]again[/yellow] {escape(f'{step.label}: {event.cause}')}")
        # What is left is summed over all steps: of many, seldom.
        if (now := time.monotonic()) >= self.shown_again:
            self._show(step)
            self.shown_again = now + 20 * (time.monotonic() - now)

    def _show(self, step: Step) -> None:
        left = self._left()
        spent = time.monotonic() - self.started
        total = spent + left
        done = 1.0 if total == 0 else spent / total
        labels = escape(", ".join(step.label for step, _ in self.running.values()))
        self.bar.update(self.row, completed=done, description=labels, left=f"{clock(left)} left")
        if not self.console.is_terminal and time.monotonic() - self.told > _LINE_EVERY:
            self._say(f"{done:4.0%}  {clock(left)} left  {labels or escape(step.label)}")

    def _say(self, line: str) -> None:
        self.told = time.monotonic()
        self.console.print(line, soft_wrap=True)

    def _left(self) -> float:
        work = sum((self.rates.seconds(s) or 0.0) * (1 - self.fractions.get(k, 0.0)) for k, s in self.todo.items())
        return work / self.workers


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
            _percent(row.to_real),
            "" if row.holds_real else _percent(row.from_real),
            *(_number(row.metrics.get(name)) for name in metrics),
        )
    return table


def _percent(interval: Interval | None) -> str:
    return "missing" if interval is None else f"{interval.mean:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def _number(interval: Interval | None) -> str:
    if interval is None:
        return "missing"
    mean, low, high = digits(interval)
    return f"{mean} [{low}, {high}]"


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
    return clock(hours * 3600)


def _cost_notes(cost: Cost) -> Iterator[str]:
    every, prices = cost.amounts, cost.prices
    about = "at least" if every.unknown_steps else "about"
    rest = f", and {every.unknown_steps:,} steps that nobody has timed yet" if every.unknown_steps else ""
    yield (
        f"{cost.steps - cost.left:,} of {cost.steps:,} steps done; {about} {clock(cost.seconds)} left on "
        f"{cost.workers} workers{rest}"
    )
    if every.unsized_steps:
        yield f"disk: unknown of {every.unsized_steps:,} of {cost.left:,} steps, whose like nobody has made here yet"
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


def size(count: int) -> str:
    """`512 bytes`, `1.5 MB`."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"


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
