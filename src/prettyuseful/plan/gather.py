"""Gather the records of a study from its store: complete, failed and missing results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from pydantic import TypeAdapter

from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.store.base import Manifest, Store
from prettyuseful.engine.store.verification import report_unusable_contents
from prettyuseful.hub.commits import Commit
from prettyuseful.numerics import Environment, environment
from prettyuseful.plan.features import LINEAR_PROBE, REAL_TRAINING_IMAGES
from prettyuseful.plan.planned import PlannedDataset, PlannedMeasure, PlannedRun
from prettyuseful.plan.study import Plan
from prettyuseful.records import (
    HELD_OUT,
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
from prettyuseful.steps.checks import FINDINGS
from prettyuseful.study.file import REAL

T = TypeVar("T")
_SAMPLES = TypeAdapter(list[list[str]])
_DIAGNOSIS = TypeAdapter(Diagnosis)
_FINDINGS = TypeAdapter(tuple[Finding, ...])


def gather_records(plan: Plan, store: Store, outcome: Outcome | None = None) -> list[Record]:
    """Return the records of a study from the artifacts in the store.

    A result that is not in the store has the status `failed`, with its cause, or `missing`.

    Raises:
        CorruptArtifactError: an artifact holds something else than its step writes.
    """
    builder = _RecordBuilder(plan, store, outcome or Outcome())
    records: list[Record] = [builder.study()]
    records += map(builder.dataset, plan.datasets)
    return [*records, *gather_runs(plan, plan.runs, store, outcome)]


def gather_runs(
    plan: Plan, runs: Iterable[PlannedRun], store: Store, outcome: Outcome | None = None
) -> list[RunRecord]:
    """Return the records of some runs of a plan, see `gather_records`."""
    builder = _RecordBuilder(plan, store, outcome or Outcome())
    return [*map(builder.run, runs)]


class _RecordBuilder:
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
                test_images_per_class=ClassCounts(task.counts("test")),
            ),
            metrics=[MetricRecord.from_metric(metric) for metric in self.plan.metrics],
            encoders=dict(self.plan.encoders),
            hub_models=self._hub_models(),
            cell_groups=[
                CellGroupRecord(
                    architecture=group.architecture, recipe=group.recipe, cells=[cell.names for cell in group.cells]
                )
                for group in self.plan.groups
            ],
            notes=list(dict.fromkeys([*self.plan.notes, *self._too_few_groups()])),
            environment=environment(),
        )

    def _too_few_groups(self) -> Iterator[str]:
        """Yield what was planned for a data set and cannot be measured, because the images are from too few groups."""
        unmeasured: dict[tuple[str, str], dict[str, None]] = {}
        for dataset in self.plan.datasets:
            manifests, _ = self._find_manifests(dataset.keys)
            if (made := manifests.get("diagnose")) and (reason := made.facts.get("not_diagnosed")):
                yield f"Causes of {dataset.label} are not diagnosed: {reason}."
            for measure in dataset.measures:
                if (made := manifests.get(measure.label)) and (reason := made.facts.get("not_measured")):
                    unmeasured.setdefault((measure.family, reason), {})[dataset.label] = None
        for (family, reason), labels in unmeasured.items():
            names = ", ".join(metric.name for metric in self.plan.metrics if family in (metric.family, metric.name))
            yield f"Not measured for {', '.join(labels)}: {names} ({reason})."

    def _hub_models(self) -> list[HubModelRecord]:
        """Return every model of the hub that a step reads, with its commit."""
        used: dict[Commit, dict[str, None]] = {}
        for step, commit in self.plan.hub_commits():
            used.setdefault(commit, {})[step.spec.kind] = None
        return [HubModelRecord(repository=c.repository, commit=c.sha, used_by=list(kinds)) for c, kinds in used.items()]

    def dataset(self, dataset: PlannedDataset) -> DatasetRecord:
        manifests, status = self._find_manifests(dataset.keys)
        plan, generated = dataset.plan, dataset.origin is not None and dataset.origin.is_generated
        images = manifests.get("dataset")
        prompts = manifests["prompt"].facts if "prompt" in manifests else {}
        made = {
            "measured": self._measured(dataset, manifests),
            "diagnosis": self._diagnosis(manifests.get("diagnose")),
            "findings": self._findings(manifests.get("check")),
            "samples": self._samples(manifests.get("sample")),
            "linear_probe": self._linear_probe(manifests.get(LINEAR_PROBE)),
        }
        with self._contents_of(images):  # what `made` holds is checked already
            return DatasetRecord(
                **status,
                **made,
                name=dataset.name,
                control=dataset.name == REAL,
                images_per_class=dataset.images_per_class,
                holds_real=dataset.plan is not None and REAL in self.plan.study.image_sources(dataset.name),
                of=plan.source if plan else None,
                generator=dataset.origin,
                prompts=dataset.prompts if generated else None,
                seed=plan.seed if plan and generated else None,
                draws=1 + sum(draw.name == dataset.name for draw in self.plan.more_draws),
                pretrain=plan.pretrain if plan else None,
                condition=self._condition(dataset),
                prompt_diversity=prompts.get("diversity"),
                prompts_written=prompts.get("written", {}),
                prompts_cut=images.facts.get("prompts_cut", {}) if images else {},
                applied=images.facts.get("applied", {}) if images else {},
                stored=str(plan.stored) if plan and dataset.origin and dataset.origin.is_encoded else None,
                without_contrast=images.facts.get("without_contrast") if images else None,
                not_finite=images.facts.get("not_finite") if images else None,
                keys=dict(dataset.keys),
                generation_seconds=self._generation_seconds(dataset, images) if images else None,
                size_bytes=sum(entry.size for entry in images.files) if images else None,
            )

    def _condition(self, dataset: PlannedDataset) -> str | None:
        """Return what the images were generated from besides prompts, also if other data sets hold these images."""
        if dataset.plan is None or dataset.condition or not self.plan.study.is_conditioned(dataset.name):
            return dataset.condition
        return f"images of {' and '.join(sorted(self.plan.study.image_sources(dataset.name)))}"

    def run(self, run: PlannedRun) -> RunRecord:
        keys = {"train": run.train, **{f"evaluate {name}": key for name, key in run.evaluations.items()}}
        manifests, status = self._find_manifests(keys)
        trained = manifests.get("train")
        tests = {name: manifests.get(f"evaluate {name}") for name in run.evaluations}
        transfers = [self._transfer(run, name, manifest) for name, manifest in tests.items() if manifest]
        with self._contents_of(trained, "environment"):
            environment = Environment.model_validate(trained.environment) if trained else None
        with self._contents_of(trained):
            return RunRecord(
                **status,
                dataset=run.dataset,
                images_per_class=run.images_per_class,
                architecture=run.cell.architecture,
                recipe=run.cell.recipe_name,
                probe=run.cell.probe,
                seed=run.seed,
                draw=run.draw,
                steps_of=run.steps_of,
                mixed=run.mixed,
                rung=run.rung,
                keys=keys,
                seconds={name: manifest.seconds for name, manifest in manifests.items()},
                last_epoch=trained.facts["last_epoch"] if trained else {},
                environment=environment,
                transfers=transfers,
            )

    def _transfer(self, run: PlannedRun, tested_on: str, manifest: Manifest) -> TransferResult:
        with self._contents_of(manifest):
            return TransferResult(kind=self._kind(run, tested_on), tested_on=tested_on, **manifest.facts)

    def _contents_of(self, manifest: Manifest | None, location: str = "facts") -> AbstractContextManager[None]:
        """Report what is wrong in an artifact whose contents are read in the block."""
        if manifest is None:
            return nullcontext()
        return report_unusable_contents(manifest, self.plan.steps[manifest.key].label, self.store.url, location)

    def _find_manifests(self, keys: Mapping[str, str]) -> tuple[dict[str, Manifest], dict[str, Any]]:
        artifacts = {name: self.store.read(key) for name, key in keys.items()}
        manifests = {name: artifact.manifest for name, artifact in artifacts.items() if artifact is not None}
        if len(manifests) == len(keys):
            return manifests, {"status": "complete"}
        causes = [cause for name, key in keys.items() if name not in manifests and (cause := self._cause(key))]
        return manifests, {"status": "failed", "cause": causes[0]} if causes else {"status": "missing"}

    def _cause(self, key: str) -> str | None:
        """Return why an artifact is missing: the failure of its step or of an input; None if nothing failed."""
        if key in self.outcome.failed:
            return f"{self.plan.steps[key].label}: {self.outcome.failed[key]}"
        if key in self.outcome.blocked:
            causes = map(self._cause, self.plan.steps[key].inputs.values())
            return next((cause for cause in causes if cause), None)
        return None

    def _measured(self, dataset: PlannedDataset, manifests: Mapping[str, Manifest]) -> list[MeasureResult]:
        """Return one result for each encoder, subject, encoding and number of images; missing ones are left out."""
        results: dict[tuple[str, str, bool, tuple[int, ...]], dict[str, Any]] = {}
        metrics = {metric.name for metric in self.plan.metrics}
        for measure in dataset.measures:
            manifest, reencoding = manifests.get(measure.label), self._reencoding(measure)
            if manifest is None or "not_measured" in manifest.facts or (measure.reencoded and reencoding is None):
                continue
            with self._contents_of(manifest):
                facts = manifest.facts
                common: dict[str, Any] = {
                    "encoder": measure.encoder,
                    "subject": measure.subject,
                    "reencoded": reencoding,
                    "images_per_class": facts["images_per_class"],
                }
                parts = {
                    name: {metric: value for metric, value in facts[name].items() if metric in metrics}
                    for name in ("parts", "numbers", "by_class")
                }
                MeasureResult.model_validate({**common, **parts})
                result = results.setdefault(
                    (measure.encoder, measure.subject, measure.reencoded is not None, tuple(facts["images_per_class"])),
                    common,
                )
            for name, values in parts.items():
                result[name] = {**result.get(name, {}), **values}
        return [MeasureResult.model_validate(result) for result in results.values()]

    def _reencoding(self, measure: PlannedMeasure) -> Reencoding | None:
        artifact = self.store.read(measure.reencoded) if measure.reencoded else None
        if artifact is None:
            return None
        with self._contents_of(artifact.manifest):
            facts = artifact.manifest.facts
            return Reencoding(side=facts["side"], quality=facts["quality"])

    def _generation_seconds(self, dataset: PlannedDataset, images: Manifest) -> float | None:
        """Return the seconds of generating a data set and its further draws, as far as they are in the store."""
        seconds: float | None = images.facts.get("generation_seconds")
        artifacts = [self.store.read(draw.key) for draw in self.plan.more_draws if draw.name == dataset.name]
        more = (artifact.manifest.facts.get("generation_seconds", 0) for artifact in artifacts if artifact)
        return None if seconds is None else seconds + sum(more)

    def _linear_probe(self, manifest: Manifest | None) -> TransferResult | None:
        if manifest is None:
            return None
        with self._contents_of(manifest):
            return TransferResult(kind="synth_to_real", tested_on=REAL_TRAINING_IMAGES, **manifest.facts)

    def _samples(self, manifest: Manifest | None) -> list[list[str]]:
        return self._file(manifest, "samples.json", _SAMPLES) or []

    def _diagnosis(self, manifest: Manifest | None) -> Diagnosis | None:
        if manifest is None or "not_diagnosed" in manifest.facts:
            return None
        return self._file(manifest, "diagnosis.json", _DIAGNOSIS)

    def _findings(self, manifest: Manifest | None) -> tuple[Finding, ...] | None:
        return self._file(manifest, FINDINGS, _FINDINGS)

    def _file(self, manifest: Manifest | None, name: str, content: TypeAdapter[T]) -> T | None:
        """Return the content of a JSON file of an artifact, if the store has it."""
        artifact = self.store.read(manifest.key) if manifest else None
        if artifact is None:
            return None
        with self._contents_of(manifest, name):
            return content.validate_json(artifact.path(name).read_bytes())

    def _kind(self, run: PlannedRun, tested_on: str) -> TransferKind:
        if tested_on not in (REAL, HELD_OUT):
            return "real_to_synth"
        if run.dataset == REAL:
            return "real_to_real"
        has_real = run.mixed is not None or REAL in self.plan.study.training_sources(run.dataset)
        return "mixed_to_real" if has_real else "synth_to_real"
