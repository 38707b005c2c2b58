"""Commands for data sets: generate, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    Command,
    ExportFormat,
    ImageFormat,
    JsonOption,
    OnOption,
    Panel,
    StoreOption,
    WorkersOption,
    app,
    parse_generator,
    parse_yaml,
    print_json,
)
from prettyuseful.paths import is_folder


@app.command(
    cls=Command,
    rich_help_panel=Panel.DATA_SETS,
    epilog="Example: prettyuseful generate pocket-base --images-per-class 5 --out images",
)
def generate(
    generator: Annotated[
        str,
        typer.Argument(
            metavar="GENERATOR|YAML",
            help="A name from `prettyuseful list generators`, a hub id, a pipeline folder, file.py:Class, or YAML such "
            "as '{model: sdxl, lora: style.safetensors}'.",
            show_default=False,
        ),
    ],
    images_per_class: Annotated[
        int,
        typer.Option(
            "--images-per-class",
            min=1,
            help="Images to generate per class.",
            show_default=False,
            rich_help_panel=Panel.DATA,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder for the data set.", show_default=False, rich_help_panel=Panel.OUTPUT),
    ],
    task: Annotated[
        str,
        typer.Option(
            "--task",
            metavar="NAME|PATH|YAML",
            help="The task that defines the classes: a name, a folder of real images, or YAML.",
            rich_help_panel=Panel.DATA,
        ),
    ] = "photos",
    prompts: Annotated[
        str | None,
        typer.Option(
            "--prompts",
            metavar="NAME|YAML",
            help="Prompt strategy; see `prettyuseful list prompts`.",
            show_default="class-name",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            "--sampling",
            metavar="NAME|YAML",
            help="Sampler settings: vendor, paper, or YAML such as '{steps: 25, cfg: 2}'.",
            show_default="vendor",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    image_format: Annotated[
        ImageFormat | None,
        typer.Option(
            "--format",
            help="How images are stored. PNG, and WebP without --quality, are lossless.",
            show_default="png",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            min=1,
            max=100,
            help="Quality of JPEG (95 unless set) or WebP.",
            show_default=False,
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="Random seed.", show_default="0", rich_help_panel=Panel.DATA),
    ] = None,
    numerics: Annotated[
        str | None,
        typer.Option(
            "--numerics",
            metavar="YAML",
            help="Device and number format, such as '{device: cuda, micro_batch: 8}'.",
            rich_help_panel=Panel.EXECUTION,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Generate one data set.

    The values of GENERATOR, --task, --prompts, --sampling and --numerics are written as in a study file.
    """
    from prettyuseful.console import StepProgress, print_out
    from prettyuseful.run import generate as generate_dataset

    fields: dict[str, Any] = {"generator": parse_generator(generator), "images_per_class": images_per_class}
    for key, value in {"prompts": prompts, "sampling": sampling}.items():
        if value is not None:
            fields[key] = parse_yaml(f"--{key}", value)
    given = {"seed": seed, "format": image_format and image_format.value, "quality": quality}
    fields |= {key: value for key, value in given.items() if value is not None}
    task_source: Any = {"folder": task} if is_folder(task) else parse_yaml("--task", task)
    numerics_fields = parse_yaml("--numerics", numerics) if numerics else None
    with StepProgress() as progress:
        dataset = generate_dataset(fields, out, task_source, numerics_fields, store, workers, on, progress)
    if as_json:
        findings = [finding.model_dump(mode="json") for finding in dataset.findings]
        more = {**dataset.facts, "notes": list(dataset.notes), "findings": findings}
        print_json({"schema_version": 1, "dataset": str(out), "key": dataset.key, **more})
    else:
        print_out(f"{dataset.images} images in {out}")
        for tokenizer, count in dataset.prompts_cut.items():
            print_out(f"{count} prompts were longer than {tokenizer} accepts and were truncated")
        for note in dataset.notes:
            print_out(note)


@app.command(
    cls=Command,
    rich_help_panel=Panel.DATA_SETS,
    epilog="Example: prettyuseful export images --format webdataset --out shards",
)
def export(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder of a data set written by `run` or `generate`.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="New or empty folder.", show_default=False, rich_help_panel=Panel.OUTPUT),
    ],
    layout: Annotated[
        ExportFormat,
        typer.Option("--format", help="Class folders, or .tar shards.", rich_help_panel=Panel.OUTPUT),
    ] = ExportFormat.imagefolder,
) -> None:
    """Export a data set as class folders (ImageFolder) or .tar shards (WebDataset), without re-encoding the images."""
    from prettyuseful.console import print_out
    from prettyuseful.data.export import export_dataset

    print_out(f"{export_dataset(dataset, layout.value, out)} images in {out}")
