"""Plan the rungs of `train.halving`: classifiers with a part of the budget, tested on held-out real training images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.execute import with_inputs
from prettyuseful.engine.graph import Graph
from prettyuseful.errors import StudyError
from prettyuseful.plan.cells import AnyCell, FrozenCell
from prettyuseful.plan.datasets import DatasetPlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedRun
from prettyuseful.plan.real import RealImages
from prettyuseful.records import HELD_OUT
from prettyuseful.steps.datasets import LoadFurtherSpec, LoadSpec
from prettyuseful.study.halving import amount_of

PlanRun = Callable[[PlannedDataset, AnyCell, int, Mapping[str, str]], PlannedRun]
"""Plans a classifier with its tests, see `ClassifierPlanner.plan_run`."""


def plan_rungs(
    context: PlanContext, real: RealImages, planner: DatasetPlanner, plan_run: PlanRun, cell: AnyCell
) -> Iterator[PlannedRun]:
    """Yield the runs of all rungs but the last one, of every data set; none without `halving`.

    A run has the study's first training seed and the grid cell `cell`. It is tested on real training images that no
    data set of the study uses: neither are they trained on, nor do they decide what is, and no test image is used.

    Raises:
        StudyError: no real training image is left, or linear probes would have fewer epochs.
    """
    halving, datasets = context.study.train.halving, context.study.datasets
    if halving is None:
        return
    if halving.over == "epochs" and isinstance(cell, FrozenCell):
        raise StudyError(f"train.halving: the recipe {cell.recipe_name} has no epochs; set over: images")
    wholes = [planner.plan(name) for name in datasets]
    tests = {HELD_OUT: real.held_out_step(used_real_images(context.graph, wholes))}
    for number, share in enumerate(halving.shares[:-1], start=1):
        for whole in wholes:
            if halving.over == "images":
                dataset, shorter = planner.part(whole.name, share, number), cell
            else:
                assert not isinstance(cell, FrozenCell)
                dataset = replace(whole, rung=number)
                epochs = amount_of(share, cell.recipe.epochs)
                shorter = replace(cell, recipe=replace(cell.recipe, epochs=epochs))
            run = plan_run(dataset, shorter, context.study.train.seeds[0], tests)
            yield replace(run, cell=cell)


def used_real_images(graph: Graph, datasets: Iterable[PlannedDataset]) -> ClassCounts:
    """Return, for each class, the end of the real training images that are read for data sets and their pretraining."""
    pending, keys = [*datasets], []
    while pending:
        dataset = pending.pop()
        keys.append(dataset.key)
        pending += [dataset.pretrain] if dataset.pretrain else []
    specs = [step.spec for step in with_inputs(graph.steps, keys).values()]
    return reduce(ClassCounts.raise_to, [*_ends(specs)], ClassCounts(0))


def _ends(specs: Iterable[object]) -> Iterator[ClassCounts]:
    for spec in specs:
        if isinstance(spec, LoadSpec) and spec.split == "train":
            skipped = spec.skipped if isinstance(spec, LoadFurtherSpec) else ClassCounts(0)
            classes = max(len(skipped.by_class), len(spec.per_class.by_class))
            yield ClassCounts([skipped[label] + spec.per_class[label] for label in range(classes)])
