"""Commands for studies: run, demo, plan, explain, status, report, paper."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    Command,
    JsonOption,
    OnOption,
    OutOption,
    Panel,
    StoreOption,
    StudyArgument,
    WorkersOption,
    app,
    exit_if_missing,
    logger,
    print_json,
)
from prettyuseful.cli.exit_codes import ExitCode
from prettyuseful.errors import EveryRunFailedError, UserError

if TYPE_CHECKING:
    from prettyuseful.analysis.detection import Detection
    from prettyuseful.results import StudyResult
    from prettyuseful.selection.experiments import Experiment
    from prettyuseful.study.file import Study


@app.command(cls=Command, rich_help_panel=Panel.MAIN, epilog="Example: prettyuseful run study.yaml --workers 4")
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    steps_only: Annotated[
        bool,
        typer.Option(
            "--steps-only",
            help="Only run steps, in parallel with other processes on the same store; write no report.",
            rich_help_panel=Panel.EXECUTION,
        ),
    ] = False,
    as_json: JsonOption = False,
    deprecated_worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
) -> None:
    """Run a study and write its report. Results that are already in the store are reused."""
    from prettyuseful.study.reading import load_study

    if deprecated_worker:
        logger.warning("warning: --worker is deprecated; use --steps-only")
    if not (steps_only or deprecated_worker):
        _run(load_study(study), store, out or Path(f"{study.stem}-results"), workers, on, as_json)
        return
    if out or as_json:
        logger.warning("warning: --steps-only writes no report, so --out and --json have no effect")
    _run_steps_only(load_study(study), store, workers, on)


@app.command(cls=Command, rich_help_panel=Panel.MAIN, epilog="Example: prettyuseful demo --study paper-in-small")
def demo(
    study: Annotated[
        str, typer.Option("--study", metavar="NAME", help="A bundled study; see `prettyuseful list studies`.")
    ] = "demo",
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Run a bundled study on built-in photographs and tiny models, without any download."""
    from prettyuseful.bundled_studies import bundled_study

    _run(bundled_study(study), store, out or Path(f"{study}-results"), workers, on, as_json)


