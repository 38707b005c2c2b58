"""What steps will cost: time, hours of processors, images, bytes and money, from the rates of steps in a store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median
from typing import Any

from prettyuseful.engine.step import Step, StepSpec
from prettyuseful.engine.store.base import Manifest

_START_UP = 8.0  # seconds until the workers have loaded what they need
Pace = tuple[str, str]
"""A rate class, and the type of device that steps of it run on."""


def on_gpu(spec: StepSpec) -> bool:
    """Whether steps of this spec run on a GPU."""
    return spec.needs.gpus > 0


def pace_of(spec: StepSpec) -> Pace:
    return spec.rate_class, "cuda" if on_gpu(spec) else "cpu"


class Rates:
    """Seconds and bytes of work by rate class: medians of what manifests say, or an assumption of seconds.

    Seconds of one type of device say nothing of another, and an assumption is for a CPU only.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        paces: dict[Pace, list[float]] = defaultdict(list)
        made: list[Manifest] = []
        files: dict[str, dict[str, int]] = {}
        for manifest in manifests:
            files[manifest.key] = {entry.sha256: entry.size for entry in manifest.files}
            if manifest.units > 0:
                device = (manifest.spec.get("numerics") or {}).get("device", "cpu")
                paces[manifest.rate_class, device].append(manifest.seconds / manifest.units)
                made.append(manifest)
        sizes: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for manifest in made:
            # A file that an input holds too was adopted; what inputs held that are gone is not known.
            if all(other in files for other in manifest.inputs.values()):
                adopted = set().union(*(files[other] for other in manifest.inputs.values()))
                own = sum(size for sha256, size in files[manifest.key].items() if sha256 not in adopted)
                sizes[manifest.rate_class].append((own, own / manifest.units))
        self._measured = {pace: median(values) for pace, values in paces.items()}
        self._sizes = {
            name: (median(whole for whole, _ in values), median(per_unit for _, per_unit in values))
            for name, values in sizes.items()
        }

    def seconds(self, step: Step) -> float | None:
        """What a step takes on one worker; None for a model or a GPU that has not been timed here."""
        rate = self._measured.get(pace_of(step.spec))
        if rate is None and not on_gpu(step.spec):
            rate = step.spec.assumed_pace
        return None if rate is None else step.units * rate

    def measured(self, step: Step) -> bool:
        return pace_of(step.spec) in self._measured

    def bytes(self, step: Step) -> float | None:
        """What a step adds to the store; None if no step of its rate class has been made here."""
        if (found := self._sizes.get(step.spec.rate_class)) is None:
            return None
        whole, per_unit = found
        return per_unit * step.units if step.spec.grows else whole


@dataclass(frozen=True)
class Prices:
    """Of an hour of one GPU with the machine around it, and of one CPU thread, in any currency; None: not asked for."""

    gpu_hour: float | None = None
    cpu_hour: float | None = None

    def of(self, gpu_hours: float | None, cpu_hours: float | None) -> float | None:
        """None without prices, or if nothing is known of what has one."""
        hours = ((gpu_hours, self.gpu_hour), (cpu_hours, self.cpu_hour))
        parts = [None if count is None else count * price for count, price in hours if price is not None]
        return _known(parts) if parts else None


@dataclass(frozen=True)
class Amounts:
    """What steps take. None stands for what nobody knows; next to unknown steps, a number is what the others take.

    `gpu_hours` are those of steps on a GPU, `cpu_hours` those of all others times their threads. `images` are
    generated ones, `bytes` what the store grows by. Nobody can say the time of `unknown_steps`, of which
    `unknown_gpu_steps` run on a GPU, nor the size of what `unsized_steps` make.
    """

    gpu_hours: float | None
    cpu_hours: float | None
    images: int
    bytes: int | None
    money: float | None
    unknown_steps: int
    unknown_gpu_steps: int
    unsized_steps: int

    @property
    def unknown_cpu_steps(self) -> int:
        return self.unknown_steps - self.unknown_gpu_steps


