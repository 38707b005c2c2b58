"""How good forecasts are: held-out intervals, the best data set, refusals and signs, in worlds of many data sets.

    python benchmarks/forecast.py make cifar FOLDER --source CIFAR10   # folders train and test of class folders
    python benchmarks/forecast.py make photos FOLDER
    python benchmarks/forecast.py measure FOLDER                       # measures and trains all data sets, once
    python benchmarks/forecast.py trials FOLDER... --trials 200
    python benchmarks/forecast.py digits --worlds 20 --trials 200
    python benchmarks/forecast.py published

`make` writes a study of 45 or more data sets, see `planted/forecast_worlds.py`; `measure` runs it and writes its
records; `trials` only reads records. A trial takes 40 data sets at random and leaves out a quarter of the predictors.
It trains 8 of the 40, forecasts the others, and compares with what training them gave. Then the accuracies are
exchanged at random between the data sets, so that predictors say nothing: this should be refused.

Each line gives: refused; of those that were not, the share of accuracies of untrained data sets within their 90%
intervals, with a 95% interval over trials; how often the best of all 40 is among the first third, where trained data
sets stand by their accuracy and the others by their forecast, and the same among untrained ones alone; the error of
the forecast and of guessing the mean; the mean width of intervals; and by how much the best of all exceeds the best of
the first 8 and of the 5 that are forecast best; and how many predictors have a significant rank correlation with
accuracy over the first 8, and how many of these correlations have another sign over all 40.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from planted.digits_forecast import digits_world
from planted.forecast_worlds import World, degraded_study, photos_study

from prettyuseful.analysis.forecast import measured_sets, predict_accuracies, skill_of
from prettyuseful.analysis.forecast_model import ForecastModel, representatives
from prettyuseful.analysis.predictors import PREDICTORS
from prettyuseful.analysis.published import published
from prettyuseful.analysis.rank_correlation import rank_correlation
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.summary import summarise
from prettyuseful.analysis.trend import spearman_test, unit_ranks
from prettyuseful.engine.session import Execution
from prettyuseful.formatting import number
from prettyuseful.plan.forecast import forecast_plan
from prettyuseful.plan.gather import gather_records
from prettyuseful.plan.study import make_plan
from prettyuseful.records import read_records, write_records
from prettyuseful.study.reading import load_study

SETS, FIRST, BEST = 40, 8, 5
_LEFT_OUT = 0.25


@dataclass(frozen=True)
class Trial:
    """The result of one forecast; see the module's docstring."""

    refused: bool
    inside: float
    top_third: bool
    top_third_of_untrained: bool
    error: float
    guess: float
    width: float
    regret: float
    signs: int
    wrong_signs: int


