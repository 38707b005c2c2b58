"""The command line. Loads what a command needs when it runs, so that --help answers at once."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from prettyuseful.errors import PrettyUsefulError, StoreError, StudyError, UserError
from prettyuseful.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prettyuseful.analysis.summary import Summary
    from prettyuseful.console import StepProgress
    from prettyuseful.engine.step import Step
    from prettyuseful.engine.store.base import Store
    from prettyuseful.engine.workers.base import Workers
    from prettyuseful.run import StudyResult
    from prettyuseful.study.file import Study


class _Commands(TyperGroup):
    """Turns what a command raises into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PrettyUsefulError as error:
            print(f"error: {redacted(str(error))}", file=sys.stderr)
            raise typer.Exit(2 if isinstance(error, UserError) else 1) from None
        except KeyboardInterrupt:
            print("interrupted; run the same command again to continue", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    help="Is this text-to-image model useful training data? Generate, train, test on real images, and say so.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StoreOption = Annotated[
    str,
    typer.Option("--store", envvar="PRETTYUSEFUL_STORE", help="Folder or s3:// URL where everything made is kept."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for report, records and data sets.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Steps side by side. Default: one a core.")]
OnOption = Annotated[str, typer.Option("--on", help="Where steps run: local, ray, or ray://host:port.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document instead of a table.")]
StudyArgument = Annotated[Path, typer.Argument(help="A study file in YAML.", show_default=False)]
DEFAULT_STORE = "prettyuseful-store"


@app.command()
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    worker: Annotated[
        bool, typer.Option("--worker", help="Only make steps, beside other workers on the store; write no report.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a study: what is in the store already is not made again."""
    from prettyuseful.study.reading import load_study

    if worker:
        _work(load_study(study), store, workers, on)
    else:
        _run(load_study(study), store, out or Path(f"{study.stem}-results"), workers, on, as_json)


@app.command()
def demo(
    study: Annotated[
        str, typer.Option("--study", help="A bundled study; `prettyuseful list studies` shows them.")
    ] = "demo",
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Run a bundled study on the embedded photographs and pocket models. Needs no download."""
    from prettyuseful.studies import bundled_study

    _run(bundled_study(study), store, out or Path(f"{study}-results"), workers, on, as_json)


@app.command()
def audit(
    real: Annotated[Path, typer.Option("--real", help="Real images: class folders, .tar or Parquet.")],
    synthetic: Annotated[list[Path], typer.Option("--synthetic", help="Images to audit; may be given several times.")],
    test: Annotated[Path | None, typer.Option("--test", help="Real test images. [default: a fifth of --real]")] = None,
    groups: Annotated[Path | None, typer.Option("--groups", help="File of path and group of each real image.")] = None,
    budget: Annotated[str, typer.Option("--budget", help="quick, or full with more metrics.")] = "quick",
    fail_if: Annotated[str | None, typer.Option("--fail-if", help="Exit code 1 if a set meets it.")] = None,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Audit folders of images: are they useful training data, and if not, why?"""
    from prettyuseful.auditing.audit import audited, prepared
    from prettyuseful.auditing.gate import Gate
    from prettyuseful.console import audit_table, print_out
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.engine.workers.open import workers_on
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import remaining_steps

    if budget not in ("quick", "full"):
        raise StudyError(f"--budget: {budget!r} is none; say quick or full")
    gate = Gate.of(fail_if) if fail_if else None
    asked = prepared(real, synthetic, test, groups, "full" if budget == "full" else "quick")
    planned, opened = make_plan(asked.study), open_store(store)
    with (
        workers_on(on, opened, asked.study.numerics, workers) as hands,
        _progress(remaining_steps(planned, opened), opened, hands) as progress,
    ):
        found = audited(asked, planned, opened, out or Path("audit-results"), hands, progress)
    if as_json:
        _print_json(found.as_json())
    else:
        print_out(audit_table(found.rows()))
        for line in (*found.answer, *found.notes):
            print_out(line)
        print_out(f"report: {found.report}")
    for problem in found.problems:
        print(f"missing: {problem}", file=sys.stderr)
    met = gate.met_by(found) if gate else []
    for line in met:
        print(f"failed: {line}", file=sys.stderr)
    if met or not found.complete:
        raise typer.Exit(1)


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    gpu_hour: Annotated[
        float | None, typer.Option("--price-per-gpu-hour", min=0, help="Of one GPU with its machine, in any currency.")
    ] = None,
    cpu_hour: Annotated[
        float | None, typer.Option("--price-per-cpu-hour", min=0, help="Of one CPU thread, in the same currency.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a study's steps: which are done, and what the rest will cost in hours, images, bytes and money."""
    from prettyuseful.console import cost_table, print_out
    from prettyuseful.engine.cost import Prices, Rates, cost_of
    from prettyuseful.engine.store.open import exists, open_store
    from prettyuseful.engine.workers.open import local_width
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import remaining_steps
    from prettyuseful.study.reading import load_study

    asked = load_study(study)
    planned = make_plan(asked)
    opened = open_store(store) if exists(store) else None  # planning makes no folders
    todo = remaining_steps(planned, opened) if opened else planned.steps
    rates = Rates(opened.list() if opened else ())
    cost = cost_of(planned.steps, todo, rates, local_width(asked.numerics), Prices(gpu_hour, cpu_hour))
    if as_json:
        _print_json(cost.as_json())
    else:
        print_out(cost_table(cost))


@app.command()
def status(study: StudyArgument, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Show which of a study's steps are done, running, failed or waiting, on whichever machine."""
    from prettyuseful.console import print_out, status_table
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import status_of
    from prettyuseful.study.reading import load_study

    _must_exist(store)
    found = status_of(make_plan(load_study(study)), open_store(store))
    if as_json:
        _print_json({"schema_version": 1, **asdict(found)})
    else:
        print_out(status_table(found))
        for label in found.running:
            print_out(f"running: {label}")
        for label, cause in found.failed.items():
            print_out(f"failed: {label}: {cause}")


@app.command()
def gc(
    studies: Annotated[list[Path], typer.Argument(help="The study files whose steps stay.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove from the store what none of the given studies refers to."""
    from prettyuseful.console import print_out, size
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.plan.study import make_plan
    from prettyuseful.study.reading import load_study

    _must_exist(store)
    opened = open_store(store)
    keep = {key for study in studies for key in make_plan(load_study(study)).steps}
    found = opened.sweep(keep, remove=False)
    words = f"{found.artifacts} artifacts and {found.files} files, {size(found.bytes)}"
    if not (found.artifacts or found.files):
        print_out(
            f"nothing to remove: all of the store {opened.url} belongs to these studies, or is younger than a day"
        )
        return
    print_out(f"no given study refers to {words} of the store {opened.url}")
    if yes or typer.confirm("Remove them?", err=True):
        opened.sweep(keep, remove=True)
        print_out("removed")


@app.command()
def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check every manifest of a store and the bytes of every file that it promises."""
    from prettyuseful.console import print_out
    from prettyuseful.engine.store.open import open_store

    _must_exist(store)
    checked = list(open_store(store).check())
    broken = [one for one in checked if one.problem]
    if as_json:
        _print_json({"schema_version": 1, "artifacts": len(checked), "broken": [asdict(one) for one in broken]})
    else:
        for one in broken:
            print_out(f"broken: {one.step} {one.key[:12]}: {one.problem}")
        print_out(f"{len(checked) - len(broken)} of {len(checked)} artifacts are whole")
    if broken:
        print("run their study again: what is broken is made anew", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def generate(
    generator: Annotated[str, typer.Argument(help="Any generator that a study can name.", show_default=False)],
    images_per_class: Annotated[int, typer.Option("--images-per-class", min=1, show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for the data set.", show_default=False)],
    task: Annotated[str, typer.Option("--task", help="A task's name, folder, or mapping.")] = "photos",
    prompts: Annotated[str | None, typer.Option("--prompts", help="A prompt strategy. [default: class-name]")] = None,
    sampling: Annotated[str | None, typer.Option("--sampling", help="vendor, paper, or '{steps: 25, cfg: 2}'.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Another seed, another draw. [default: 0]")] = None,
    numerics: Annotated[str | None, typer.Option("--numerics", help="'{device: cuda, micro_batch: 8}'.")] = None,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Generate one data set. Values of options are what a study file says behind the same key, in YAML."""
    from prettyuseful.console import print_out
    from prettyuseful.engine.execute import missing_steps
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.engine.workers.open import workers_on
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import dataset_study, make_dataset, only_dataset

    told = {"prompts": prompts, "sampling": sampling}
    fields = {key: _yaml(f"--{key}", value) for key, value in told.items() if value is not None}
    fields |= {"images_per_class": images_per_class} | ({} if seed is None else {"seed": seed})
    where: Any = {"folder": task} if Path(task).is_dir() else _yaml("--task", task)
    study = dataset_study(generator, fields, where, _yaml("--numerics", numerics) if numerics else None)
    planned, opened = make_plan(study), open_store(store)
    todo = missing_steps(planned.steps, [only_dataset(planned).keys["dataset"]], opened)
    with (
        workers_on(on, opened, study.numerics, workers) as hands,
        _progress(todo, opened, hands) as progress,
    ):
        artifact = make_dataset(planned, opened, out, hands, progress)
    facts = artifact.manifest.facts
    if as_json:
        _print_json({"schema_version": 1, "dataset": str(out), "key": artifact.manifest.key, **facts})
    else:
        print_out(f"{facts['images']} images in {out}")
        for tokenizer, count in facts.get("prompts_cut", {}).items():
            print_out(f"{count} prompts were longer than {tokenizer} takes, and were cut")


@app.command()
def export(
    dataset: Annotated[Path, typer.Argument(help="A data set folder, as `run` and `generate` leave it.")],
    out: Annotated[Path, typer.Option("--out", help="An empty or new folder.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="imagefolder or webdataset.")] = "imagefolder",
) -> None:
    """Write a data set as class folders (ImageFolder) or tar shards (WebDataset), in the images' original bytes."""
    from prettyuseful.console import print_out
    from prettyuseful.data.export import export_dataset

    print_out(f"{export_dataset(dataset, form, out)} images in {out}")


@app.command()
def check(
    kind: Annotated[str, typer.Argument(help="What to check: generator or probe.")],
    name: Annotated[str, typer.Argument(help="Your class, as module:Class or file.py:Class.")],
    as_json: JsonOption = False,
) -> None:
    """Try whether a class of yours keeps the contract, and say what is wrong."""
    from prettyuseful.console import findings_table, print_out
    from prettyuseful.errors import UnknownNameError
    from prettyuseful.names import check_of
    from prettyuseful.plugins import is_plugin, load_plugin

    find = check_of(kind).find
    if not is_plugin(name):
        raise UnknownNameError(f"{name!r} is no class of yours; name it as module:Class or file.py:Class")
    load_plugin(name)
    findings = find(name)
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        print_out(findings_table(name, findings))
    if any(finding.problem for finding in findings):
        raise typer.Exit(2)


@app.command()
def report(
    records: Annotated[Path, typer.Argument(help="A folder of records, as `run` leaves it.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Build the report again from records."""
    from prettyuseful.analysis.summary import summarise
    from prettyuseful.console import print_out
    from prettyuseful.records import read_records
    from prettyuseful.report.build import write_report

    summary = summarise(read_records(records / "records" if (records / "records").is_dir() else records))
    print_out(str(write_report(summary, out)))
    _tell_problems(summary)


@app.command()
def paper(as_json: JsonOption = False) -> None:
    """Test the trends of the paper's published values. Nothing is measured."""
    from prettyuseful.analysis.paper import paper_trends
    from prettyuseful.console import print_out

    found = paper_trends()
    if as_json:
        _print_json(found.as_json())
    else:
        print_out("\n".join(found.lines()))


@app.command("list")
def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            help="generators, tasks, prompts, architectures, recipes, probes, transforms, encoders, metrics, studies.",
            show_default=False,
        ),
    ],
    more: Annotated[
        list[str] | None, typer.Argument(help="Objects of yours, as file.py:OBJECT.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the names that a study file can use, and what objects of your own describe."""
    from prettyuseful.console import names_table, print_out
    from prettyuseful.names import names_of, notes_of

    names = names_of(kind, more or ())
    if as_json:
        _print_json(names)
    else:
        print_out(names_table(kind, names))
        for note in notes_of(kind):
            print_out(note)


@app.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from prettyuseful.study.reading import json_schema

    _print_json(json_schema())


def _progress(todo: Mapping[str, Step], store: Store, workers: Workers) -> StepProgress:
    from prettyuseful.console import StepProgress
    from prettyuseful.engine.cost import Rates

    return StepProgress(todo, Rates(store.list() if todo else ()), workers.width)


def _must_exist(store: str) -> None:
    from prettyuseful.engine.store.open import exists

    if not exists(store):
        raise StoreError(f"there is no store at {store}; name the one of your runs with --store")


def _yaml(option: str, value: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise StudyError(f"{option}: {value!r} is not valid YAML; write it as in a study file") from None


def _run(study: Study, store: str, out: Path, workers: int | None, on: str, as_json: bool) -> None:
    from prettyuseful.console import print_out, summary_table
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.engine.workers.open import workers_on
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import remaining_steps, run_plan

    planned, opened = make_plan(study), open_store(store)
    with (
        workers_on(on, opened, study.numerics, workers) as hands,
        _progress(remaining_steps(planned, opened), opened, hands) as progress,
    ):
        result = run_plan(planned, opened, out, hands, progress)
    if as_json:
        _print_json(_result_json(result))
    else:
        print_out(summary_table(result.summary))
        for sentence in result.summary.answer:
            print_out(sentence)
        print_out(f"report: {result.report}")
    _tell_problems(result.summary)


def _work(study: Study, store: str, workers: int | None, on: str) -> None:
    """One of several workers on a store; exit code 1 if steps failed."""
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.engine.workers.open import workers_on
    from prettyuseful.plan.study import make_plan
    from prettyuseful.run import remaining_steps, work_on_plan

    planned, opened = make_plan(study), open_store(store)
    with (
        workers_on(on, opened, study.numerics, workers) as hands,
        _progress(remaining_steps(planned, opened), opened, hands) as progress,
    ):
        outcome = work_on_plan(planned, opened, hands, progress)
    if outcome.failed:
        raise typer.Exit(1)


def _tell_problems(summary: Summary) -> None:
    """What is missing, on stderr; exit code 1 if anything is."""
    for problem in summary.problems:
        print(f"missing: {problem}", file=sys.stderr)
    if not summary.complete:
        raise typer.Exit(1)


def _result_json(result: StudyResult) -> dict[str, Any]:
    summary = result.summary
    return {
        "schema_version": 1,
        "complete": result.complete,
        "title": summary.study.title,
        "answer": list(summary.answer),
        "results": [asdict(row) for row in summary.rows],
        "comparisons": [asdict(comparison) for comparison in summary.comparisons],
        "problems": list(summary.problems),
        "report": str(result.report),
        "records": str(result.records),
        "datasets": {name: str(path) for name, path in result.datasets.items()},
    }


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def main() -> None:
    """Exit codes: 0 complete, 1 steps failed or missing, 2 the user's mistake, 130 interrupted."""
    # Batch systems and containers ask to stop by SIGTERM: the same as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except Exception:  # a mistake of ours: its trace is needed, secrets in it are not
        print(redacted(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(1)
