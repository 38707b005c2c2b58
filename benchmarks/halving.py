"""Measure the regret and the saving of `train.halving`: `python benchmarks/halving.py` prints JSON.

Regret is the true accuracy of the best of all data sets minus that of the data set that a search ends with. The rule is
that of the package, `HalvingPlan.best`. Its defaults were fixed before any of this was measured.

`simulated`: 27 data sets per world, whose accuracy rises with the budget as a power law; the truth is known. The worlds
differ in how the curves cross. `train all, one seed`, and `random` (as many random data sets in full as halving could
pay for) are the alternatives.

`real`, with `--images` (a folder with `train` and `test`, each with one folder per class, such as CIFAR-10): 30 data
sets from real photographs, by changes of the images, of labels and of diversity. The classifiers are linear probes on
frozen features of efficientnet-lite0 at 64 px. The budget is images, the validation images are others than the training
images, and all data sets are trained in full as well, in every one of `--draws` draws of their images. The true
accuracy of a data set is its mean over all draws on the test images. Features are kept in `--cache`, and accuracies in
`--trained`, after each draw.

Intervals are 95% t intervals over worlds or draws; shares have Clopper-Pearson intervals.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import stats

from prettyuseful.data.pixels import Pixels
from prettyuseful.engine.keys import derive_seed
from prettyuseful.study.halving import HalvingPlan, amount_of

SETS, SEEDS = 27, 3
VALIDATION, TEST = 500, 2000
"""Images of a simulated world."""
PER_CLASS, POOL, HELD_OUT, SIDE = 90, 300, 200, 64
"""Images of each class of a real data set, from which they are drawn, and of validation; side in pixels."""
PLANS = {
    "default": HalvingPlan(),
    "keep half": HalvingPlan(keep=0.5, rungs=4),
    "two rungs": HalvingPlan(rungs=2),
    "keep a fifth": HalvingPlan(keep=0.2, rungs=2),
}
REAL_PLANS = ("default", "two rungs")


@dataclass(frozen=True)
class Search:
    """What a search found. `regret`: in accuracy (0-1). `cost`: in trainings with the whole budget."""

    regret: float
    cost: float
    found_best: bool


Observe = Callable[[str, float, int], float]
"""Returns an observed validation accuracy of a data set, with a share of the budget, and of a training seed."""


def halve(names: Sequence[str], plan: HalvingPlan, observe: Observe) -> tuple[tuple[str, ...], float]:
    """Return the data sets that reach the last rung, and the cost of the rungs before it."""
    cost = 0.0
    for share in plan.shares[:-1]:
        cost += len(names) * share
        names = plan.best({name: observe(name, share, 0) for name in names})
    return tuple(names), cost


# Simulated worlds


@dataclass(frozen=True)
class Curves:
    """True accuracies `final - gain * (budget ** -slope - 1)`, each (SETS,)."""

    final: np.ndarray
    gain: np.ndarray
    slope: np.ndarray

    def accuracy(self, share: float) -> np.ndarray:
        return np.clip(self.final - self.gain * (share**-self.slope - 1), 0.1, 1)


def parallel(rng: np.random.Generator) -> Curves:
    return Curves(rng.normal(0.6, 0.05, SETS), np.full(SETS, 0.15), np.full(SETS, 0.4))


def crossing(rng: np.random.Generator) -> Curves:
    """Slopes are independent of the final accuracy."""
    return Curves(rng.normal(0.6, 0.05, SETS), rng.uniform(0.03, 0.3, SETS), rng.uniform(0.2, 0.6, SETS))


def late(rng: np.random.Generator) -> Curves:
    """The best in the end gain the most from data: what is best early is not best late."""
    final = rng.normal(0.6, 0.05, SETS)
    return Curves(final, np.clip(0.15 + 1.5 * (final - 0.6) + rng.normal(0, 0.03, SETS), 0.01, 1), np.full(SETS, 0.4))


def saturating(rng: np.random.Generator) -> Curves:
    """A third of the sets has little diversity: good early, and no better with more images."""
    curves = parallel(rng)
    flat = rng.random(SETS) < 1 / 3
    return Curves(curves.final - 0.05 * flat, np.where(flat, 0.01, curves.gain), curves.slope)


def one_late(rng: np.random.Generator) -> Curves:
    """One set is best in the end, and among the worst at the beginning: the adversary of every early stop."""
    curves = parallel(rng)
    final, gain = curves.final.copy(), curves.gain.copy()
    final[0], gain[0] = final.max() + 0.03, 0.3
    return Curves(final, gain, curves.slope)


def equal(rng: np.random.Generator) -> Curves:
    """All are equally good: any choice is right."""
    return Curves(np.full(SETS, 0.6), rng.uniform(0.1, 0.2, SETS), np.full(SETS, 0.4))


WORLDS: Mapping[str, Callable[[np.random.Generator], Curves]] = {
    "parallel curves": parallel,
    "curves cross at random": crossing,
    "the best gain the most": late,
    "a third saturates early": saturating,
    "one best set starts worst": one_late,
    "no difference": equal,
}


def simulate(make: Callable[[np.random.Generator], Curves], rng: np.random.Generator) -> dict[str, Search]:
    """Return what each search finds in one world."""
    curves, names = make(rng), [str(i) for i in range(SETS)]
    truth, cache = curves.accuracy(1.0), dict[tuple[str, float, int], float]()
    # Part of what a set does on the validation images is the same at every budget and seed.
    of_set = rng.normal(0, 0.3, SETS)

    def observe(name: str, share: float, seed: int) -> float:
        if (name, share, seed) not in cache:
            accuracy = curves.accuracy(share)[int(name)]
            image_error = (accuracy * (1 - accuracy) / VALIDATION) ** 0.5
            trained = accuracy + rng.normal(0, 0.01 * share**-0.25)
            noise = image_error * (
                of_set[int(name)] + rng.normal(0, (0.5 - 0.3**2) ** 0.5)
            )  # half is shared by all sets
            cache[name, share, seed] = trained + noise
        return cache[name, share, seed]

    def tested(name: str, seeds: int) -> float:
        accuracy = truth[int(name)]
        return float(accuracy + rng.normal(0, (0.01**2 / seeds + 0.5 * accuracy * (1 - accuracy) / TEST) ** 0.5))

    def search(candidates: Sequence[str], cost: float, seeds: int = SEEDS) -> Search:
        chosen = max(candidates, key=lambda name: tested(name, seeds))
        regret = float(truth.max() - truth[int(chosen)])
        return Search(regret, cost + len(candidates) * seeds, regret == 0)

    found = {"train all": search(names, 0.0), "train all, one seed": search(names, 0.0, 1)}
    for label, plan in PLANS.items():
        kept, cost = halve(names, plan, observe)
        found[label] = search(kept, cost)
    affordable = max(1, round(found["default"].cost / SEEDS))
    found["random"] = search([str(i) for i in rng.permutation(SETS)[:affordable]], 0.0)
    return found


# Real data sets


@dataclass(frozen=True)
class RealSet:
    """A data set from photographs: a change of the pixels, and what is done to labels and diversity.

    `random_labels`: share of labels that are replaced. `distinct`: so many different images per class, repeated.
    """

    change: str
    random_labels: float = 0.0
    distinct: int | None = None


def changes() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the changes of (N, H, W, 3) uint8 images."""
    from prettyuseful.transforms.colour import Colour, ColourShift
    from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution, Noise
    from prettyuseful.transforms.geometry import PatchShuffle, Zoom

    transforms = {
        "slight blur": Blur(width=0.02),
        "blur": Blur(width=0.05),
        "JPEG 30": Jpeg(quality=30),
        "JPEG 8": Jpeg(quality=8),
        "slight noise": Noise(deviation=0.06),
        "noise": Noise(deviation=0.15),
        "half resolution": LowResolution(factor=0.5),
        "quarter resolution": LowResolution(factor=0.25),
        "grey": Colour(saturation=0.0),
        "little contrast": ColourShift(contrast=0.4),
        "zoom": Zoom(factor=1.5),
        "2 x 2 patches shuffled": PatchShuffle(grid=2),
        "4 x 4 patches shuffled": PatchShuffle(grid=4),
    }
    return {"none": lambda images: images, **{name: transform.apply for name, transform in transforms.items()}}


