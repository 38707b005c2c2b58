"""Helpers that look up data sets and steps in plans."""

from __future__ import annotations

from typing import Any

from prettyuseful.plan.cells import AnyCell, PlannedCell
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.reading import parse_study

STUDY = """
version: 1
task: photos
datasets:
  one: {generator: pocket-base, images_per_class: 120}
  two: {generator: pocket-base, images_per_class: 120}
train: {seeds: [0, 1]}
"""
PROBED = """
version: 1
task: photos
datasets:
  one: {generator: pocket-base, images_per_class: 10}
probes:
  coarse: {transform: {kind: band, keep: [0, 0.25]}}
  sieved: {transform: {kind: chain, transforms: [{kind: vae, generator: pocket-base}, {kind: band, keep: [0.5, all]}]}}
train: {seeds: [0], probes: [rgb, edges, coarse, sieved]}
"""
BASE = """\
base: {generator: pocket-base, images_per_class: 6}
more: {generator: pocket-base, images_per_class: 6, seed: 1}
"""


def dataset(plan: Plan, name: str) -> PlannedDataset:
    return next(dataset for dataset in plan.datasets if dataset.name == name)


def trained(cell: AnyCell) -> PlannedCell:
    """Return a cell whose networks are trained."""
    assert isinstance(cell, PlannedCell)
    return cell


def specs(plan: Plan, kind: type) -> list[Any]:
    return [step.spec for step in plan.steps.values() if isinstance(step.spec, kind)]


def keys(plan: Plan, kind: str) -> list[str]:
    return [key for key, step in plan.steps.items() if step.spec.kind == kind]


def plan_study(text: str) -> Plan:
    return make_plan(parse_study(text))


def kinds(plan: Plan) -> list[str]:
    return [step.spec.kind for step in plan.steps.values()]
