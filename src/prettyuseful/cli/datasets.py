"""Commands on data sets and what makes them: generate, export, check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    JsonOption,
    Layout,
    OnOption,
    StoreOption,
    WorkersOption,
    app,
    parse_yaml,
    print_json,
)


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
    from prettyuseful.console import StepProgress, print_out
    from prettyuseful.run import generate as make

    given = {"prompts": prompts, "sampling": sampling}
    fields: dict[str, Any] = {"generator": generator, "images_per_class": images_per_class}
    fields |= {key: parse_yaml(f"--{key}", value) for key, value in given.items() if value is not None}
    fields |= {} if seed is None else {"seed": seed}
    where: Any = {"folder": task} if Path(task).is_dir() else parse_yaml("--task", task)
    with StepProgress() as progress:
        made = make(
            fields, out, where, parse_yaml("--numerics", numerics) if numerics else None, store, workers, on, progress
        )
    if as_json:
        print_json({"schema_version": 1, "dataset": str(out), "key": made.key, **made.facts})
    else:
        print_out(f"{made.images} images in {out}")
        for tokenizer, count in made.prompts_cut.items():
            print_out(f"{count} prompts were longer than {tokenizer} takes, and were cut")


@app.command()
def export(
    dataset: Annotated[Path, typer.Argument(help="A data set folder, as `run` and `generate` leave it.")],
    out: Annotated[Path, typer.Option("--out", help="An empty or new folder.", show_default=False)],
    layout: Annotated[
        Layout, typer.Option("--format", help="How images and labels are laid out.")
    ] = Layout.imagefolder,
) -> None:
    """Write a data set as class folders (ImageFolder) or tar shards (WebDataset), in the images' original bytes."""
    from prettyuseful.console import print_out
    from prettyuseful.data.export import export_dataset

    print_out(f"{export_dataset(dataset, layout.value, out)} images in {out}")


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
        print_json([asdict(finding) for finding in findings])
    else:
        print_out(findings_table(name, findings))
    if any(finding.problem for finding in findings):
        raise typer.Exit(2)
