"""Commands for stores: gc, verify."""

from __future__ import annotations

import sys
from dataclasses import asdict
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
def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Verify the checksums of all files in a store."""
    from prettyuseful.console import print_out
    from prettyuseful.engine.store.open import open_store

    checks = list(open_store(store, must_exist=True, writable=False).check())
    broken = [check for check in checks if check.problem]
    if as_json:
        print_json({"schema_version": 1, "artifacts": len(checks), "broken": [asdict(check) for check in broken]})
    else:
        for check in broken:
            print_out(f"damaged: {check.step} {check.key[:12]}: {check.problem}")
        print_out(f"{len(checks) - len(broken)} of {len(checks)} artifacts are intact")
    if broken:
        print("run the study again to replace the damaged artifacts", file=sys.stderr)
        raise typer.Exit(ExitCode.FAILED)
