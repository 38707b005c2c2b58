"""A study's relative places, looked up from the folder of its file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prettyuseful.generators.models import MODELS
from prettyuseful.plugins import is_plugin, resolve_plugin_path
from prettyuseful.study.file import DatasetPlan, Study
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.chain import Chain
from prettyuseful.transforms.custom import Own
from prettyuseful.transforms.structure import Depth
from prettyuseful.transforms.vae import Vae

_PATTERN = re.compile(r"[*?{\[].*\.(tar|parquet)$")


def resolve_paths(study: Study, folder: Path) -> Study:
    """The study, its folders, files and modules made absolute where they are found below `folder`."""

    def at(place: str) -> str:
        found = folder / place
        if place in MODELS:
            return place
        if is_plugin(place):
            return resolve_plugin_path(place, folder)
        return str(found) if found.exists() or _PATTERN.search(place) else place

    def own(name: str) -> str:
        return resolve_plugin_path(name, folder) if is_plugin(name) else name

    task = study.task
    if task.name is not None:
        task = task.model_copy(update={"name": own(task.name)})
    if task.folder is not None:
        task = task.model_copy(update={"folder": str(folder / task.folder)})
    if task.huggingface is not None and (folder / task.huggingface).is_dir():
        task = task.model_copy(update={"huggingface": str(folder / task.huggingface)})
    if task.real is not None:
        places = {"real": at(task.real), "test": task.test and at(task.test)}
        groups = task.groups and str(folder / task.groups)
        task = task.model_copy(update={**places, "groups": groups})

    def dataset(plan: DatasetPlan) -> DatasetPlan:
        changes: dict[str, Any] = {}
        if plan.generator is not None:
            changes["generator"] = at(plan.generator)
        prompts = plan.prompts.model_copy(update={"strategy": own(plan.prompts.strategy)})
        captioner = prompts.captioner
        if captioner is not None and captioner.endpoint is None and (folder / captioner.model).is_dir():
            moved = captioner.model_copy(update={"model": str(folder / captioner.model)})
            prompts = prompts.model_copy(update={"captioner": moved})
        if prompts != plan.prompts:
            changes["prompts"] = prompts
        return plan.model_copy(update=changes)

    def transform(source: TransformSource) -> TransformSource:
        match source:
            case Chain():
                return source.model_copy(update={"transforms": tuple(map(transform, source.transforms))})
            case Vae():
                return source.model_copy(update={"generator": at(source.generator)})
            case Depth() if (folder / source.model).is_dir():
                return source.model_copy(update={"model": str(folder / source.model)})
            case Own():
                return source.model_copy(update={"transform": at(source.transform)})
            case _:
                return source

    datasets = {name: dataset(plan) for name, plan in study.datasets.items()}
    probes = {
        name: plan.model_copy(update={"transform": transform(plan.transform)}) if plan.transform else plan
        for name, plan in study.probes.items()
    }
    encoders = tuple(
        encoder.model_copy(update={"weights": str(folder / encoder.weights)})
        if encoder.weights and (folder / encoder.weights).exists()
        else encoder
        for encoder in (one.model_copy(update={"name": own(one.name)}) for one in study.encoders)
    )
    weights = {name: str(folder / file) for name, file in study.train.weights.items()}
    named = {"recipes": tuple(map(own, study.train.recipes)), "probes": tuple(map(own, study.train.probes))}
    train = study.train.model_copy(update={"weights": weights, **named})
    changes = {"task": task, "datasets": datasets, "probes": probes, "encoders": encoders, "train": train}
    return study.model_copy(update=changes)
