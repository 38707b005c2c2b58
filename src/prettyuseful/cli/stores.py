"""Commands for stores: gc, verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from prettyuseful.cli.app import DEFAULT_STORE, Command, JsonOption, Panel, StoreOption, app, print_json
from prettyuseful.cli.exit_codes import ExitCode


@app.command(cls=Command, rich_help_panel=Panel.STORE, epilog="Example: prettyuseful gc study.yaml other-study.yaml")
def gc(
    studies: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY",
            help="Study files whose results are kept; list every study that you still need.",
            show_default=False,
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete the artifacts in a store that no given study uses."""
    from prettyuseful.console import print_out
    from prettyuseful.formatting import size
    from prettyuseful.run import sweep_store
    from prettyuseful.study.reading import load_study

    kept = [load_study(study) for study in studies]
    unused = sweep_store(kept, store)
    if not (unused.artifacts or unused.files):
        print_out(f"nothing to delete: everything in {store} is used by these studies or less than a day old")
        return
    print_out(f"{store}: {unused.artifacts} artifacts and {unused.files} files ({size(unused.bytes)}) are unused")
    if dry_run:
        return
    if yes or typer.confirm("Delete them?", err=True):
        sweep_store(kept, store, remove=True)
        print_out("deleted")


@app.command(cls=Command, rich_help_panel=Panel.STORE, epilog="Example: prettyuseful verify --store prettyuseful-store")
def verify(
    store: StoreOption = DEFAULT_STORE,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard", help="Remove the damaged artifacts from the store; the next run makes again what it needs."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify the checksums of all files in a store."""
    from prettyuseful.console import print_out
    from prettyuseful.engine.store.open import open_store
    from prettyuseful.errors import StoreError

    opened = open_store(store, must_exist=True, writable=discard)
    checks = list(opened.check())
    broken = [check for check in checks if check.problem]
    unreadable = [check for check in checks if check.unreadable]
    if as_json:
        fields = ("key", "step", "problem"), ("key", "step", "unreadable")
        damage, errors = (
            [{name: getattr(check, name) for name in names} for check in listed]
            for listed, names in zip((broken, unreadable), fields, strict=True)
        )
        print_json({"schema_version": 1, "artifacts": len(checks), "broken": damage, "unreadable": errors})
    else:
        for check in broken:
            print_out(f"damaged: {check.step} {check.key[:12]}: {check.problem}")
        intact = sum(not (check.problem or check.unreadable) for check in checks)
        print_out(f"{intact} of {len(checks)} artifacts are intact")
    if broken and discard:
        opened.discard([check.key for check in broken])
        message = f"removed {len(broken)} damaged artifact{'' if len(broken) == 1 else 's'}"
        print(f"{message}; run the study to make again what it needs of them", file=sys.stderr)
    elif broken:
        print(
            "to mend the store, add --discard, then run the study: the damaged artifacts are removed, and what the "
            "study needs of them is made again",
            file=sys.stderr,
        )
    if unreadable:
        what = f"{len(unreadable)} of {len(checks)} artifacts cannot be read"
        raise StoreError(f"{what}, so they are not verified; the first one: {unreadable[0].unreadable}")
    if broken and not discard:
        raise typer.Exit(ExitCode.FAILED)
