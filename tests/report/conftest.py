"""Small records made by hand, summarised for real, so that reports of every kind of study can be looked at."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.made_up import MACHINE, study_file, task_record

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.diagnosis.findings import Diagnosis, ExampleImages, FoundCause, TriedChange
from prettyuseful.generators.base import Origin
from prettyuseful.metrics import METRICS
from prettyuseful.records import (
    CellGroupRecord,
    DatasetRecord,
    GroupedParts,
    MeasureResult,
    MetricRecord,
    Reencoding,
    RunRecord,
    StudyRecord,
    Subject,
    TransferResult,
    WholeNumber,
)

BLUR = {"kind": "blur", "width": 0.025}
_GROUPS = 4
_GROUP_SIZE = 5
_WHOLE = ("frechet", "kid", "cmmd", "vendi", "vendi-per-class")


@dataclass(frozen=True)
class Asked:
    """What a made-up study is like; `rates` is each data set's share of right answers, real images among them."""

    classes: Sequence[str] = ("cat", "dog", "fox")
    rates: dict[str, float] = field(default_factory=lambda: {"real": 0.9, "base": 0.6, "curated": 0.4})
    seeds: Sequence[int] = (0, 1, 2)
    architectures: Sequence[str] = ("small",)
    metrics: Sequence[str] = ("density", "coverage")
    encoders: Sequence[str] = ("real-trained",)
    title: str = "A study"
    question: str = "Is it useful?"
    generator: str = "pocket-base"
    samples: int = 2
    failed: Sequence[str] = ()
    diagnosed: Sequence[str] = ()
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)


Make = Callable[..., Summary]


@pytest.fixture(scope="session")
def make() -> Make:
    """A summary of a study that is as `Asked` says, with the given changes."""

    def summary(**changes: Any) -> Summary:
        asked = Asked(**changes)
        datasets = [_dataset(asked, name) for name in asked.rates]
        runs = [
            _run(asked, name, architecture, seed)
            for architecture in asked.architectures
            for name in asked.rates
            for seed in asked.seeds
        ]
        return summarise([_study(asked), *datasets, *runs])

    return summary


@pytest.fixture(scope="session")
def small(make: Make) -> Summary:
    return make()


def _study(asked: Asked) -> StudyRecord:
    generated = {
        name: asked.changed.get(name, {"generator": asked.generator}) for name in asked.rates if name != "real"
    }
    return StudyRecord(
        title=asked.title,
        question=asked.question,
        file=study_file(generated, seeds=list(asked.seeds)),
        task=task_record(asked.classes),
        metrics=[MetricRecord.of(METRICS[name]) for name in asked.metrics],
        encoders={name: f"what {name} is" for name in asked.encoders},
        cell_groups=[
            CellGroupRecord(architecture=name, recipe="small", cells=[(name, "small", "rgb")])
            for name in asked.architectures
        ],
        environment=MACHINE,
    )


def _dataset(asked: Asked, name: str) -> DatasetRecord:
    real = name == "real"
    return DatasetRecord(
        status="complete",
        name=name,
        control=real,
        images_per_class=10,
        of=asked.changed.get(name, {}).get("of"),
        diagnosis=_diagnosis(asked) if name in asked.diagnosed else None,
        generator=None if real else Origin(asked.generator, "diffusers", licence="Apache-2.0", note="tiny"),
        prompts=None if real else "class-name",
        seed=None if real else 0,
        applied={} if real else {"steps": 25, "cfg": 2.5, "safety_checker": "off"},
        keys={"dataset": "0123456789abcdef" * 4},
        generation_seconds=None if real else 12.5,
        measured=_measured(asked, name) if asked.metrics else [],
        samples=[[_png(i, j) for j in range(asked.samples)] for i, _ in enumerate(asked.classes)]
        if asked.samples
        else [],
    )