@app.command(
    "test-title",
    cls=Command,
    rich_help_panel=Panel.STUDIES,
    epilog="Example: prettyuseful test-title study.yaml --keep 30%",
)
def title(
    study: StudyArgument,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="SCORE",
            help="Select by this number per image: a name from `prettyuseful list selections`, or file.py:SCORE.",
            rich_help_panel=Panel.DATA,
        ),
    ] = "prettiness",
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            metavar="AMOUNT",
            help="Keep this share, or this number of images, of each class.",
            rich_help_panel=Panel.DATA,
        ),
    ] = "50%",
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Train on the prettier half of each generated data set and on a random half: which is better training data?"""
    from prettyuseful.fields import resolve_plugin
    from prettyuseful.selection.experiments import top_and_bottom
    from prettyuseful.study.reading import load_study

    experiment = top_and_bottom(resolve_plugin(by, Path.cwd()), keep)
    out = out or Path(f"{study.stem}-{experiment.name}-results")
    _run(load_study(study), store, out, workers, on, as_json, experiment)


@app.command(
    cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful plan study.yaml --price-per-gpu-hour 2.5"
)
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    gpu_hour: Annotated[
        float | None,
        typer.Option(
            "--price-per-gpu-hour",
            min=0,
            help="Price of one GPU, with its machine, for one hour, in any currency.",
            rich_help_panel=Panel.COST,
        ),
    ] = None,
    cpu_hour: Annotated[
        float | None,
        typer.Option(
            "--price-per-cpu-hour",
            min=0,
            help="Price of one CPU thread for one hour, in the same currency.",
            rich_help_panel=Panel.COST,
        ),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(
            "--card",
            metavar="NAME",
            help="Predict time and memory for this GPU: a name from `prettyuseful list cards`, or the JSON file of a "
            "check. Default: the GPU of this machine, or a100.",
            show_default=False,
            rich_help_panel=Panel.COST,
        ),
    ] = None,
    detect: Annotated[
        float | None,
        typer.Option(
            "--detect",
            metavar="POINTS",
            help="Also say with which power the study finds a true difference of this many points of accuracy, and how "
            "many seeds, test images and draws it needs for 80% power.",
            show_default=False,
            rich_help_panel=Panel.POWER,
        ),
    ] = None,
    pilot: Annotated[
        bool,
        typer.Option(
            "--pilot",
            help="With --detect: first run the steps of the study for two of its data sets and three seeds, to measure "
            "how much results vary.",
            rich_help_panel=Panel.POWER,
        ),
    ] = False,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """List the steps of a study: which are done, and the estimated time, images, disk space and money for the rest."""
    from prettyuseful.cards import find_card
    from prettyuseful.console import cost_table, print_line, print_out
    from prettyuseful.engine.cost import Prices
    from prettyuseful.run import estimate_and_explain
    from prettyuseful.study.reading import load_study

    prices, gpu = Prices(gpu_hour, cpu_hour), None if card is None else find_card(card)
    if detect is not None and not 0 < detect <= 100:  # NaN is not
        raise UserError(f"invalid difference (--detect): {detect}; give points of accuracy from 0 to 100, such as 2")
    if pilot and detect is None:
        raise UserError("--pilot measures variances for --detect; add the difference to detect, such as --detect 2")
    loaded = load_study(study)
    if pilot:
        _run_pilot(loaded, store, workers, on)
    cost, explanation = estimate_and_explain(loaded, store, prices, gpu)
    detection = None if detect is None else _detection(loaded, store, detect)
    if as_json:
        power = {} if detection is None else {"detection": detection.as_json()}
        print_json({**cost.as_json(), "summary": explanation.summary, "causes": explanation.groups, **power})
        return
    print_out(cost_table(cost))
    for warning in cost.warnings:
        print_line(f"warning: {warning}")
    if loaded.train.until is not None:
        seeds = f"{len(loaded.train.seeds)} to {loaded.train.at_most} training seeds"
        print_line(f"{seeds}: they are added until every planned comparison is decided (until: sure)")
    if loaded.curve is not None and loaded.curve.precision is not None:
        seeds = f"{len(loaded.train.seeds)} to {loaded.curve.at_most} training seeds of the curve"
        print_line(f"{seeds}: they are added until gains are precise to {loaded.curve.precision:g} points")
    if (halving := loaded.train.halving) is not None:
        shares = ", ".join(f"{share:.0%}" for share in halving.shares[:-1])
        print_line(f"halving: all data sets with {shares} of the {halving.over} first; the best of each rung go on")
    print_line(explanation.summary)
    if detection is not None:
        elsewhere = "" if store == DEFAULT_STORE else f" --store {shlex.quote(store)}"
        command = f"prettyuseful plan {shlex.quote(str(study))} --detect {detect:g} --pilot{elsewhere}"
        for line in detection.lines(command):
            print_line(line)


@app.command(
    cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful explain study.yaml 'collect base'"
)
def explain(
    study: StudyArgument,
    step: Annotated[
        str | None,
        typer.Argument(
            metavar="[STEP]",
            help="Explain one step: its name, a part of it that no other name has, or the beginning of its key.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Print a line for each step, not for each cause.", rich_help_panel=Panel.OUTPUT),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Explain why steps of a study must run, although the store has others: what is new, and what changed."""
    from prettyuseful.console import explanation_lines, print_line
    from prettyuseful.run import explain as explain_study
    from prettyuseful.study.reading import load_study

    explanation = explain_study(load_study(study), store)
    selected = explanation.plan.values() if step is None else explanation.find(step)
    if as_json:
        keys = {found.key for found in selected}
        reasons = [reason for reason in explanation.reasons if reason.key in keys]
        print_json({**explanation.as_json(), "reasons": reasons})
        return
    for line in explanation_lines(explanation, None if step is None else selected, every):
        print_line(line)