REAL_SETS: Mapping[str, RealSet] = {
    **{name: RealSet(name) for name in ("none", "slight blur", "blur", "JPEG 30", "JPEG 8", "slight noise", "noise")},
    **{name: RealSet(name) for name in ("half resolution", "quarter resolution", "grey", "little contrast", "zoom")},
    **{name: RealSet(name) for name in ("2 x 2 patches shuffled", "4 x 4 patches shuffled")},
    **{
        f"{change}, {words}": RealSet(change, labels, distinct)
        for change in ("none", "slight blur", "JPEG 30", "little contrast")
        for words, labels, distinct in (
            ("20% random labels", 0.2, None),
            ("50% random labels", 0.5, None),
            ("10 distinct images", 0.0, 10),
            ("30 distinct images", 0.0, 30),
        )
    },
}


def read_folder(folder: Path, first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images `first` to `stop` of each class, (N, H, W, 3) uint8, and their labels."""
    images, labels = [], []
    for label, of_class in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for file in sorted(of_class.iterdir())[first:stop]:
            images.append(np.asarray(Image.open(file).convert("RGB")))
            labels.append(label)
    return np.stack(images), np.array(labels)


def features_of(images: Path, cache: Path) -> dict[str, np.ndarray]:
    """Return features of the pool by change, and of validation and test images; computed once."""
    if cache.is_file():
        with np.load(cache) as stored:
            return dict(stored)
    from prettyuseful.encoders.source import EncoderSource, at_size, open_encoder
    from prettyuseful.numerics import Numerics

    encoder = at_size(open_encoder(EncoderSource(name="efficientnet-lite0").pin(), Numerics()), SIDE)

    def embed(pixels: np.ndarray) -> np.ndarray:
        return encoder.features(Pixels.from_array(pixels, np.zeros(len(pixels), int), np.full(len(pixels), "")))

    pool, labels = read_folder(images / "train", 0, POOL)
    result = {"labels": labels}
    for part, of_part in (("validation", ("train", POOL, POOL + HELD_OUT)), ("test", ("test", 0, HELD_OUT))):
        pixels, result[f"{part} labels"] = read_folder(images / of_part[0], *of_part[1:])
        result[part] = embed(pixels)
    for name, change in changes().items():
        result[f"pool {name}"] = embed(change(pool))
    np.savez(cache, **result)
    return result


def real_accuracies(features: Mapping[str, np.ndarray], draw: int, shares: Sequence[float]) -> np.ndarray:
    """Return accuracies (sets, shares, 2) on validation and test images, of linear probes on one draw of the images."""
    from prettyuseful.training.linear_probe import fit_linear_probe
    from prettyuseful.training.recipes import FrozenFeatures

    classes, recipe = int(features["labels"].max()) + 1, FrozenFeatures()
    result = np.zeros((len(REAL_SETS), len(shares), 2))
    for row, (name, made) in enumerate(REAL_SETS.items()):
        rng = np.random.default_rng(derive_seed("halving", name, draw))
        chosen = np.stack(
            [rng.permutation(np.flatnonzero(features["labels"] == c))[:PER_CLASS] for c in range(classes)]
        )
        if made.distinct is not None:
            chosen = chosen[:, np.arange(PER_CLASS) % made.distinct]
        labels = np.repeat(np.arange(classes)[:, None], PER_CLASS, axis=1)
        wrong = rng.random(labels.shape) < made.random_labels
        labels[wrong] = rng.integers(0, classes, int(wrong.sum()))
        for column, share in enumerate(shares):
            used = np.s_[:, : amount_of(share, PER_CLASS)]
            rows, given = chosen[used].ravel(), labels[used].ravel()
            probe = fit_linear_probe(features[f"pool {made.change}"][rows], given, rows.astype(str), classes, recipe)
            for part, of_part in enumerate(("validation", "test")):
                logits = probe.logits(features[of_part])
                result[row, column, part] = (logits.argmax(axis=1) == features[f"{of_part} labels"]).mean()
    return result


def search_real(draws: int, features: Mapping[str, np.ndarray], trained: Path | None) -> dict[str, Any]:
    """Return what halving finds in each draw of the real data sets, against training all of them."""
    plans = {label: PLANS[label] for label in REAL_PLANS}
    shares = sorted({share for plan in plans.values() for share in plan.shares})
    names = list(REAL_SETS)
    done = list(np.load(trained)) if trained and trained.is_file() else []
    for draw in range(len(done), draws):
        done.append(real_accuracies(features, draw, shares))
        if trained:
            np.save(trained, np.stack(done))
    accuracies = np.stack(done[:draws])
    truth = accuracies[:, :, -1, 1].mean(axis=0)  # (sets,)
    found: dict[str, list[Search]] = {}
    for of_draw in accuracies:

        def observe(name: str, share: float, seed: int, of_draw: np.ndarray = of_draw) -> float:  # noqa: ARG001
            return float(of_draw[names.index(name), shares.index(share), 0])

        searches = {label: halve(names, plan, observe) for label, plan in plans.items()}
        for label, (kept, cost) in {"train all": (tuple(names), 0.0), **searches}.items():
            chosen = max(kept, key=lambda name: of_draw[names.index(name), -1, 1])
            regret = float(truth.max() - truth[names.index(chosen)])
            found.setdefault(label, []).append(Search(regret, cost + len(kept), regret == 0))
    first = accuracies[:, :, :, 0].mean(axis=0)
    crossing = {f"{share:.3f}": float(stats.spearmanr(first[:, i], truth)[0]) for i, share in enumerate(shares)}
    return {
        "sets": len(names),
        "draws": len(accuracies),
        "true accuracies": dict(sorted(zip(names, truth.round(4).tolist(), strict=True), key=lambda pair: -pair[1])),
        "rank correlation of mean accuracy at a share with the truth": crossing,
        **{label: summary(searches) for label, searches in found.items()},
    }


def summary(searches: Sequence[Search]) -> dict[str, Any]:
    """Return the mean regret in points with its interval, how often it is below 1 point, and the mean cost."""
    regrets = 100 * np.array([search.regret for search in searches])
    half = float(stats.t.ppf(0.975, len(regrets) - 1) * regrets.std(ddof=1) / len(regrets) ** 0.5)
    return {
        "regret in points": [
            round(float(x), 2) for x in (regrets.mean(), max(0.0, regrets.mean() - half), regrets.mean() + half)
        ],
        "largest regret": round(float(regrets.max()), 2),
        "below 1 point": share_of(int((regrets < 1).sum()), len(regrets)),
        "the best itself": share_of(sum(search.found_best for search in searches), len(regrets)),
        "trainings with the whole budget": round(float(np.mean([search.cost for search in searches])), 1),
    }


def share_of(count: int, total: int) -> list[float]:
    """Return a percentage with its interval."""
    interval = stats.binomtest(count, total).proportion_ci()
    return [round(100 * value, 1) for value in (count / total, interval.low, interval.high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=1000, help="simulated worlds of each kind")
    parser.add_argument("--images", type=Path, help="folder with train and test images of real photographs")
    parser.add_argument("--cache", type=Path, default=Path("halving-features.npz"))
    parser.add_argument("--trained", type=Path, help="file with the accuracies of all trainings, written if missing")
    parser.add_argument("--draws", type=int, default=20, help="draws of the real data sets")
    options = parser.parse_args()
    result: dict[str, Any] = {"plans": {name: plan.model_dump() for name, plan in PLANS.items()}}
    for name, make in WORLDS.items():
        rng = np.random.default_rng(derive_seed("halving", name))
        found = [simulate(make, rng) for _ in range(options.worlds)]
        if not found:
            continue
        result[name] = {label: summary([searches[label] for searches in found]) for label in found[0]}
    if options.images:
        result["real"] = search_real(options.draws, features_of(options.images, options.cache), options.trained)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
