"""Estimates the cost of steps (time, processor hours, images, bytes, money) from finished steps in a store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from statistics import median
from typing import Any, Literal

from prettyuseful.engine.step import Step, StepSpec
from prettyuseful.engine.store.base import Manifest
from prettyuseful.errors import UserError

_START_UP = 8.0  # seconds until the workers have imported their libraries
# A measurement with other numbers is no measurement, and would make sums infinite.
_MIN_UNITS, _MAX_SECONDS = 1e-6, 1e9
_MAX_SHOWN_BITS = 256
MAX_PRICE = 1_000_000_000
RateKey = tuple[str, str]
"""A rate class and a device type."""
Source = Literal["measured", "checked", "counted", "assumed", "unknown"]
"""Where an estimated time comes from: finished steps in the store; counted operations, with the speed of a GPU from a
check of it or from assumptions; an assumed time for two slow CPU cores."""
SOURCES: tuple[Source, ...] = ("measured", "checked", "counted", "assumed", "unknown")


@dataclass(frozen=True)
class Prediction:
    """What is known of a step without a measurement.

    Attributes:
        seconds: on a GPU; None if unknown.
        source: of `seconds`.
        memory: bytes at the peak where the step computes: of a GPU, or of main memory; 0 if unknown.
        bytes: of its artifact; None if unknown.
    """

    seconds: float | None = None
    source: Source = "unknown"
    memory: int = 0
    bytes: float | None = None


Predict = Callable[[Step], Prediction]


def on_gpu(spec: StepSpec) -> bool:
    """Whether steps of this spec run on a GPU."""
    return spec.needs.gpus > 0


def rate_key(spec: StepSpec) -> RateKey:
    return spec.rate_class, "cuda" if on_gpu(spec) else "cpu"


class Rates:
    """Seconds and bytes per unit of work, by rate class: medians over finished steps.

    Measurements on one device type are not used for another. Without a measurement, an assumed rate is used on CPUs.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        paces: dict[RateKey, list[float]] = defaultdict(list)
        timed: list[tuple[str, str, float, tuple[str, ...]]] = []  # key, rate class, units, inputs: manifests are large
        files: dict[str, tuple[tuple[str, int], ...]] = {}
        for manifest in manifests:
            files[manifest.key] = tuple((entry.sha256, entry.size) for entry in manifest.files)
            if manifest.units >= _MIN_UNITS and manifest.seconds <= _MAX_SECONDS:  # manifests may come from anybody
                paces[manifest.rate_class, _device(manifest)].append(manifest.seconds / manifest.units)
                timed.append((manifest.key, manifest.rate_class, manifest.units, tuple(manifest.inputs.values())))
        sizes: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for key, rate_class, units, inputs in timed:
            # Files that an input has too were adopted, so they add nothing. Skip steps whose inputs were deleted.
            if all(other in files for other in inputs):
                adopted = {sha256 for other in inputs for sha256, _ in files[other]}
                added = sum(size for sha256, size in files[key] if sha256 not in adopted)
                sizes[rate_class].append((added, added / units))
        self._measured = {pace: median(values) for pace, values in paces.items()}
        self._sizes = {
            name: (median(total for total, _ in values), median(per_unit for _, per_unit in values))
            for name, values in sizes.items()
        }

    def seconds(self, step: Step) -> float | None:
        """Return the estimated seconds of a step on one worker; None for an unmeasured model or GPU."""
        rate = self._measured.get(rate_key(step.spec))
        if rate is None and not on_gpu(step.spec):
            rate = step.spec.assumed_pace
        return None if rate is None else step.units * rate

    def measured(self, step: Step) -> bool:
        """Whether the store has the time of a step of the same rate class and device type."""
        return rate_key(step.spec) in self._measured

    def bytes(self, step: Step) -> float | None:
        """Return the estimated bytes that a step adds to the store; None if they are neither measured nor assumed."""
        if (sizes := self._sizes.get(step.spec.rate_class)) is None:
            assumed = step.spec.assumed_bytes
            return None if assumed is None else assumed * step.units
        total, per_unit = sizes
        return per_unit * step.units if step.spec.grows else total


def _device(manifest: Manifest) -> str:
    numerics = manifest.spec.get("numerics")
    return str(numerics.get("device", "cpu")) if isinstance(numerics, dict) else "cpu"