def run_trial(world: World, rng: np.random.Generator, shuffled: bool, left_out: float = _LEFT_OUT) -> Trial:
    """Forecast one random choice of data sets and predictors of a world."""
    sets = rng.permutation(len(world.accuracies))[:SETS]
    kept = rng.random(len(world.names)) >= left_out
    kept[rng.integers(len(kept))] = True
    values, accuracies = world.values[np.ix_(sets, kept)], world.accuracies[sets]
    if shuffled:
        accuracies = rng.permutation(accuracies)
    known = representatives(values, FIRST)
    rest = np.setdiff1d(range(SETS), known)
    model = ForecastModel(values)
    skill = skill_of(model, known, accuracies[known])
    found = predict_accuracies(model, known, accuracies[known])
    order = found.mean.copy()
    order[known] = accuracies[known]
    ranked, untrained = np.argsort(-order), rest[np.argsort(-found.mean[rest])]
    trained = [*known, *untrained[:BEST]]
    signs = [sign for sign in (_sign(column, accuracies, known) for column in values.T) if sign]
    return Trial(
        refused=not skill.is_significant,
        inside=float(((found.low <= accuracies) & (accuracies <= found.high))[rest].mean()),
        top_third=int(accuracies.argmax()) in ranked[: SETS // 3],
        top_third_of_untrained=int(rest[accuracies[rest].argmax()]) in untrained[: len(rest) // 3],
        error=float(((found.mean - accuracies)[rest] ** 2).mean() ** 0.5),
        guess=float(((accuracies[known].mean() - accuracies[rest]) ** 2).mean() ** 0.5),
        width=float((found.high - found.low)[rest].mean()),
        regret=float(accuracies.max() - accuracies[trained].max()),
        signs=len(signs),
        wrong_signs=signs.count("wrong"),
    )


def _sign(column: np.ndarray, accuracies: np.ndarray, known: Sequence[int]) -> str | None:
    """Return whether the sign of a significant rank correlation over the known data sets is that over all."""
    if np.ptp(column[known]) == 0:
        return None
    rho, p, _ = spearman_test(column[known], accuracies[known])
    overall = float(unit_ranks(column[None])[0] @ unit_ranks(accuracies[None])[0])
    return None if p > 0.05 else "right" if rho * overall > 0 else "wrong"


def report(worlds: Sequence[World], trials: int, title: str, shuffled: bool = False) -> None:
    """Print the line of some trials, which take the worlds in turns."""
    rng = np.random.default_rng(0)
    found = [run_trial(worlds[index % len(worlds)], rng, shuffled) for index in range(trials)]
    made = [trial for trial in found if not trial.refused]
    refused = f"{title}: refused {1 - len(made) / trials:.1%} of {trials}"
    if shuffled or not made:
        print(refused, flush=True)
        return
    table = np.array([[getattr(trial, name) for name in _FIELDS] for trial in made], float)
    mean = dict(zip(_FIELDS, table.mean(axis=0), strict=True))
    half = 1.96 * table[:, 0].std(ddof=1) / len(made) ** 0.5 if len(made) > 1 else float("nan")
    print(
        f"{refused}; inside {mean['inside']:.1%} +- {half:.1%}; best in top third {mean['top_third']:.1%}, of "
        f"untrained {mean['top_third_of_untrained']:.1%}; error {100 * mean['error']:.1f} against "
        f"{100 * mean['guess']:.1f} points; width {100 * mean['width']:.1f}; regret {100 * mean['regret']:.2f}; of "
        f"{table[:, -2].sum():.0f} significant signs, {table[:, -1].sum():.0f} wrong",
        flush=True,
    )


_FIELDS = ("inside", "top_third", "top_third_of_untrained", "error", "guess", "width", "regret", "signs", "wrong_signs")


def measured_worlds(folder: Path) -> Iterator[World]:
    """Yield a world for each grid cell of a study whose data sets are all trained."""
    summary = summarise(read_records(folder / "records"))
    for cell in dict.fromkeys(row.cell for row in summary.rows):
        rows = [_by_own_encoder(row) for row in summary.rows if row.cell == cell]
        measured = measured_sets(rows, summary.study.file.metrics, summary.study.metrics)
        accuracies = {row.dataset: row.to_real.mean for row in rows if row.to_real}
        found = np.array([accuracies[name] for name in measured.datasets])
        names = tuple(predictor.name for predictor in measured.predictors)
        yield World(f"{folder.name}, {cell[0]}", names, measured.values, found)


def _by_own_encoder(row: Row) -> Row:
    """Return a row with the metrics by the encoder of its cell, as in a study with this cell alone.

    A linear probe on that encoder is no predictor then: it would be the training that a forecast saves.
    """
    own = {part.metric: part.value for part in row.distribution if part.encoder == row.cell[0]}
    return replace(row, metrics={**row.metrics, **own}, linear_probe=None if own else row.linear_probe)


def without(world: World, name: str) -> World:
    """Return a world without a predictor."""
    kept = [other != name for other in world.names]
    chosen = tuple(other for other in world.names if other != name)
    return replace(world, names=chosen, values=world.values[:, kept])


def print_signs(world: World) -> None:
    """Print the rank correlation of each predictor with accuracy over all data sets of a world."""
    columns = zip(world.names, world.values.T, strict=True)
    signs = [
        f"{name} {number(rank_correlation(column.tolist(), world.accuracies.tolist()))}" for name, column in columns
    ]
    low, high = world.accuracies.min(), world.accuracies.max()
    print(f"{world.title}: {len(world.accuracies)} data sets, accuracies {low:.1%} to {high:.1%}; {', '.join(signs)}")


def measure(folder: Path) -> None:
    """Measure and train all data sets of a study in every grid cell, and write the records."""
    study = load_study(folder / "study.yaml")
    plan = forecast_plan(study, [row.metric for row in PREDICTORS if row.metric])
    plan = replace(plan, runs=plan.all_runs, steps=dict(plan.all_steps), groups=make_plan(study).groups)
    with Execution(folder / "store", 1).session(study.numerics) as session:
        outcome = session.run(plan.steps, plan.result_keys)
        write_records(gather_records(plan, session.store, outcome), folder / "records")


def print_published() -> None:
    """Print the rank correlations of published values with published accuracies; nothing of them is measured here."""
    values = published()
    by_set = {(part.model, part.prompts): part for part in values.generated}
    pairs = [
        (by_set[part.model, part.prompts], part)
        for part in values.distributions
        if (part.model, part.prompts) in by_set
    ]
    accuracy = [transfer.synth_to_real for transfer, _ in pairs]
    for name, column in (
        ("density", [part.density for _, part in pairs]),
        ("coverage", [part.coverage for _, part in pairs]),
        ("coverage / density", [part.coverage / part.density for _, part in pairs]),
        ("real-to-synth", [transfer.real_to_synth for transfer, _ in pairs]),
    ):
        print(f"published, {len(pairs)} data sets: {name} {number(rank_correlation(column, accuracy))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("world", choices=("cifar", "photos"))
    making.add_argument("folder", type=Path)
    making.add_argument("--source", type=Path)
    commands.add_parser("measure").add_argument("folder", type=Path)
    trying = commands.add_parser("trials")
    trying.add_argument("folders", type=Path, nargs="+")
    trying.add_argument("--trials", type=int, default=200)
    digits = commands.add_parser("digits")
    digits.add_argument("--worlds", type=int, default=20)
    digits.add_argument("--trials", type=int, default=200)
    commands.add_parser("published")
    options = parser.parse_args()
    match options.command:
        case "make":
            make = (
                degraded_study(options.source, options.folder)
                if options.world == "cifar"
                else photos_study(options.folder)
            )
            print(make)
        case "measure":
            measure(options.folder)
        case "trials":
            for world in chain.from_iterable(map(measured_worlds, options.folders)):
                print_signs(world)
                report([world], options.trials, world.title)
                if "linear-probe" in world.names:
                    report([without(world, "linear-probe")], options.trials, f"{world.title}, without linear probes")
                report([world], options.trials, f"{world.title}, accuracies exchanged", shuffled=True)
        case "digits":
            worlds = [digits_world(seed) for seed in range(options.worlds)]
            report(worlds, options.trials, "digits")
            report(worlds, options.trials, "digits, accuracies exchanged", shuffled=True)
        case "published":
            print_published()


if __name__ == "__main__":
    main()