def _diagnosis(asked: Asked) -> Diagnosis:
    """Blurred, and of the last class only one image; labels looked for and not found."""

    def cause(name: str, direction: str, **more: Any) -> FoundCause:
        values: dict[str, Any] = {"effect": 0.01, "low": -0.02, "high": 0.04, "p_adjusted": 0.7, "explained": 0.0}
        values |= {"named": False, "like": "", "equivalent_to": [], "few_classes": []}
        values["per_class"] = [0.01 * i for i, _ in enumerate(asked.classes)]
        return FoundCause(id=name, direction=direction, **(values | more))

    shown = [ExampleImages(words="real images of <cat>", images=(_png(0, 1), _png(0, 2)), titles=("a", "b"))]
    blurred = {"effect": 12.5, "low": 10.0, "high": 15.0, "p_adjusted": 0.0001, "explained": 0.86, "named": True}
    alike = {"effect": -0.4, "low": -0.6, "high": -0.2, "p_adjusted": 0.002, "named": True}
    return Diagnosis(
        causes=(
            cause("high-frequencies", "lost", like="blur of 0.8 px", transform=BLUR, examples=shown, **blurred),
            cause("coverage", "lost", few_classes=[len(asked.classes) - 1], **alike),
            cause("labels", "lost"),
        ),
        difference=14.0,
        low=12.0,
        high=16.0,
        p_value=0.0001,
        differs=True,
        tried=(
            TriedChange(cause="high-frequencies", direction="lost", like="blur of 0.4 px", explained=0.4),
            TriedChange(cause="high-frequencies", direction="lost", like="blur of 0.8 px", explained=0.86),
            TriedChange(cause="texture", direction="added", like="JPEG of quality 30", explained=0.0),
        ),
        by_kind={"features": (5.0, 1.0), "colour": (1.0, 0.5)},
    )


def _measured(asked: Asked, name: str) -> list[MeasureResult]:
    """Plain and re-encoded; where a number of a whole set is asked for, the files' format explains half of it."""
    subjects: tuple[Subject, ...] = ("real-test", "real-train") if name == "real" else ("data-set",)
    return [
        MeasureResult(
            encoder=encoder,
            subject=subject,
            reencoded=Reencoding(side=8, quality=90) if again else None,
            images_per_class=[20] * len(asked.classes),
            parts=dict.fromkeys((m for m in asked.metrics if m not in _WHOLE), _parts(asked, asked.rates[name])),
            numbers=dict.fromkeys((m for m in asked.metrics if m in _WHOLE), _whole(asked.rates[name] / (1 + again))),
        )
        for encoder in asked.encoders
        for subject in subjects
        for again in (False, True)
    ]


def _parts(asked: Asked, rate: float) -> list[GroupedParts]:
    return [
        GroupedParts(
            groups=[f"{label}-{group}" for group in range(_GROUPS)],
            sums=[rate * (3 + group % 3) for group in range(_GROUPS)],
            sizes=[5] * _GROUPS,
        )
        for label, _ in enumerate(asked.classes)
    ]


def _whole(value: float) -> WholeNumber:
    return WholeNumber(value=value, without=[value + shift for shift in (-0.01, 0.0, 0.01)])


def _run(asked: Asked, name: str, architecture: str, seed: int) -> RunRecord:
    common: dict[str, Any] = {
        "dataset": name,
        "images_per_class": 10,
        "architecture": architecture,
        "recipe": "small",
        "probe": "rgb",
        "seed": seed,
        "keys": {"train": "fedcba9876543210" * 4},
    }
    if name in asked.failed:
        return RunRecord(status="failed", cause="it broke", **common)
    own = _test(asked, "real_to_real" if name == "real" else "synth_to_real", "real", asked.rates[name], seed)
    others = [_test(asked, "real_to_synth", other, 0.95 * rate, seed) for other, rate in asked.rates.items()]
    return RunRecord(
        status="complete",
        seconds={"train": 3.0, "evaluate real": 0.5},
        last_epoch={"loss": 0.5},
        transfers=[own, *(others[1:] if name == "real" else [])],
        **common,
    )


def _test(asked: Asked, kind: Any, tested_on: str, rate: float, seed: int) -> TransferResult:
    labels = [label for label, _ in enumerate(asked.classes) for _ in range(_GROUPS)]
    correct = [
        min(_GROUP_SIZE, max(0, round(_GROUP_SIZE * rate + (place * 7 + seed * 3) % 3 - 1)))
        for place, _ in enumerate(labels)
    ]
    per_class = [
        sum(c for c, label in zip(correct, labels, strict=True) if label == wanted) / (_GROUPS * _GROUP_SIZE)
        for wanted, _ in enumerate(asked.classes)
    ]
    return TransferResult(
        kind=kind,
        tested_on=tested_on,
        top1=sum(correct) / (_GROUP_SIZE * len(labels)),
        top5=1.0,
        per_class=per_class,
        confusion=[],
        groups=[f"{label}/{place}" for place, label in enumerate(labels)],
        group_labels=labels,
        group_sizes=[_GROUP_SIZE] * len(labels),
        group_correct=correct,
    )


def _png(label: int, number: int) -> str:
    """A PNG of 8 by 8 grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = b"".join(b"\0" + bytes((40 * label + 20 * number + 3 * x * y) % 256 for x in range(8)) for y in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()