@dataclass(frozen=True)
class Prices:
    """Prices per hour of one GPU (with its machine) and of one CPU thread, in any currency; None: no price.

    Raises:
        UserError: a price is not a number from 0 to a billion.
    """

    gpu_hour: float | None = None
    cpu_hour: float | None = None

    def __post_init__(self) -> None:
        for unit, price in (("gpu", self.gpu_hour), ("cpu", self.cpu_hour)):
            is_number = isinstance(price, int | float) and not isinstance(price, bool)
            if price is not None and not (is_number and 0 <= price <= MAX_PRICE):  # NaN is not
                is_huge = isinstance(price, int) and price.bit_length() > _MAX_SHOWN_BITS
                shown = "a number of many digits" if is_huge else f"{price!r:.40}"
                raise UserError(
                    f"invalid price per {unit.upper()} hour (--price-per-{unit}-hour): {shown}; give a number from 0 "
                    f"to {MAX_PRICE:,}, such as 2.5"
                )

    def total(self, gpu_hours: float | None, cpu_hours: float | None) -> float | None:
        """Return the cost of these hours, in the currency of the prices; None without prices or known hours."""
        hours = ((gpu_hours, self.gpu_hour), (cpu_hours, self.cpu_hour))
        parts = [None if count is None else count * price for count, price in hours if price is not None]
        return _sum_known(parts) if parts else None


@dataclass(frozen=True)
class Amounts:
    """The resources that steps need. Steps without an estimate are counted, and not included in the other numbers.

    Attributes:
        gpu_hours: of steps on a GPU; None if unknown for all of them.
        cpu_hours: thread hours of all other steps; None if unknown for all of them.
        images: number of generated images.
        bytes: growth of the store; None if unknown for all steps.
        memory: the most bytes that one of the steps needs where it computes, on the GPU or in main memory, as
            predicted; None if unknown for all of them.
        money: for processors; None without prices or if unknown.
        fees: money that servers charge, as studies state it; None if unknown for all steps that are charged.
        unknown_steps: number of steps without a time estimate.
        unknown_gpu_steps: those of them that run on a GPU.
        unsized_steps: number of steps without a size estimate.
        unpriced_images: number of generated images without a known fee.
    """

    gpu_hours: float | None
    cpu_hours: float | None
    images: int
    bytes: int | None
    memory: int | None
    money: float | None
    unknown_steps: int
    unknown_gpu_steps: int
    unsized_steps: int
    fees: float | None = 0.0
    unpriced_images: int = 0

    @property
    def unknown_cpu_steps(self) -> int:
        return self.unknown_steps - self.unknown_gpu_steps


@dataclass(frozen=True)
class KindCost:
    """The cost of the steps of one kind.

    Attributes:
        steps: number of steps.
        left: number of steps that are not finished.
        seconds: estimate for the unfinished steps on one worker, without steps that have no time estimate.
        measured: whether all rates were measured in the store.
        sources: number of unfinished steps by the source of their time.
        amounts: resources of the unfinished steps.
    """

    kind: str
    steps: int
    left: int
    seconds: float
    measured: bool
    sources: Mapping[Source, int]
    amounts: Amounts

    def as_json(self) -> dict[str, Any]:
        return _flat_json(self)


@dataclass(frozen=True)
class Cost:
    """The remaining cost of a plan. `seconds` is wall time with `workers` parallel workers.

    `most`: the cost with all steps that results may ask for; None if no result asks for further steps. `expected`: the
    cost with as many steps as they are expected to ask for; None if there is no such number. `warnings`: sentences on
    steps that are predicted to exceed the memory of a GPU. `card`: the GPU that predictions are for, in words.
    """

    kinds: tuple[KindCost, ...]
    steps: int
    left: int
    seconds: float
    workers: int
    prices: Prices
    amounts: Amounts
    most: Cost | None = None
    expected: Cost | None = None
    warnings: tuple[str, ...] = ()
    card: str = ""

    def as_json(self) -> dict[str, Any]:
        alone = _flat_json(replace(self, most=None, expected=None))
        del alone["most"], alone["expected"]
        others = {"expected": self.expected, "at_most": self.most}
        more = {name: cost.as_json() for name, cost in others.items() if cost is not None}
        return {**alone, "kinds": [kind.as_json() for kind in self.kinds], **more}