@app.command(cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful status study.yaml")
def status(study: StudyArgument, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Show which steps of a study are done, running, failed or waiting, on all machines that share the store."""
    from prettyuseful.console import print_out, status_table
    from prettyuseful.run import study_status
    from prettyuseful.study.reading import load_study

    current = study_status(load_study(study), store)
    if as_json:
        print_json({"schema_version": 1, **asdict(current)})
    else:
        print_out(status_table(current))
        for label in current.running:
            print_out(f"running: {label}")
        for label, cause in current.failed.items():
            print_out(f"failed: {label}: {cause}")


@app.command(
    cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful report study-results --out report.html"
)
def report(
    records: Annotated[
        Path,
        typer.Argument(metavar="RESULTS", help="Results folder of `run`, or its records folder.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.", rich_help_panel=Panel.OUTPUT)] = Path(
        "report.html"
    ),
) -> None:
    """Build the HTML report again from the records of a study, without running any step."""
    from prettyuseful.analysis.summary import summarise
    from prettyuseful.console import print_out
    from prettyuseful.output_files import is_stream
    from prettyuseful.records import read_records
    from prettyuseful.report.build import write_report

    summary = summarise(read_records(records / "records" if (records / "records").is_dir() else records))
    write_report(summary, out)
    if not is_stream(out):  # the report itself may have been written to stdout
        print_out(str(out))
    exit_if_missing(summary.problems)


@app.command(cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful paper --json")
def paper(as_json: JsonOption = False) -> None:
    """Test the trends in the paper's published values. Nothing is measured."""
    from prettyuseful.analysis.paper import paper_trends
    from prettyuseful.console import print_out

    trends = paper_trends()
    if as_json:
        print_json(trends.as_json())
    else:
        print_out("\n".join(trends.text_lines()))


def _run(
    study: Study,
    store: str,
    out: Path,
    workers: int | None,
    on: str,
    as_json: bool,
    experiment: Experiment | None = None,
) -> None:
    from prettyuseful.console import StepProgress
    from prettyuseful.run import run_experiment, run_study

    with StepProgress() as progress:
        try:
            if experiment is None:
                result = run_study(study, store, out, workers, on, progress)
            else:
                result = run_experiment(study, experiment, store, out, workers, on, progress)
            failure = None
        except EveryRunFailedError as error:
            result, failure = error.result, error
    _print_result(result, as_json)
    if failure:
        raise failure
    exit_if_missing(result.summary.problems)


def _run_pilot(study: Study, store: str, workers: int | None, on: str) -> None:
    from prettyuseful.console import StepProgress
    from prettyuseful.run import run_pilot

    with StepProgress() as progress:
        outcome = run_pilot(study, store, workers, on, progress)
    if outcome.failed:
        raise typer.Exit(ExitCode.FAILED)


def _detection(study: Study, store: str, points: float) -> Detection:
    from prettyuseful.run import study_power

    return study_power(study, store, points / 100)


def _run_steps_only(study: Study, store: str, workers: int | None, on: str) -> None:
    from prettyuseful.console import StepProgress
    from prettyuseful.run import make_steps

    with StepProgress(explains=False) as progress:  # many processes may run the same steps
        outcome = make_steps(study, store, workers, on, progress)
    if outcome.failed:
        raise typer.Exit(ExitCode.FAILED)


def _print_result(result: StudyResult, as_json: bool) -> None:
    from prettyuseful.console import print_out, summary_table

    if as_json:
        print_json(_result_json(result))
        return
    print_out(summary_table(result.summary))
    for warning in result.summary.warnings:
        print_out(f"warning: {warning}")
    for sentence in result.summary.answer:
        print_out(sentence)
    print_out(f"report: {result.report}")


def _result_json(result: StudyResult) -> dict[str, Any]:
    summary = result.summary
    return {
        "schema_version": 2,
        "complete": result.complete,
        "title": summary.study.title,
        "answer": list(summary.answer),
        "results": [asdict(row) for row in summary.rows],
        "comparisons": [asdict(comparison) for comparison in summary.comparisons],
        "selections": [{**asdict(effect), "sentence": effect.sentence} for effect in summary.selections],
        "sources": [{**asdict(one), "sentence": one.sentence} for one in summary.sources],
        "pretty_useful": None if summary.pretty_useful is None else asdict(summary.pretty_useful),
        "mixing": [asdict(grid) for grid in summary.mixing],
        "halving": summary.halving,
        "problems": list(summary.problems),
        "findings": [finding.model_dump(mode="json") for finding in summary.findings],
        "report": str(result.report),
        "records": str(result.records),
        "datasets": {name: str(path) for name, path in result.datasets.items()},
    }
