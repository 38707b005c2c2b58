"""Made-up studies: records written by hand and the summary of them, for tests and benchmarks without a run."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.diagnosis.findings import CauseFinding, ChangeResult, Diagnosis, ExampleImages
from prettyuseful.diagnosis.formats import FileFacts, FormatFinding, compare_formats
from prettyuseful.diagnosis.same_format import format_finding
from prettyuseful.generators.base import Origin
from prettyuseful.metrics import METRICS
from prettyuseful.numerics import Environment
from prettyuseful.records import (
    CellGroupRecord,
    DatasetRecord,
    ForecastRecord,
    GroupedParts,
    MeasureResult,
    MetricRecord,
    Reencoding,
    RunRecord,
    StudyRecord,
    Subject,
    TaskRecord,
    TransferResult,
    WholeNumber,
)
from prettyuseful.study.file import Study

MACHINE = Environment(python="3.11", system="Linux", cpu="a processor", cores=2, packages={"torch": "2.9"})
BLUR = {"kind": "blur", "width": 0.025}
_GROUPS = 4
_GROUP_SIZE = 5
_WHOLE_NUMBERS = ("frechet", "kid", "cmmd", "vendi", "vendi-per-class")


def study_file(
    datasets: Mapping[str, Mapping[str, Any]], tune: Mapping[str, Any] = MappingProxyType({}), **train: Any
) -> Study:
    """Return a study of these data sets; the generator and the number of images get defaults."""
    return Study.model_validate(
        {
            "version": 1,
            "task": "photos",
            "datasets": {name: _with_defaults(plan) for name, plan in datasets.items()} or {"base": _with_defaults({})},
            "train": train,
            **({"tune": dict(tune)} if tune else {}),
        }
    )


def task_record(classes: Sequence[str] = ("a", "b"), **changes: Any) -> TaskRecord:
    fields: dict[str, Any] = {
        "name": "animals",
        "classes": list(classes),
        "chance": 1 / len(classes),
        "licence": "cat: CC0; dog: public domain",
        "source": "made up",
        "test_images_per_class": 10,
    }
    return TaskRecord(**{**fields, **changes})


def grey_png(label: int, number: int) -> str:
    """Return a base64 PNG of 8 by 8 grey pixels; different arguments give different images."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + bytes((40 * label + 20 * number + 3 * x * y) % 256 for x in range(8)) for y in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


@dataclass(frozen=True)
class MadeUpStudy:
    """Properties of a made-up study.

    `rates`: the share of correct answers of each data set, with the real images under the name `real`.
    `draws`: the number of draws of data sets with more than one, whose results get worse with every draw.
    `sample_images`: number of sample images per class in each record; `image(label, number)` makes them.
    `prettiness`: mean score of the data sets that have one; `released`: year and month of the generator of a data set.
    `forecast`: which data sets were trained, if not all. `curve`: share of correct answers by number of real images.
    `tune`: the section of the study file.
    """

    classes: Sequence[str] = ("cat", "dog", "fox")
    rates: dict[str, float] = field(default_factory=lambda: {"real": 0.9, "base": 0.6, "curated": 0.4})
    seeds: Sequence[int] = (0, 1, 2)
    architectures: Sequence[str] = ("small",)
    metrics: Sequence[str] = ("density", "coverage")
    encoders: Sequence[str] = ("real-trained",)
    title: str = "A study"
    question: str = "Is it useful?"
    generator: str = "pocket-base"
    sample_images: int = 2
    image: Callable[[int, int], str] = grey_png
    failed: Sequence[str] = ()
    draws: Mapping[str, int] = field(default_factory=dict)
    diagnosed: Sequence[str] = ()
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    prettiness: Mapping[str, float] = field(default_factory=dict)
    released: Mapping[str, str] = field(default_factory=dict)
    forecast: ForecastRecord | None = None
    curve: Mapping[int, float] = field(default_factory=dict)
    tune: Mapping[str, Any] = field(default_factory=dict)


def made_up_summary(**changes: Any) -> Summary:
    """Return the summary of a `MadeUpStudy` with these changes."""
    study = MadeUpStudy(**changes)
    datasets = [_dataset_record(study, name) for name in study.rates]
    runs = [
        _run_record(study, name, architecture, seed, draw)
        for architecture in study.architectures
        for name in study.rates
        if study.forecast is None or name in ("real", *study.forecast.first, *study.forecast.best)
        for draw in range(study.draws.get(name, 1))
        for seed in study.seeds
    ]
    of_curve = [
        _curve_record(study, architecture, images, seed)
        for architecture in study.architectures
        for images in study.curve
        for seed in study.seeds
    ]
    return summarise([_study_record(study), *datasets, *runs, *of_curve])


