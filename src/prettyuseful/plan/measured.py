"""Find tests of classifiers in a store that were trained on the data sets of a plan, in this or in another study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from prettyuseful.engine.keys import digest
from prettyuseful.engine.store.base import Manifest
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan
from prettyuseful.records import TransferResult, dataset_label
from prettyuseful.study.file import REAL


@dataclass
class MeasuredCell:
    """Tests on the real test images of one configuration of classifiers, by data set, draw and seed.

    `tests`: by label of the data set (see `dataset_label`), then by draw and training seed. `architecture`: its name.
    `planned`: whether it is the first configuration of the plan.
    """

    architecture: str
    planned: bool = False
    tests: dict[str, dict[tuple[int, int], TransferResult]] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """The number of training seeds that at least two data sets have."""
        seeds = [{seed for _, seed in tests} for tests in self.tests.values()]
        return max((len(a & b) for i, a in enumerate(seeds) for b in seeds[:i]), default=0)


def measured_cells(plan: Plan, manifests: Iterable[Manifest]) -> list[MeasuredCell]:
    """Return all configurations that were trained on data sets of the plan and tested on its real test images.

    The configuration of the plan's first cell comes first, if it was trained, then the one with the most seeds. The
    training seeds need not be those of the study.

    Args:
        plan: the study that is planned.
        manifests: all manifests of a store, which may come from anybody; those that do not fit are left out.
    """
    made = {manifest.key: manifest for manifest in manifests if manifest.step in _KINDS}
    datasets = {_images(dataset): dataset for dataset in (*plan.more_choices, *plan.more_draws, *plan.datasets)}
    test_images = _test_images(plan)
    own = {run.train for run in plan.runs if run.cell == plan.runs[0].cell and run.is_result}
    cells: dict[str, MeasuredCell] = {}
    for test in made.values():
        classifier, tested_on = made.get(test.inputs.get("classifier", "")), _source(test, made)
        if test.step != "evaluate" or classifier is None or tested_on is None or tested_on.images != test_images:
            continue
        chain = tuple(_training_images(classifier, made))
        dataset = datasets.get(chain)
        result = _transfer(test) if dataset else None
        if dataset is None or result is None:
            continue
        source = _source(classifier, made)
        seed = classifier.spec.get("seed")
        if not isinstance(seed, int):
            continue
        spec = {name: value for name, value in classifier.spec.items() if name != "seed"}
        identity = digest([spec, test.spec, source.changes if source else (), tested_on.changes])
        cell = cells.setdefault(identity, MeasuredCell(str(spec.get("architecture"))))
        cell.planned |= classifier.key in own
        label = dataset_label(dataset.name, dataset.images_per_class)
        cell.tests.setdefault(label, {})[dataset.draw, seed] = result
    return sorted(cells.values(), key=lambda cell: (not cell.planned, -cell.seeds))


_KINDS = ("train", "evaluate", "decode", "probe")


@dataclass(frozen=True)
class _Source:
    """Decoded images: the key of their data set, and the specs of the probes that were applied."""

    images: str
    changes: tuple[str, ...]


def _source(manifest: Manifest, made: Mapping[str, Manifest]) -> _Source | None:
    """Follow the pixels of a training or test to the data set; None if a step in between is not in the store."""
    changes = []
    while manifest.step != "decode":
        found = made.get(manifest.inputs.get("pixels", ""))
        if found is None:
            return None
        manifest = found
        if manifest.step == "probe":
            changes.append(digest(manifest.spec))
    images = manifest.inputs.get("dataset")
    return None if images is None else _Source(images, tuple(changes))


def _training_images(classifier: Manifest, made: Mapping[str, Manifest]) -> Iterator[str]:
    """Yield the key of the data set that a classifier was trained on, then those it was pretrained on."""
    while True:
        source = _source(classifier, made)
        yield source.images if source else ""
        if "start" not in classifier.inputs:
            return
        found = made.get(classifier.inputs["start"])
        if found is None:
            yield ""
            return
        classifier = found


def _images(dataset: PlannedDataset) -> tuple[str, ...]:
    """Return the keys of the data set and of those for pretraining."""
    return (dataset.key, *(_images(dataset.pretrain) if dataset.pretrain else ()))


def _test_images(plan: Plan) -> str:
    """Return the key of the step that loads the real test images."""
    key = plan.runs[0].evaluations[REAL]
    while "dataset" not in (step := plan.steps[key]).inputs:
        key = step.inputs["features"] if "features" in step.inputs else step.inputs["pixels"]
    return step.inputs["dataset"]


def _transfer(test: Manifest) -> TransferResult | None:
    try:
        return TransferResult.model_validate({**test.facts, "kind": "synth_to_real", "tested_on": REAL})
    except (ValidationError, TypeError):
        return None
