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
# Seconds per unit on two slow cores, for a store that has measured nothing yet. By the first word of the rate class.
_ASSUMED = {
    "load": 0.0006,
    "caption": 0.0006,
    "prompt": 0.01,
    "encode": 0.02,
    "generate": 0.03,
    "collect": 0.00002,
    "import": 0.002,
    "mix": 0.0005,
    "change": 0.002,
    "drop": 0.0005,
    "sample": 0.5,
    "decode": 0.0003,
    "probe": 0.002,
    "train": 0.0006,
    "evaluate": 0.0005,
    "re-encode": 0.001,
    "embed": 0.0005,
    "measure": 0.0003,
    "half": 0.0005,
    "try": 0.06,
    "diagnose": 0.005,
}
_BY_MODEL = ("generate", "encode", "caption", "train", "embed", "embed-text")
_OWN_MODELS = (
    "pocket-",
    "describer",
    "small 32 px",
    "real-trained",
)  # what an assumption can be made of; other models' pace nobody knows beforehand
_OF_ONE_SIZE = ("train", "measure")  # kinds whose files are as large after much work as after little
_Pace = tuple[str, str]  # a rate class, and the type of device that steps of it ran on


def on_gpu(spec: StepSpec) -> bool:
    """Whether steps of this spec run on a GPU."""
    return spec.needs.gpus > 0


def _pace(spec: StepSpec) -> _Pace:
    return spec.rate_class, "cuda" if on_gpu(spec) else "cpu"


class Rates:
    """Seconds and bytes per unit of work (bytes per step where files have one size), by rate class: medians of what
    manifests say, or an assumption of seconds.

    Seconds of one type of device say nothing of another, and an assumption is for a CPU only.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        paces: dict[_Pace, list[float]] = defaultdict(list)
        made: list[tuple[str, float, str, tuple[str, ...]]] = []
        files: dict[str, dict[str, int]] = {}
        for manifest in manifests:
            files[manifest.key] = {entry.sha256: entry.size for entry in manifest.files}
            if manifest.units > 0:
                device = (manifest.spec.get("numerics") or {}).get("device", "cpu")
                paces[manifest.rate_class, device].append(manifest.seconds / manifest.units)
                units = _growth(manifest.step, manifest.units)
                made.append((manifest.rate_class, units, manifest.key, tuple(manifest.inputs.values())))
        sizes: dict[str, list[float]] = defaultdict(list)
        for name, units, key, inputs in made:
            # A file that an input holds too was adopted. Of inputs that are gone nobody knows what they held.
            if all(other in files for other in inputs):
                adopted = set().union(*(files[other] for other in inputs))
                own = sum(size for sha256, size in files[key].items() if sha256 not in adopted)
                sizes[name].append(own / units)
        self._measured = {pace: median(values) for pace, values in paces.items()}
        self._sizes = {name: median(values) for name, values in sizes.items()}

    def seconds(self, step: Step) -> float | None:
        """What a step takes on one worker; None for a model or a GPU that nobody has timed here."""
        kind, (name, device) = step.spec.kind, _pace(step.spec)
        if (rate := self._measured.get((name, device))) is None:
            foreign = kind in _BY_MODEL and not name.removeprefix(f"{kind} ").startswith(_OWN_MODELS)
            if foreign or device != "cpu":
                return None
            rate = _ASSUMED[kind]
        return step.units * rate

    def measured(self, step: Step) -> bool:
        return _pace(step.spec) in self._measured

    def bytes(self, step: Step) -> float | None:
        """What a step adds to the store; None if nothing like it has been made here."""
        rate = self._sizes.get(step.spec.rate_class)
        return None if rate is None else _growth(step.spec.kind, step.units) * rate

    def learn(self, step: Step, seconds: float) -> None:
        """Takes over what a step has just taken."""
        if step.units > 0:
            self._measured[_pace(step.spec)] = seconds / step.units


def _growth(kind: str, units: float) -> float:
    """What the bytes of a step are in proportion to."""
    return 1.0 if kind in _OF_ONE_SIZE else units


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
            images=round(step.units) if step.spec.kind == "generate" else 0,
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


def clock(seconds: float) -> str:
    """`12 s`, `3 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