def _with_defaults(plan: Mapping[str, Any]) -> dict[str, Any]:
    origin = {} if {"of", "mix", "select"} & plan.keys() else {"generator": "pocket-base"}
    count = {} if {"mix", "select"} & plan.keys() else {"images_per_class": 10}
    return {**origin, **count, **plan}


def _study_record(study: MadeUpStudy) -> StudyRecord:
    generated = {
        name: study.changed.get(name, {"generator": study.generator}) for name in study.rates if name != "real"
    }
    return StudyRecord(
        title=study.title,
        question=study.question,
        file=study_file(generated, study.tune, seeds=list(study.seeds), real_curve=list(study.curve)),
        task=task_record(study.classes),
        metrics=[
            MetricRecord.from_metric(METRICS[name])
            for name in (*study.metrics, *(["prettiness"] if study.prettiness else []))
        ],
        encoders={name: f"description of {name}" for name in study.encoders},
        cell_groups=[
            CellGroupRecord(architecture=name, recipe="small", cells=[(name, "small", "rgb")])
            for name in study.architectures
        ],
        forecast=study.forecast,
        environment=MACHINE,
    )


def _dataset_record(study: MadeUpStudy, name: str) -> DatasetRecord:
    real = name == "real"
    return DatasetRecord(
        status="complete",
        name=name,
        control=real,
        images_per_class=10,
        of=study.changed.get(name, {}).get("select", study.changed.get(name, {})).get("of"),
        diagnosis=_diagnosis(study) if name in study.diagnosed else None,
        generator=None
        if real
        else Origin(study.generator, "diffusers", study.released.get(name), licence="Apache-2.0", note="tiny"),
        prompts=None if real else "class-name",
        seed=None if real else 0,
        draws=study.draws.get(name, 1),
        applied={} if real else {"steps": 25, "cfg": 2.5, "safety_checker": "off"},
        keys={"dataset": "0123456789abcdef" * 4},
        generation_seconds=None if real else 12.5,
        measured=[*(_measured(study, name) if study.metrics else []), *_scored(study, name)],
        samples=[[study.image(i, j) for j in range(study.sample_images)] for i, _ in enumerate(study.classes)]
        if study.sample_images
        else [],
    )


def _diagnosis(study: MadeUpStudy) -> Diagnosis:
    """Lost high frequencies, narrow coverage of the last class, and labels that are not reported."""

    def cause(name: str, direction: str, **changes: Any) -> CauseFinding:
        values: dict[str, Any] = {"effect": 0.01, "low": -0.02, "high": 0.04, "p_adjusted": 0.7, "explained": 0.0}
        values |= {"named": False, "like": "", "equivalent_to": [], "few_classes": []}
        values["per_class"] = [0.01 * i for i, _ in enumerate(study.classes)]
        return CauseFinding(id=name, direction=direction, **(values | changes))

    images = study.image(0, 1), study.image(0, 2)
    examples = [ExampleImages(words="real images of <cat>", images=images, titles=("a", "b"))]
    frequencies = {"effect": 12.5, "low": 10.0, "high": 15.0, "p_adjusted": 0.0001, "explained": 0.86, "named": True}
    coverage = {"effect": -0.4, "low": -0.6, "high": -0.2, "p_adjusted": 0.002, "named": True}
    return Diagnosis(
        causes=(
            cause("high-frequencies", "lost", like="blur of 0.8 px", transform=BLUR, examples=examples, **frequencies),
            cause("coverage", "lost", few_classes=[len(study.classes) - 1], **coverage),
            cause("labels", "lost"),
        ),
        difference=14.0,
        low=12.0,
        high=16.0,
        p_value=0.0001,
        differs=True,
        tried=(
            ChangeResult(cause="high-frequencies", direction="lost", like="blur of 0.4 px", explained=0.4),
            ChangeResult(cause="high-frequencies", direction="lost", like="blur of 0.8 px", explained=0.86),
            ChangeResult(cause="texture", direction="added", like="JPEG of quality 30", explained=0.0),
        ),
        by_kind={"features": (5.0, 1.0), "colour": (1.0, 0.5)},
    )


def made_up_format(*vanished: str) -> FormatFinding:
    """Return the finding that real images are JPEG and others PNG, with the causes that vanish in one format."""
    real = [FileFacts("JPEG", 64, 64, 60, "4:2:0", "standard")] * 20
    found = format_finding(compare_formats(real, [FileFacts("PNG", 64, 64)] * 20), vanished)
    assert found is not None
    return found


