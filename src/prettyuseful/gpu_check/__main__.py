"""Checks a GPU at full model size with random weights: memory, speed, and whether results are right.

Nothing is downloaded. It takes at most 12 minutes, and prints a table in Markdown. The exit code is 0 if all lines are
as expected, 1 if one is wrong, and 2 if there is no CUDA device.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

_TINY_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    from prettyuseful.cli.exit_codes import ExitCode

    parser = argparse.ArgumentParser("python -m prettyuseful.gpu_check", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="check on this CPU, with tiny models, that the check works")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write gpu-check.json and .md after every line")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="only these parts; default: all")
    parser.add_argument("--minutes", type=float, help="of the whole check; default: 12")
    options = parser.parse_args(arguments)

    import torch

    from prettyuseful.errors import UserError
    from prettyuseful.gpu_check.check import MARK, PARTS, SECONDS, Result, run_check, to_json
    from prettyuseful.gpu_check.context import Context
    from prettyuseful.gpu_check.device import Device
    from prettyuseful.output_files import make_folder, write_text

    if not options.tiny and not torch.cuda.is_available():
        return _refuse("this machine has no CUDA device; --tiny checks on a CPU that the check works")
    names = [part.name for part in PARTS]
    if unknown := [name for name in options.parts or () if name not in names]:
        return _refuse(f"unknown part {unknown[0]!r}; parts: {', '.join(names)}")

    def show(result: Result) -> None:
        line = result.lines[-1]
        seen = line.note if line.seen is None else f"{line.seen} {line.unit}"
        print(f"{line.part}: {line.name}: {seen}", file=sys.stderr, flush=True)
        if options.out is not None:
            write_text(options.out / "gpu-check.json", to_json(result), MARK)
            write_text(options.out / "gpu-check.md", result.as_markdown(), MARK)

    seconds = 60 * options.minutes if options.minutes else _TINY_SECONDS if options.tiny else SECONDS
    parts = [part for part in PARTS if not options.parts or part.name in options.parts]
    try:
        if options.out is not None:
            make_folder(options.out)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, about configurations that nobody can change here
            result = run_check(Context(Device("cpu" if options.tiny else "cuda"), options.tiny), parts, show, seconds)
    except UserError as error:
        return _refuse(str(error))
    print(to_json(result) if options.json else result.as_markdown(), end="")
    return ExitCode.FAILED if result.wrong else ExitCode.COMPLETE


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