def cost_of(
    steps: Mapping[str, Step],
    todo: Mapping[str, Step],
    rates: Rates,
    workers: int,
    prices: Prices | None = None,
    predict: Predict = lambda _: Prediction(),
) -> Cost:
    """Estimate the cost of the unfinished steps `todo` of a plan's `steps`.

    `predict`: for what the store has not measured.
    """
    prices = prices or Prices()
    left: dict[str, list[_Estimate]] = defaultdict(list)
    for step in todo.values():
        left[step.spec.kind].append(_Estimate.of(step, rates, predict(step)))
    kinds = tuple(
        KindCost(
            kind=kind,
            steps=count,
            left=len(left[kind]),
            seconds=round(sum(estimate.seconds or 0.0 for estimate in left[kind]), 1),
            measured=all(estimate.source == "measured" for estimate in left[kind]),
            sources=_sources(left[kind]),
            amounts=_amounts(left[kind], prices),
        )
        for kind, count in Counter(step.spec.kind for step in steps.values()).items()
    )
    seconds = round((_START_UP if todo else 0.0) + sum(kind.seconds for kind in kinds) / workers, 1)
    amounts = _amounts([*chain.from_iterable(left.values())], prices)
    return Cost(kinds, len(steps), len(todo), seconds, workers, prices, amounts)


def fees_of(steps: Iterable[Step]) -> str:
    """Return a sentence on what servers charge for steps; an empty text if they charge nothing."""
    charged = [step for step in steps if step.spec.fee != 0]
    if not charged:
        return ""
    images = sum(round(step.units) for step in charged)
    fees = sum(step.spec.fee * step.units for step in charged if step.spec.fee is not None)
    unpriced = sum(round(step.units) for step in charged if step.spec.fee is None)
    known = f" for {fees:,.2f}" if images > unpriced else ""
    without = f"; {unpriced:,} have no cost_per_image" if unpriced else ""
    return f"hosted models are asked for {images:,} images{known}{without}"


@dataclass(frozen=True, slots=True)
class _Estimate:
    """The estimate for one step. `hours`: GPU hours if `gpu`, else thread hours."""

    seconds: float | None
    source: Source
    gpu: bool
    hours: float | None
    images: int
    bytes: float | None
    memory: int
    fee: float | None

    @classmethod
    def of(cls, step: Step, rates: Rates, prediction: Prediction) -> _Estimate:
        seconds, size, needs = rates.seconds(step), rates.bytes(step), step.spec.needs
        source: Source = "measured" if rates.measured(step) else "assumed"
        if seconds is None:
            seconds, source = prediction.seconds, prediction.source
        return cls(
            seconds=seconds,
            source=source,
            gpu=on_gpu(step.spec),
            hours=None if seconds is None else seconds / 3600 * (needs.gpus or needs.threads),
            images=round(step.units) if step.spec.generates else 0,
            bytes=prediction.bytes if size is None else size,
            memory=prediction.memory,
            fee=None if step.spec.fee is None else step.spec.fee * step.units,
        )


def _sources(estimates: list[_Estimate]) -> dict[Source, int]:
    counts = Counter(estimate.source for estimate in estimates)
    return {source: counts[source] for source in SOURCES if counts[source]}


def _amounts(estimates: list[_Estimate], prices: Prices) -> Amounts:
    gpu_hours = _sum_known([estimate.hours for estimate in estimates if estimate.gpu])
    cpu_hours = _sum_known([estimate.hours for estimate in estimates if not estimate.gpu])
    size, money = _sum_known([estimate.bytes for estimate in estimates]), prices.total(gpu_hours, cpu_hours)
    fees = _sum_known([estimate.fee for estimate in estimates])
    untimed = [estimate for estimate in estimates if estimate.seconds is None]
    return Amounts(
        gpu_hours=None if gpu_hours is None else round(gpu_hours, 6),
        cpu_hours=None if cpu_hours is None else round(cpu_hours, 6),
        images=sum(estimate.images for estimate in estimates),
        bytes=None if size is None else round(size),
        memory=max((estimate.memory for estimate in estimates), default=0) or None,
        money=None if money is None else round(money, 6),
        unknown_steps=len(untimed),
        unknown_gpu_steps=sum(estimate.gpu for estimate in untimed),
        unsized_steps=sum(estimate.bytes is None for estimate in estimates),
        fees=None if fees is None else round(fees, 6),
        unpriced_images=sum(estimate.images for estimate in estimates if estimate.fee is None),
    )


def _sum_known(values: list[float | None]) -> float | None:
    """Return the sum of the known values; None if values are unknown and the others add up to 0."""
    known = sum((value for value in values if value is not None), 0.0)
    return None if None in values and not known else known


def _flat_json(cost: KindCost | Cost) -> dict[str, Any]:
    """Return the fields for JSON, with the amounts on the same level as the others."""
    fields = asdict(cost)
    amounts = fields.pop("amounts")
    return {**fields, **amounts}
