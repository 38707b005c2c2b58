"""From a plan and a store to records: what was made, what failed and why, what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.store.base import Manifest, Store
from prettyuseful.hub.commits import Commit
from prettyuseful.numerics import Environment, environment
from prettyuseful.plan.planned import PlannedDataset, PlannedMeasure, PlannedRun
from prettyuseful.plan.study import Plan
from prettyuseful.records import (
    CellGroupRecord,
    DatasetRecord,
    HubModelRecord,
    MeasureResult,
    MetricRecord,
    Record,
    Reencoding,
    RunRecord,
    StudyRecord,
    TaskRecord,
    TransferKind,
    TransferResult,
)
from prettyuseful.study.file import REAL


def gather(plan: Plan, store: Store, outcome: Outcome | None = None) -> list[Record]:
    """The records of a study from what is in the store; what is not there is `failed` with its cause, or `missing`."""
    gatherer = _Gatherer(plan, store, outcome or Outcome())
    return [
        gatherer.study(),
        *(gatherer.dataset(dataset) for dataset in plan.datasets),
        *(gatherer.run(run) for run in plan.runs),
    ]


class _Gatherer:
    def __init__(self, plan: Plan, store: Store, outcome: Outcome) -> None:
        self.plan, self.store, self.outcome = plan, store, outcome

    def study(self) -> StudyRecord:
        study, task = self.plan.study, self.plan.task
        return StudyRecord(
            title=study.title or f"Is it useful? {task.name}",
            question=study.question,
            file=study,
            task=TaskRecord(
                name=task.name,
                classes=list(task.classes),
                chance=1 / len(task.classes),
                licence=task.licence,
                source=task.source,
                test_images_per_class=task.available("test"),
            ),
            metrics=[MetricRecord.of(metric) for metric in self.plan.metrics],
            encoders=dict(self.plan.encoders),
            hub_models=self._hub_models(),
            cell_groups=[
                CellGroupRecord(
                    architecture=group.architecture, recipe=group.recipe, cells=[cell.names for cell in group.cells]
                )
                for group in self.plan.groups
            ],
            environment=environment(),
        )

    def _hub_models(self) -> list[HubModelRecord]:
        """Every model of the hub that a step reads, at its commit."""
        used: dict[Commit, dict[str, None]] = {}
        for step, commit in self.plan.hub_commits():
            used.setdefault(commit, {})[step.spec.kind] = None
        return [HubModelRecord(repository=c.repository, commit=c.sha, used_by=list(kinds)) for c, kinds in used.items()]

    def dataset(self, dataset: PlannedDataset) -> DatasetRecord:
        found, status = self._manifests(dataset.keys)
        plan, generated = dataset.plan, dataset.origin is not None and dataset.origin.kind in ("diffusers", "custom")
        made = found.get("dataset")
        return DatasetRecord(
            **status,
            name=dataset.name,
            control=dataset.name == REAL,
            images_per_class=dataset.images_per_class,
            holds_real=dataset.plan is not None and REAL in self.plan.study.images_of(dataset.name),
            of=plan.of if plan else None,
            generator=dataset.origin,
            prompts=dataset.prompts if generated else None,
            seed=plan.seed if plan and generated else None,
            pretrain=plan.pretrain if plan else None,
            prompts_cut=made.facts.get("prompts_cut", {}) if made else {},
            applied=made.facts.get("applied", {}) if made else {},
            keys=dict(dataset.keys),
            generation_seconds=made.facts.get("generation_seconds") if made else None,
            size_bytes=sum(entry.size for entry in made.files) if made else None,
            measured=self._measured(dataset, found),
            diagnosis=self._diagnosis(found.get("diagnose")),
            samples=self._samples(found.get("sample")),
        )

    def run(self, run: PlannedRun) -> RunRecord:
        keys = {"train": run.train, **{f"evaluate {name}": key for name, key in run.evaluations.items()}}
        found, status = self._manifests(keys)
        trained = found.get("train")
        return RunRecord(
            **status,
            dataset=run.dataset,
            images_per_class=run.images_per_class,
            architecture=run.cell.architecture,
            recipe=run.cell.recipe_name,
            probe=run.cell.probe,
            seed=run.seed,
            steps_of=run.steps_of,
            keys=keys,
            seconds={name: manifest.seconds for name, manifest in found.items()},
            last_epoch=trained.facts["last_epoch"] if trained else {},
            environment=Environment.model_validate(trained.environment) if trained else None,
            transfers=[
                TransferResult(kind=self._kind(run.dataset, name), tested_on=name, **found[f"evaluate {name}"].facts)
                for name in run.evaluations
                if f"evaluate {name}" in found
            ],
        )

    def _manifests(self, keys: Mapping[str, str]) -> tuple[dict[str, Manifest], dict[str, Any]]:
        found = {name: a.manifest for name, key in keys.items() if (a := self.store.read(key)) is not None}
        if len(found) == len(keys):
            return found, {"status": "complete"}
        causes = [cause for name, key in keys.items() if name not in found and (cause := self._cause(key))]
        return found, {"status": "failed", "cause": causes[0]} if causes else {"status": "missing"}

    def _cause(self, key: str) -> str | None:
        """Why an artifact is not there: its own failure, or that of something it is made from."""
        if key in self.outcome.failed:
            return f"{self.plan.steps[key].label}: {self.outcome.failed[key]}"
        if key in self.outcome.blocked:
            return next((c for k in self.plan.steps[key].inputs.values() if (c := self._cause(k))), None)
        return None

    def _measured(self, dataset: PlannedDataset, found: Mapping[str, Manifest]) -> list[MeasureResult]:
        """One result for each feature space, subject and encoding; what of it is not there is left out."""
        results: dict[tuple[str, str, bool], dict[str, Any]] = {}
        wanted = {metric.name for metric in self.plan.metrics}
        for measure in dataset.measures:
            made, reencoding = found.get(measure.label), self._reencoding(measure)
            if made is None or (measure.reencoded and reencoding is None):
                continue
            result = results.setdefault(
                (measure.encoder, measure.subject, measure.reencoded is not None),
                {"encoder": measure.encoder, "subject": measure.subject, "reencoded": reencoding},
            )
            facts = made.facts
            result["images_per_class"] = facts["images_per_class"]
            for name in ("parts", "numbers", "by_class"):
                found_here = {metric: values for metric, values in facts[name].items() if metric in wanted}
                result[name] = {**result.get(name, {}), **found_here}
        return [MeasureResult.model_validate(result) for result in results.values()]

    def _reencoding(self, measure: PlannedMeasure) -> Reencoding | None:
        made = self.store.read(measure.reencoded) if measure.reencoded else None
        return Reencoding(side=made.manifest.facts["side"], quality=made.manifest.facts["quality"]) if made else None

    def _samples(self, sampled: Manifest | None) -> list[list[str]]:
        artifact = self.store.read(sampled.key) if sampled else None
        return json.loads(artifact.path("samples.json").read_text("utf-8")) if artifact else []

    def _diagnosis(self, made: Manifest | None) -> Diagnosis | None:
        artifact = self.store.read(made.key) if made else None
        return Diagnosis.model_validate_json(artifact.path("diagnosis.json").read_bytes()) if artifact else None

    def _kind(self, trained_on: str, tested_on: str) -> TransferKind:
        if tested_on != REAL:
            return "real_to_synth"
        if trained_on == REAL:
            return "real_to_real"
        return "mixed_to_real" if REAL in self.plan.study.seen_by(trained_on) else "synth_to_real"
