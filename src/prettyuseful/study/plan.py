"""From a study to its steps: a graph in which nothing is made twice, and the runs and data sets it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import Model, find_model, model_fingerprint
from prettyuseful.registry import ARCHITECTURES, PROBES, RECIPES
from prettyuseful.steps.base import Step, StepSpec
from prettyuseful.steps.classifiers import DecodeSpec, EmbedSpec, EvaluateSpec, TrainSpec
from prettyuseful.steps.datasets import CaptionSpec, CollectSpec, GenerateSpec, LoadSpec, PromptSpec, SampleSpec
from prettyuseful.steps.measures import NEIGHBOURS, MeasureSpec
from prettyuseful.study.file import REAL, DatasetPlan, Study
from prettyuseful.tasks.base import Split, Task
from prettyuseful.training.recipes import Recipe

SHARD_IMAGES = 100
_SAMPLES_PER_CLASS = 8


@dataclass(frozen=True)
class PlannedDataset:
    """A data set of the study: `keys` of its artifacts by the name of their step."""

    name: str
    images_per_class: int
    keys: Mapping[str, str]
    generator: Model | None = None
    sampling: Sampling | None = None
    plan: DatasetPlan | None = None


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed: one classifier and its tests. `evaluations` maps the tested data set to its step's key."""

    dataset: str
    images_per_class: int
    architecture: str
    recipe: str
    probe: str
    seed: int
    train: str
    evaluations: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """Steps by key, every one after those it needs."""

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    runs: tuple[PlannedRun, ...]


def make_plan(study: Study) -> Plan:
    """All steps of a study. Looks at the task's and the generators' files, starts nothing.

    Raises:
        UserError: an unknown name, a task that cannot be used, more images asked for than the task has.
    """
    return _Planner(study).plan()


