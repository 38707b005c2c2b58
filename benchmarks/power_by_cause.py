"""Measure how much of each cause a diagnosis finds: `python benchmarks/power_by_cause.py --folder NAME=FOLDER`.

A folder contains `<class>/<image>` or `<split>/<class>/<image>`; it is not downloaded.

- Changes of pixels: every candidate change is planted into real images, without a diagnosis, as for the smallest
  detectable change of a report (`diagnosis/detectable.py`).
- Labels, copies, repeats, blanks and coverage: other images get the defect of `planted/` in several strengths and are
  diagnosed `--trials` times. It is found if the diagnosis reports the cause.

The JSON output contains, for each number of images per class, the share of cases in which each strength is found.
`--table FILE` receives a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from open_world import name_and_path, training_of
from planted.defects import DEFECTS, Plant
from planted.natural import Folder
from planted.open_world import OPEN_DEFECTS
from planted_defects import reference_of

from prettyuseful.diagnosis.detectable import plant_changes
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.reference import Reference


@dataclass(frozen=True)
class SetDefect:
    """A defect of the whole set. `words`: template of its strengths, from weak to strong."""

    cause: str
    words: str
    strengths: tuple[float, ...]
    plant: Plant


SET_DEFECTS = (
    SetDefect("labels", "{:.0%} random labels", (0.05, 0.1, 0.2, 0.45), DEFECTS["labels at random"].plant),
    SetDefect("copies", "{:.0%} near-copies", (0.05, 0.1, 0.2, 0.4), DEFECTS["near-copies of real"].plant),
    SetDefect("repeats", "{:.0%} exact repeats", (0.05, 0.1, 0.2, 0.4), OPEN_DEFECTS["exact repeats"].plant),
    SetDefect("blank", "{:.0%} blank images", (0.01, 0.03, 0.1, 0.3), OPEN_DEFECTS["blank images"].plant),
    SetDefect("coverage", "{:g} images per class, varied", (16, 8, 4, 2), DEFECTS["collapse of all classes"].plant),
)


@dataclass(frozen=True)
class Curve:
    """The share of cases, 0-1, in which each strength is found, from weak to strong."""

    cause: str
    words: str
    found: Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=name_and_path, required=True, metavar="NAME=PATH")
    parser.add_argument("--side", type=int, default=32, help="of the images in pixels")
    parser.add_argument("--per-class", type=int, nargs="+", default=[30, 100], help="images per class of the real sets")
    parser.add_argument("--trials", type=int, default=10, help="diagnoses per strength of a defect of the whole set")
    parser.add_argument("--encoder", default="small", help="'small', 'efficientnet-lite0' or a timm id")
    parser.add_argument("--table", type=Path, help="file for a Markdown table")
    options = parser.parse_args()
    (name, path), curves = options.folder, {}
    for per_class in options.per_class:
        world = Folder(path, 0, per_class, options.side)
        reference = reference_of(world, 0, training_of(options.encoder))
        curves[per_class] = [*pixel_curves(reference), *set_curves(reference, world, options.trials)]
    if options.table:
        options.table.write_text(markdown_table(curves), "utf-8")
    results = {n: [[c.cause, c.words, c.found] for c in found] for n, found in curves.items()}
    print(json.dumps({"folder": name, "images per class": results}, indent=1))


def pixel_curves(reference: Reference) -> Iterator[Curve]:
    """Yield a curve for each family of candidate changes."""
    by_family: dict[tuple[str, str, str], dict[str, float]] = {}
    for planted in plant_changes(reference):
        family = planted.change.family
        found = by_family.setdefault((family.cause.id, family.cause.direction, family.words), {})
        found[f"{planted.change.strength:g}"] = planted.found
    for (cause, _, words), found in by_family.items():
        yield Curve(cause, words.format("s"), found)


def set_curves(reference: Reference, world: Folder, trials: int) -> Iterator[Curve]:
    """Yield a curve for each defect of the whole set."""
    for defect in SET_DEFECTS:
        found = {}
        for strength in defect.strengths:
            named = [_is_named(defect, strength, reference, world, number) for number in range(trials)]
            found[defect.words.format(strength)] = float(np.mean(named))
            print(f"{defect.words.format(strength)}: found in {sum(named)} of {trials}", file=sys.stderr, flush=True)
        yield Curve(defect.cause, "", found)


def _is_named(defect: SetDefect, strength: float, reference: Reference, world: Folder, number: int) -> bool:
    rng = np.random.default_rng([number, *map(ord, defect.cause)])
    images = defect.plant(world.draw("unseen", rng), strength, world, rng)
    return defect.cause in {cause.id for cause in diagnose(reference, images).named}


def markdown_table(curves: Mapping[int, list[Curve]]) -> str:
    """Return a row for each curve and a column for each number of images per class."""
    lines = [
        f"| cause | change of strength s | {' | '.join(f'{n} images per class' for n in curves)} |",
        f"| --- | --- | {' | '.join('---' for _ in curves)} |",
    ]
    for row in zip(*curves.values(), strict=True):
        cells = ["; ".join(f"{strength}: {share:.0%}" for strength, share in curve.found.items()) for curve in row]
        lines.append(f"| `{row[0].cause}` | {row[0].words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