@dataclass(frozen=True)
class KindCost:
    """Steps of one kind: how many, how many of them are left, and what those take in seconds on one worker.

    `measured` says whether the rate comes from the store; otherwise it is an assumption for two slow cores. Unknown
    steps are not in `seconds`.
    """

    kind: str
    steps: int
    left: int
    seconds: float
    measured: bool
    amounts: Amounts

    def as_json(self) -> dict[str, Any]:
        return _flat(self)


@dataclass(frozen=True)
class Cost:
    """What a plan still costs. `seconds` is wall time on `workers` side by side."""

    kinds: tuple[KindCost, ...]
    steps: int
    left: int
    seconds: float
    workers: int
    prices: Prices
    amounts: Amounts

    def as_json(self) -> dict[str, Any]:
        return {**_flat(self), "kinds": [kind.as_json() for kind in self.kinds]}


def cost_of(
    steps: Mapping[str, Step], todo: Mapping[str, Step], rates: Rates, workers: int, prices: Prices | None = None
) -> Cost:
    """The cost of the steps `todo` of a plan's `steps`."""
    prices = prices or Prices()
    left: dict[str, list[_Estimate]] = defaultdict(list)
    for step in todo.values():
        left[step.spec.kind].append(_Estimate.of(step, rates))
    kinds = tuple(
        KindCost(
            kind=kind,
            steps=count,
            left=len(left[kind]),
            seconds=round(sum(one.seconds or 0.0 for one in left[kind]), 1),
            measured=all(one.measured for one in left[kind]),
            amounts=_amounts(left[kind], prices),
        )
        for kind, count in Counter(step.spec.kind for step in steps.values()).items()
    )
    seconds = round((_START_UP if todo else 0.0) + sum(kind.seconds for kind in kinds) / workers, 1)
    amounts = _amounts([*chain.from_iterable(left.values())], prices)
    return Cost(kinds, len(steps), len(todo), seconds, workers, prices, amounts)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What one step takes. `gpu`: whether its hours are those of a GPU; otherwise they are those of its threads."""

    seconds: float | None
    measured: bool
    gpu: bool
    hours: float | None
    images: int
    bytes: float | None

    @classmethod
    def of(cls, step: Step, rates: Rates) -> _Estimate:
        seconds, needs = rates.seconds(step), step.spec.needs
        return cls(
            seconds=seconds,
            measured=rates.measured(step),
            gpu=on_gpu(step.spec),
            hours=None if seconds is None else seconds / 3600 * (needs.gpus or needs.threads),
            images=round(step.units) if step.spec.generates else 0,
            bytes=rates.bytes(step),
        )


def _amounts(estimates: list[_Estimate], prices: Prices) -> Amounts:
    gpu_hours = _known([one.hours for one in estimates if one.gpu])
    cpu_hours = _known([one.hours for one in estimates if not one.gpu])
    size, money = _known([one.bytes for one in estimates]), prices.of(gpu_hours, cpu_hours)
    untimed = [one for one in estimates if one.seconds is None]
    return Amounts(
        gpu_hours=None if gpu_hours is None else round(gpu_hours, 6),
        cpu_hours=None if cpu_hours is None else round(cpu_hours, 6),
        images=sum(one.images for one in estimates),
        bytes=None if size is None else round(size),
        money=None if money is None else round(money, 6),
        unknown_steps=len(untimed),
        unknown_gpu_steps=sum(one.gpu for one in untimed),
        unsized_steps=sum(one.bytes is None for one in estimates),
    )


def _known(values: list[float | None]) -> float | None:
    """The sum of what is known; None rather than 0 if something is not."""
    known = sum((value for value in values if value is not None), 0.0)
    return None if None in values and not known else known


def _flat(cost: KindCost | Cost) -> dict[str, Any]:
    """Its fields as JSON has them: amounts stand among the others."""
    fields = asdict(cost)
    amounts = fields.pop("amounts")
    return {**fields, **amounts}