@dataclass
class _Planner:
    study: Study
    steps: dict[str, Step] = field(default_factory=dict)

    def plan(self) -> Plan:
        study = self.study
        self._check_names()
        self.task = study.task.open()
        self.fingerprint = self.task.fingerprint()
        self.numerics = study.numerics.of_steps()
        recipes = {name: RECIPES[name].load() for name in study.train.recipes}

        self.test = self._load("test", self.task.available("test"))
        real = {n: self._real_dataset(n) for n in sorted({self._real_count(p) for p in study.datasets.values()})}
        synthetic = [self._synthetic_dataset(name, plan) for name, plan in study.datasets.items()]
        _check_controls(synthetic)
        runs = []
        for architecture, recipe, probe, seed in product(
            study.train.architectures, study.train.recipes, study.train.probes, study.train.seeds
        ):

            def run(dataset: PlannedDataset, tests: Mapping[str, str]) -> PlannedRun:
                return self._run(dataset, architecture, recipes[recipe], probe, seed, tests)  # noqa: B023

            for n, dataset in real.items():
                peers = {d.name: d.keys["dataset"] for d in synthetic if self._real_count(d) == n}
                runs.append(run(dataset, {REAL: self.test, **peers}))
            runs += [run(dataset, {REAL: self.test}) for dataset in synthetic]
        datasets: list[PlannedDataset] = [*real.values(), *synthetic]
        if study.metrics:
            self._check_enough(datasets)
            datasets = self._measured(datasets, runs, recipes)
        return Plan(study, self.task, self.steps, tuple(datasets), tuple(runs))

    def _check_names(self) -> None:
        for architecture in self.study.train.architectures:
            if architecture not in ARCHITECTURES.entries:
                from prettyuseful.training.architectures import check

                check(architecture)
        for recipe in self.study.train.recipes:
            RECIPES.check(recipe)
        for probe in self.study.train.probes:
            PROBES.check(probe)

    def _check_enough(self, datasets: list[PlannedDataset]) -> None:
        """Better now than after the training: neighbours need images to be found among."""
        fewest = min([self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets)])
        if fewest <= NEIGHBOURS:
            raise DataError(
                f"{', '.join(self.study.metrics)} look at {NEIGHBOURS} neighbours per image and need more than "
                f"{NEIGHBOURS} images per class, in every data set and in half the real test images; the fewest here "
                f"are {fewest}: take more images, or leave the metrics out with 'metrics: []'"
            )

    def _add(self, spec: StepSpec, inputs: Mapping[str, str], label: str, units: float) -> str:
        step = Step(spec, dict(inputs), label, units)
        self.steps.setdefault(step.key, step)
        return step.key

    def _real_count(self, synthetic: DatasetPlan | PlannedDataset) -> int:
        """Real->Real takes as many real images as there are synthetic ones, or all that the task has."""
        return min(synthetic.images_per_class, self.task.available("train"))

    def _load(self, split: Split, per_class: int) -> str:
        spec = LoadSpec(task=self.study.task, fingerprint=self.fingerprint, split=split, per_class=per_class)
        return self._add(
            spec, {}, f"load {per_class} real {split} images per class", per_class * len(self.task.classes)
        )

    def _real_dataset(self, per_class: int) -> PlannedDataset:
        key = self._load("train", per_class)
        return PlannedDataset(REAL, per_class, {"dataset": key, "sample": self._sample(key, REAL)})

    def _synthetic_dataset(self, name: str, plan: DatasetPlan) -> PlannedDataset:
        try:
            model = find_model(plan.generator)
        except UnknownNameError as error:
            raise UnknownNameError(f"data set {name!r}: {error}") from None
        sampling = _resolved(plan, model)
        prompts = self._prompts(plan)
        shards: dict[str, str] = {}
        micro_batch = self.study.numerics.micro_batch
        size = micro_batch * max(1, SHARD_IMAGES // micro_batch)  # whole micro-batches, so that none is made twice
        fingerprint = model_fingerprint(model)
        for label, class_name in enumerate(self.task.classes):
            for start in range(0, plan.images_per_class, size):
                stop = min(start + size, plan.images_per_class)
                spec = GenerateSpec(
                    generator=model.id,
                    fingerprint=fingerprint,
                    source=plan.generator,
                    sampling=sampling,
                    label=label,
                    start=start,
                    stop=stop,
                    seed=plan.seed,
                    micro_batch=micro_batch,
                    numerics=self.numerics,
                )
                words = f"generate {name}: {class_name} {start}-{stop}"
                shards[f"{len(shards):05d}"] = self._add(spec, {"prompts": prompts}, words, stop - start)
        collect = CollectSpec(classes=self.task.classes, images_per_class=plan.images_per_class)
        key = self._add(collect, shards, f"collect {name}", 1)
        keys = {"dataset": key, "sample": self._sample(key, name), "prompt": prompts}
        return PlannedDataset(name, plan.images_per_class, keys, model, sampling, plan)

    def _prompts(self, plan: DatasetPlan) -> str:
        inputs = {}
        if plan.prompts == "caption":
            real = self._load("train", self._real_count(plan))
            count = self._real_count(plan) * len(self.task.classes)
            inputs["captions"] = self._add(CaptionSpec(), {"images": real}, "caption real train images", count)
        spec = PromptSpec(strategy=plan.prompts, classes=self.task.classes)
        return self._add(spec, inputs, f"write {plan.prompts} prompts", 1)

    def _sample(self, dataset: str, name: str) -> str:
        return self._add(SampleSpec(per_class=_SAMPLES_PER_CLASS), {"dataset": dataset}, f"sample {name}", 1)

    def _decode(self, dataset: str, size: int) -> str:
        units = self._images(dataset)
        return self._add(DecodeSpec(size=size), {"dataset": dataset}, "decode " + self.steps[dataset].label, units)

    def _images(self, dataset: str) -> float:
        step = self.steps[dataset]
        if isinstance(step.spec, CollectSpec):
            return step.spec.images_per_class * len(step.spec.classes)
        return step.units

    def _run(
        self,
        dataset: PlannedDataset,
        architecture: str,
        recipe: Recipe,
        probe: str,
        seed: int,
        tests: Mapping[str, str],
    ) -> PlannedRun:
        words = f"{architecture} on {dataset.name}, seed {seed}"
        train = self._train(dataset, architecture, recipe, seed, words)
        evaluations = {
            name: self._add(
                EvaluateSpec(numerics=self.numerics),
                {"classifier": train, "pixels": self._decode(test, recipe.stored_size)},
                f"test {words} on {name}",
                self._images(test),
            )
            for name, test in tests.items()
        }
        return PlannedRun(
            dataset.name, dataset.images_per_class, architecture, recipe.name, probe, seed, train, evaluations
        )

    def _train(self, dataset: PlannedDataset, architecture: str, recipe: Recipe, seed: int, words: str) -> str:
        pixels = self._decode(dataset.keys["dataset"], recipe.stored_size)
        spec = TrainSpec(architecture=architecture, recipe=asdict(recipe), seed=seed, numerics=self.numerics)
        units = self._images(dataset.keys["dataset"]) * recipe.epochs
        return self._add(spec, {"pixels": pixels}, f"train {words}", units)

    def _measured(
        self, datasets: list[PlannedDataset], runs: list[PlannedRun], recipes: Mapping[str, Recipe]
    ) -> list[PlannedDataset]:
        """Features come from one real-trained classifier: the first of the study, on the most real images."""
        first = self.study.train
        recipe = recipes[first.recipes[0]]
        most = max(d.images_per_class for d in datasets if d.name == REAL)
        encoder = next(
            run.train
            for run in runs
            if (run.dataset, run.images_per_class, run.architecture, run.recipe, run.seed)
            == (REAL, most, first.architectures[0], recipe.name, first.seeds[0])
        )

        def embed(dataset: str, words: str) -> str:
            inputs = {"classifier": encoder, "pixels": self._decode(dataset, recipe.stored_size)}
            return self._add(EmbedSpec(numerics=self.numerics), inputs, f"embed {words}", self._images(dataset))

        reference = embed(self.test, "real test images")
        measured = []
        # Density and coverage depend on how many images they are taken from: one number for the whole study.
        per_class = min(d.images_per_class for d in datasets)
        for dataset in datasets:
            control = dataset.name == REAL
            inputs = {"reference": reference}
            if not control:
                inputs["candidate"] = embed(dataset.keys["dataset"], dataset.name)
            spec = MeasureSpec(control=control, per_class=per_class)
            key = self._add(spec, inputs, f"measure {dataset.name}", per_class * len(self.task.classes))
            measured.append(replace(dataset, keys={**dataset.keys, "measure": key, "encoder": encoder}))
        return measured


def _check_controls(datasets: list[PlannedDataset]) -> None:
    """A comparison of a data set with itself is somebody's mistake."""
    keys = {dataset.name: dataset.keys["dataset"] for dataset in datasets}
    for dataset in datasets:
        control = dataset.plan.control if dataset.plan else None
        if control and keys[control] == keys[dataset.name]:
            raise DataError(
                f"data sets {dataset.name!r} and {control!r}, its control, are the same images: the same generator, "
                "prompts, sampling and seed; let them differ, or drop the control"
            )


def _resolved(plan: DatasetPlan, model: Model) -> Sampling:
    """The sampling with every field filled in, so that equal settings have equal keys."""
    asked = Sampling() if plan.sampling == "vendor" else plan.sampling
    cfg = asked.cfg or model.vendor.cfg or 1.0
    return Sampling(steps=asked.steps or model.vendor.steps, cfg=cfg, negative=asked.negative if cfg > 1 else "")
