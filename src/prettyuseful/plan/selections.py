"""Plan the steps that choose images of a data set, and refuse a choice that would use test images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prettyuseful.aesthetics.rows import SCORES, pin_score
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.execute import with_inputs
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import StudyError, prefix_location
from prettyuseful.plan.cells import AnyCell, FrozenCell, PlannedCell
from prettyuseful.plan.features import FeaturePlanner, TrainedOnReal
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedRun
from prettyuseful.plan.real import RealImages
from prettyuseful.plan.scores import ScorePlanner
from prettyuseful.selection.criteria import CRITERIA, Criterion
from prettyuseful.selection.plan import SelectionPlan
from prettyuseful.steps.datasets import ImportSpec, LoadSpec
from prettyuseful.steps.selection import RandomChoice, SelectSpec

PlanRun = Callable[[PlannedDataset, AnyCell, int, Mapping[str, str]], PlannedRun]
"""Plans a classifier with its tests, see `ClassifierPlanner.plan_run`."""


class SelectionPlanner:
    """Plans selections of images. The real images that they depend on are training images.

    `plan_run`: plans classifiers. `reference`: the grid cell whose classifier gives label confidence. `pixels`: returns
    the key of the images of a data set as the networks of a cell use them. `trained`: the cell of the study's first
    network that is trained on real images; None if it trains no network.
    """

    def __init__(
        self,
        context: PlanContext,
        real: RealImages,
        features: FeaturePlanner,
        plan_run: PlanRun,
        reference: AnyCell,
        trained: PlannedCell | None,
        pixels: Callable[[str, PlannedCell], str],
    ) -> None:
        self.context, self.graph, self.real, self.features = context, context.graph, real, features
        self.scores = ScorePlanner(context, features)
        self.plan_run, self.reference, self.trained, self.pixels = plan_run, reference, trained, pixels

    def add(
        self, select: SelectionPlan, dataset: str, per_class: ClassCounts, title: str, seed: int | None = None
    ) -> str:
        """Add the step that chooses `per_class` images of each class from those of the step `dataset`; return its key.

        `title`: name of the chosen data set. `seed`: the training seed, which has a random choice of its own; None for
        the first one.

        Raises:
            StudyError: no suitable encoder, or test images would be used.
            UserError: the encoder cannot be used.
        """
        criterion = select.criterion
        spec = SelectSpec(
            by=None if criterion is None else _pin(str(select.by)),
            part=select.kept.part,
            per_class=per_class,
            random=RandomChoice(seed=select.seed, draw=self._draw(seed)) if criterion is None else None,
        )
        inputs = {"dataset": dataset, **(self._inputs(select, criterion, dataset) if criterion else {})}
        label = f"select {title}" if seed is None or not self._draw(seed) else f"select {title}, choice of seed {seed}"
        key = self.graph.add(spec, inputs, label, self.graph.units(dataset))
        self._check_no_test_images(key)
        return key

    def _draw(self, seed: int | None) -> int:
        return 0 if seed is None else self.context.study.all_seeds.index(seed)

    def _inputs(self, select: SelectionPlan, criterion: Criterion, dataset: str) -> dict[str, str]:
        match criterion.reads:
            case "score":
                return {"scores": self.scores.key(dataset, str(select.by), select.of)}
            case "logits":
                seed = self.context.study.train.seeds[0]
                run = self.plan_run(self.real.largest, self.reference, seed, {select.of: dataset})
                return {"logits": run.evaluations[select.of]}
        with prefix_location("select"):
            encoder = self._encoder(select, criterion)
            inputs = {"features": self._features(dataset, encoder, select.of)}
        if criterion.reads == "real":
            inputs["real"] = self._features(self.real.reference.key, encoder, "real train images")
        if criterion.reads == "texts":
            inputs["texts"] = self.features.class_names(encoder)
        return inputs

    def _encoder(self, select: SelectionPlan, criterion: Criterion) -> EncoderSource:
        """Return the encoder of a selection: its own, or the first suitable one that the study has.

        Raises:
            StudyError: there is none.
            UnknownNameError: its name is unknown.
        """
        frozen = [self.reference.encoder] if isinstance(self.reference, FrozenCell) else []
        listed = sorted((*self.context.study.encoders, *frozen), key=lambda encoder: encoder.is_task_classifier)
        texts = criterion.reads == "texts"
        candidates = [select.encoder] if select.encoder else listed
        for encoder in candidates:
            encoder.check_name()
            if (encoder.encodes_text or not texts) and (self.trained or not encoder.is_task_classifier):
                return encoder
        what = "that also embeds texts, such as clip-vit-b-32" if texts else "with weights, such as efficientnet-lite0"
        raise StudyError(f"{criterion.name} needs an encoder {what}; set encoder")

    def _features(self, dataset: str, encoder: EncoderSource, title: str) -> str:
        if not encoder.is_task_classifier:
            return self.features.key(dataset, encoder, title)
        assert self.trained is not None  # checked before
        classifier = self.plan_run(self.real.largest, self.trained, self.context.study.train.seeds[0], {}).train
        return self.features.key_by_classifier(
            dataset, encoder, title, TrainedOnReal(classifier, self.trained, self.pixels)
        )

    def _check_no_test_images(self, key: str) -> None:
        """Check all steps behind a selection, and existing images that it may choose.

        Raises:
            StudyError: one of the steps reads real test images, or one of the images is a real test image.
        """
        for label in test_image_steps(self.graph, key):
            raise StudyError(
                f"select: {label} reads real test images, which must not decide what classifiers are trained on; "
                "select by scores that use no test images"
            )
        for step in with_inputs(self.graph.steps, [key]).values():
            if isinstance(step.spec, ImportSpec):
                self._check_imported(step.spec.images.source)

    def _check_imported(self, place: str) -> None:
        """Check that existing images are not test images of the task, by their bytes.

        Raises:
            StudyError: one of them is.
        """
        test = self.real.test_contents
        leaked = [path for path, content in self.context.open_images(place).content_ids().items() if content in test]
        if leaked:
            example = printable(leaked[0])
            what = (
                f"{len(leaked):,} images of {place}, such as {example}, are real test images"
                if len(leaked) > 1
                else f"the image {example} of {place} is a real test image"
            )
            raise StudyError(f"select: {what}; test images must not be selected for training, so remove them")


def test_image_steps(graph: Graph, key: str) -> list[str]:
    """Return the labels of the steps behind a step, and of itself, that load real test images."""
    steps = (graph.steps[behind] for behind in with_inputs(graph.steps, [key]))
    return [step.label for step in steps if isinstance(step.spec, LoadSpec) and step.spec.split == "test"]


def _pin(name: str) -> Pinned[str]:
    return pin_score(name) if name in SCORES or name not in CRITERIA else CRITERIA.pin(name)
