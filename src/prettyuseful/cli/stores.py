"""Commands on stores: gc, verify."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from prettyuseful.cli.app import DEFAULT_STORE, JsonOption, StoreOption, app, print_json


@app.command()
def gc(
    studies: Annotated[list[Path], typer.Argument(help="The study files whose steps stay.", show_default=False)],
    store: StoreOption = DEFAULT_STORE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove from the store what none of the given studies refers to."""
    from prettyuseful.console import print_out
    from prettyuseful.formatting import size
    from prettyuseful.run import sweep_store
    from prettyuseful.study.reading import load_study

    kept = [load_study(study) for study in studies]
    found = sweep_store(kept, store)
    if not (found.artifacts or found.files):
        print_out(f"nothing to remove: all of the store {store} belongs to these studies, or is younger than a day")
        return
    words = f"{found.artifacts} artifacts and {found.files} files, {size(found.bytes)}"
    print_out(f"no given study refers to {words} of the store {store}")
    if yes or typer.confirm("Remove them?", err=True):
        sweep_store(kept, store, remove=True)
        print_out("removed")


@app.command()
def verify(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Check every manifest of a store and the bytes of every file that it promises."""
    from prettyuseful.console import print_out
    from prettyuseful.engine.store.open import open_store

    checked = list(open_store(store, must_exist=True).check())
    broken = [one for one in checked if one.problem]
    if as_json:
        print_json({"schema_version": 1, "artifacts": len(checked), "broken": [asdict(one) for one in broken]})
    else:
        for one in broken:
            print_out(f"broken: {one.step} {one.key[:12]}: {one.problem}")
        print_out(f"{len(checked) - len(broken)} of {len(checked)} artifacts are whole")
    if broken:
        print("run their study again: what is broken is made anew", file=sys.stderr)
        raise typer.Exit(1)
