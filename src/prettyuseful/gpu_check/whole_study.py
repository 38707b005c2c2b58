"""One study from end to end on the device, with the pocket models, whose weights are part of the package."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line, not_measured
from prettyuseful.run import run_study
from prettyuseful.study.reading import parse_study

_SECONDS = 90.0  # on a CPU with two slow cores, it takes about as long


def check_study(context: Context) -> Iterator[Line]:
    """Generate, train, test and measure, and write the report."""
    images, names = (3, ("turbo",)) if context.tiny else (50, ("base", "turbo"))
    lines = [f"  {name}: {{generator: pocket-{name}, images_per_class: {images}}}" for name in names]
    text = "\n".join(
        (
            "version: 1",
            "task: photos",
            "datasets:",
            *lines,
            "train: {architectures: [small], recipes: [small], seeds: [0]}",
            f"metrics: [{'' if context.tiny else 'density, coverage'}]",
            f"numerics: {{device: {context.device.kind}}}",
        )
    )
    if not context.has_time():
        yield not_measured("study with pocket models", "out of time")
        return
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        result = run_study(parse_study(text), Path(folder, "store"), Path(folder, "results"), workers=1)
        seconds = time.perf_counter() - started
        yield Line("study with pocket models: complete", str(result.complete), "", "exactly", "True")
        yield Line("study with pocket models: report", str(result.report.is_file()), "", "exactly", "True")
    yield Line("study with pocket models", seconds, "s", "at most", _SECONDS)
