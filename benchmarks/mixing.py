"""Is a planted best number of generated images found, and is "add none" said where they are useless?

    python benchmarks/mixing.py --tasks 30               # simulated accuracies through the analysis of `curve`
    python benchmarks/mixing.py --real FOLDER --out OUT  # a real run of the product on a task folder

**Simulated.** A task has two rows of 20 and 100 real images per class, to which 0 to 800 generated ones are added. The
accuracies follow none of the forms that the analysis could know: the logit rises to its maximum at a planted ratio of
generated to real images and falls again, as a bell over the logarithm of the number, as a tent, as a fast rise with a
slow decline, or as a slow rise with a sudden one. Test images, seeds and their interactions vary as in `simulation.py`.
The true best number is that with the highest expected accuracy of the grid. Two more kinds of tasks have images that
change nothing, and images that harm the more of them are added.

**Real.** The task folder has `train` and `test` with class folders. Other real training images play the generated ones:
`biased` has 60% images of the next class in the first three classes, as a model that does not know these classes. So
its images help where real ones are few, and outvote them where there are more. `noise` are images of pure noise. Linear
probes on frozen features of `efficientnet-lite0` are trained on the grid by the product.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from simulation import World, single_images

from prettyuseful.analysis.mixing import Family, RowComparison
from prettyuseful.analysis.mixing_looks import needs_seeds
from prettyuseful.analysis.statistics import CellModel, Replicate
from prettyuseful.engine.keys import derive_seed
from prettyuseful.study.curve import CurvePlan, MixPoint

REAL, AMOUNTS = (20, 100), (0, 25, 50, 100, 200, 400, 800)
Form = Callable[[float, float], float]
"""What images add to the logit, as a fraction of its maximum: of the number of images, and of that at the maximum."""

FORMS: dict[str, Form] = {
    "bell": lambda n, top: float(np.exp(-(np.log(n / top) ** 2) / 1.5)),
    "tent": lambda n, top: 1 - abs(float(np.log2(n / top))) / 2.5,
    "fast rise, slow decline": lambda n, top: (
        float((n / top) * np.exp(1 - n / top)) if n < top else 2 - (n / top) ** 0.5
    ),
    "slow rise, sudden decline": lambda n, top: (n / top) ** 0.5 if n <= top else 1 - 0.8 * float(np.log2(n / top)),
}


@dataclass(frozen=True)
class Task:
    """A simulated task: what `amounts[i]` generated images add to the logit of each row, `effects[row][i]`."""

    name: str
    world: World
    effects: tuple[tuple[float, ...], ...]

    def best(self, row: int) -> int:
        """Return the index of the number of images with the highest expected accuracy."""
        return int(np.argmax([self.world.truth(_shift(row) + effect) for effect in self.effects[row]]))


def _shift(row: int) -> float:
    return 0.5 * float(np.log(REAL[row] / REAL[0]))


def make_world(rng: np.random.Generator) -> World:
    """Return a world of 1,000 or 3,000 single test images of ten classes, with effects of seeds and images."""
    return World(
        single_images([int(rng.choice([100, 300]))] * 10),
        centre=float(rng.uniform(-0.5, 1.0)),
        of_seeds=float(rng.uniform(0.02, 0.10)),
        of_seeds_in_class=float(rng.uniform(0.05, 0.25)),
        of_sources=float(rng.uniform(0.8, 1.6)),
        correlation=float(rng.uniform(0.8, 0.95)),
        seed_correlation=float(rng.uniform(0.0, 0.7)),
    )


def planted_task(rng: np.random.Generator) -> Task:
    """Return a task in which the best ratio of generated to real images is planted; each row has its own number."""
    name = str(rng.choice(list(FORMS)))
    ratio, height = float(rng.uniform(1.0, 4.0)), float(rng.uniform(0.25, 0.7))
    effects = [
        tuple(height * (0.0 if n == 0 else max(FORMS[name](n, ratio * real), -2.0)) for n in AMOUNTS) for real in REAL
    ]
    return Task(name, make_world(rng), tuple(effects))


def useless_task(rng: np.random.Generator) -> Task:
    """Return a task with images that change nothing."""
    return Task("change nothing", make_world(rng), tuple((0.0,) * len(AMOUNTS) for _ in REAL))


def harmful_task(rng: np.random.Generator) -> Task:
    """Return a task with images that harm the more of them are added, and less with more real images."""
    harm = float(rng.uniform(0.02, 0.15))
    effects = [tuple(-harm * float(np.log1p(n / real)) for n in AMOUNTS) for real in REAL]
    return Task("harm", make_world(rng), tuple(effects))


@dataclass(frozen=True)
class Found:
    """What the analysis says of a row: `best` number by index, the `range` of those that may be it, its `verdict`.

    `covered`: whether the intervals of all gains contain their true values. `seeds`: trained classifiers per point.
    """

    best: int
    true_best: int
    range: tuple[int, int]
    verdict: str
    covered: bool
    seeds: float


def analyse(task: Task, seeds: int, precision: float | None, rng: np.random.Generator) -> list[Found]:
    """Simulate the classifiers of a task and analyse them as the product does; with `precision`, add seeds."""
    plan = CurvePlan(real=REAL, synthetic=AMOUNTS, precision=precision) if precision else None
    curve = plan or CurvePlan(real=REAL, synthetic=AMOUNTS)
    family, looks = Family.of(curve, seeds), curve.looks(seeds)
    found = []
    for row, real in enumerate(REAL):
        shifts = [_shift(row) + effect for effect in task.effects[row]]
        scales = [1.5 - 0.5 * row] * len(AMOUNTS)
        counts = task.world.counts(rng, shifts, scales, looks[-1])
        points = [MixPoint(real=real, synthetic=amount) for amount in AMOUNTS]
        used = dict.fromkeys(points, looks[0])
        result = compare(task.world, points, counts, used, family)
        for count in looks[1:]:
            open_points = [p for p in points[1:] if used[p] == used[points[0]] and precision]
            open_points = [p for p in open_points if needs_seeds(p, result, precision / 100 if precision else 0.0)]
            if not open_points:
                break
            used |= dict.fromkeys([points[0], *open_points], count)
            result = compare(task.world, points, counts, used, family)
        truths = [task.world.truth(shift, scale) for shift, scale in zip(shifts, scales, strict=True)]
        low, high = (AMOUNTS.index(end) for end in result.best_range)
        covered = all(
            gain.low <= truths[points.index(point)] - truths[0] <= gain.high for point, gain in result.gains.items()
        )
        best = AMOUNTS.index(result.best.synthetic)
        found.append(
            Found(best, int(np.argmax(truths)), (low, high), result.verdict, covered, float(np.mean([*used.values()])))
        )
    return found


def compare(
    world: World, points: Sequence[MixPoint], counts: np.ndarray, used: dict[MixPoint, int], family: Family
) -> RowComparison:
    """Return the comparison of a row with the first `used` seeds of each point; `counts` (points, seeds, rows)."""
    correct = {
        point: {Replicate(0, seed): rows for seed, rows in enumerate(of_point[: used[point]])}
        for point, of_point in zip(points, counts, strict=True)
    }
    return RowComparison.of(CellModel(world.clusters, correct, prior_dof=inf), family)


KINDS: dict[str, Callable[[np.random.Generator], Task]] = {
    "planted best": planted_task,
    "change nothing": useless_task,
    "harm": harmful_task,
}


def measure(kind: str, tasks: int, seeds: int, precision: float | None) -> dict[str, object]:
    """Return what is found in so many tasks of a kind; a task counts where all of its rows do."""
    rng = np.random.default_rng(derive_seed("mixing", kind, seeds, str(precision)))
    results = [analyse(KINDS[kind](rng), seeds, precision, rng) for _ in range(tasks)]

    def share(holds: Callable[[Found], bool]) -> float:
        return round(100 * sum(all(map(holds, rows)) for rows in results) / tasks, 1)

    return {
        "kind": kind,
        "tasks": tasks,
        "first_seeds": seeds,
        "precision": precision,
        "best_within_one_step": share(lambda row: abs(row.best - row.true_best) <= 1),
        "best_exactly": share(lambda row: row.best == row.true_best),
        "true_best_in_range": share(lambda row: row.range[0] <= row.true_best <= row.range[1]),
        "add_none": share(lambda row: row.best == 0),
        "no_gain_claimed_wrongly": share(lambda row: row.verdict != "helps" or row.true_best > 0),
        "all_gains_covered": share(lambda row: row.covered),
        "numbers_in_range": round(float(np.mean([r.range[1] - r.range[0] + 1 for rows in results for r in rows])), 2),
        "seeds_per_point": round(float(np.mean([row.seeds for rows in results for row in rows])), 2),
    }


def simulate(tasks: int, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    for kind in KINDS:
        for count in seeds:
            yield measure(kind, tasks, count, None)
        yield measure(kind, tasks, min(seeds), 2.0)


def split_training_images(folder: Path, out: Path, kept: int, per_class: int, confused: int = 3) -> None:
    """Link the first `kept` training images of each class as the real ones, and the next ones as biased images.

    In the first `confused` classes, 60% of the biased images are of the next class.
    """
    rng = np.random.default_rng(0)
    names = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    images = {name: sorted((folder / "train" / name).iterdir()) for name in names}
    for label, name in enumerate(names):
        is_wrong = rng.random(per_class) < (0.6 if label < confused else 0.0)
        sources = [images[names[(label + is_wrong[number]) % len(names)]][kept + number] for number in range(per_class)]
        for part, paths in (("real", images[name][:kept]), ("biased", sources)):
            (out / part / name).mkdir(parents=True)
            for number, path in enumerate(paths):
                shutil.copyfile(path, out / part / name / f"{number:04d}{path.suffix}")


def write_noise(folder: Path, out: Path, per_class: int, size: int = 32) -> None:
    """Write images of pure noise for every class."""
    from PIL import Image

    rng = np.random.default_rng(1)
    for name in sorted(path.name for path in (folder / "train").iterdir() if path.is_dir()):
        (out / name).mkdir(parents=True)
        for number in range(per_class):
            Image.fromarray(rng.integers(256, size=(size, size, 3), dtype=np.uint8)).save(
                out / name / f"{number:04d}.png"
            )


def run_real(folder: Path, out: Path, curve: str, seeds: Sequence[int]) -> None:
    """Run the product on real images with biased images and with noise; print its sentences."""
    from prettyuseful import parse_study, run_study

    per_class = 80
    if not (out / "biased").exists():
        out.mkdir(parents=True, exist_ok=True)
        split_training_images(folder, out, kept=100, per_class=per_class)
        write_noise(folder, out / "noise", per_class)
    study = parse_study(
        f"version: 1\ntask: {{real: {out / 'real'}, test: {folder / 'test'}, test_images: 1000}}\n"
        f"datasets:\n  biased: {{generator: {out / 'biased'}, images_per_class: {per_class}}}\n"
        f"  noise: {{generator: {out / 'noise'}, images_per_class: {per_class}}}\n"
        f"train: {{architectures: [efficientnet-lite0], recipes: [frozen-features], seeds: {list(seeds)}}}\n"
        f"metrics: []\ncurve: {curve}\n"
    )
    result = run_study(study, out / "store", out / "results", workers=1)
    for sentence in result.summary.answer:
        print(sentence)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--real", type=Path, help="folder with `train` and `test`, each with a folder per class")
    parser.add_argument("--out", type=Path, default=Path("mixing-results"))
    parser.add_argument("--curve", default="{real: [5, 20], synthetic: [0, 5, 20, 80]}")
    options = parser.parse_args()
    if options.real:
        run_real(options.real, options.out, options.curve, options.seeds)
        return
    results = []
    for result in simulate(options.tasks, options.seeds):
        results.append(result)
        print(result, file=sys.stderr, flush=True)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