def _measured(study: MadeUpStudy, name: str) -> list[MeasureResult]:
    """Original and re-encoded images; re-encoding halves the metrics that are one number for the whole data set."""
    subjects: tuple[Subject, ...] = ("real-test", "real-train") if name == "real" else ("data-set",)
    rate = study.rates[name]
    return [
        MeasureResult(
            encoder=encoder,
            subject=subject,
            reencoded=Reencoding(side=8, quality=90) if reencoded else None,
            images_per_class=[20] * len(study.classes),
            parts=dict.fromkeys((m for m in study.metrics if m not in _WHOLE_NUMBERS), _parts(study, rate)),
            numbers=dict.fromkeys(
                (m for m in study.metrics if m in _WHOLE_NUMBERS), _whole_number(rate / (1 + reencoded))
            ),
        )
        for encoder in study.encoders
        for subject in subjects
        for reencoded in (False, True)
    ]


def _scored(study: MadeUpStudy, name: str) -> list[MeasureResult]:
    if name not in study.prettiness:
        return []
    return [
        MeasureResult(
            encoder="image-scores",
            subject="real-test" if name == "real" else "data-set",
            images_per_class=[20] * len(study.classes),
            numbers={"prettiness": _whole_number(study.prettiness[name])},
        )
    ]


def _parts(study: MadeUpStudy, rate: float) -> list[GroupedParts]:
    return [
        GroupedParts(
            groups=[f"{label}-{group}" for group in range(_GROUPS)],
            sums=[rate * (3 + group % 3) for group in range(_GROUPS)],
            sizes=[5] * _GROUPS,
        )
        for label, _ in enumerate(study.classes)
    ]


def _whole_number(value: float) -> WholeNumber:
    return WholeNumber(value=value, without=[value + shift for shift in (-0.01, 0.0, 0.01)])


def _run_record(study: MadeUpStudy, name: str, architecture: str, seed: int, draw: int = 0) -> RunRecord:
    common: dict[str, Any] = {
        "dataset": name,
        "images_per_class": 10,
        "architecture": architecture,
        "recipe": "small",
        "probe": "rgb",
        "seed": seed,
        "draw": draw,
        "keys": {"train": "fedcba9876543210" * 4},
    }
    if name in study.failed:
        return RunRecord(status="failed", cause="it broke", **common)
    kind = "real_to_real" if name == "real" else "synth_to_real"
    transfers = [_transfer_result(study, kind, "real", study.rates[name] - 0.1 * draw, seed)]
    if name == "real":
        generated = [(other, rate) for other, rate in study.rates.items() if other != "real"]
        transfers += [_transfer_result(study, "real_to_synth", other, 0.95 * rate, seed) for other, rate in generated]
    return RunRecord(
        status="complete",
        seconds={"train": 3.0, "evaluate real": 0.5},
        last_epoch={"loss": 0.5},
        transfers=transfers,
        **common,
    )


def _curve_record(study: MadeUpStudy, architecture: str, images: int, seed: int) -> RunRecord:
    return RunRecord(
        status="complete",
        dataset="real",
        images_per_class=images,
        steps_of=10,
        architecture=architecture,
        recipe="small",
        probe="rgb",
        seed=seed,
        keys={"train": "fedcba9876543210" * 4},
        seconds={"train": 3.0, "evaluate real": 0.5},
        last_epoch={"loss": 0.5},
        transfers=[_transfer_result(study, "real_to_real", "real", study.curve[images], seed)],
    )


def _transfer_result(study: MadeUpStudy, kind: Any, tested_on: str, rate: float, seed: int) -> TransferResult:
    labels = [label for label, _ in enumerate(study.classes) for _ in range(_GROUPS)]
    correct = [
        min(_GROUP_SIZE, max(0, round(_GROUP_SIZE * rate + (group * 7 + seed * 3) % 3 - 1)))
        for group, _ in enumerate(labels)
    ]
    per_class = [
        sum(c for c, label in zip(correct, labels, strict=True) if label == wanted) / (_GROUPS * _GROUP_SIZE)
        for wanted, _ in enumerate(study.classes)
    ]
    return TransferResult(
        kind=kind,
        tested_on=tested_on,
        top1=sum(correct) / (_GROUP_SIZE * len(labels)),
        top5=1.0,
        per_class=per_class,
        confusion=[],
        groups=[f"{label}/{group}" for group, label in enumerate(labels)],
        group_labels=labels,
        group_sizes=[_GROUP_SIZE] * len(labels),
        group_correct=correct,
    )
