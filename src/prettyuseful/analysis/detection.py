"""How much is enough: the seeds, test images and draws with which a study finds a difference of a given size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from prettyuseful.analysis.power import POWER, Sizes, Variances, corrected_level
from prettyuseful.analysis.statistics import LEVEL, CellModel
from prettyuseful.formatting import duration, share

Family = Literal["planned", "exploratory", "real"]
"""Which comparisons are corrected for each other: planned ones, all other pairs of data sets, or none (with real)."""
_FAMILIES: Mapping[Family, str] = {
    "planned": "planned comparison",
    "exploratory": "exploratory comparison",
    "real": "comparison with real images",
}
_MULTIPLES = (2, 3, 4, 6, 8, 12, 16, 24, 32)
_FEW_SEEDS = 20


@dataclass(frozen=True)
class StudySizes:
    """How large the study is as its file has it.

    `seeds`: training seeds. `draws`: by data set, draws of the generator. `test_images`: real test images.
    `seed_seconds`, `draw_seconds`: estimated time of one more seed, and of one more draw of every generated data set;
    None if unknown.
    """

    seeds: int
    draws: Mapping[str, int]
    test_images: int
    seed_seconds: float | None = None
    draw_seconds: float | None = None


@dataclass(frozen=True)
class Compared:
    """A comparison of data sets `a` and `b`, one of `comparisons` of its family that are corrected for each other."""

    a: str
    b: str
    family: Family
    comparisons: int = 1

    @property
    def names(self) -> str:
        """Both data sets, such as `base - real`; labels of real images contain their number after an @."""
        return f"{self.a} - {self.b.partition('@')[0]}"

    @property
    def level(self) -> float:
        """The level of its interval in the first step of Holm's correction, which is the strictest."""
        return corrected_level(LEVEL, self.comparisons)


@dataclass(frozen=True)
class Need:
    """What a comparison needs to find a true difference.

    `level`: of its interval. `power`: with the study as it is; `detectable`: the difference that the study finds with
    80% power; both None with one seed. `seeds`, `draws`, `test_images`: numbers for 80% power if only this one changes;
    None if no number is enough, or if its variation was not measured. `seeds_at_bound`: seeds, if the variance between
    seeds is at its upper 80% bound. `combined`: multiple of the test images and number of seeds that are enough
    together where more seeds alone are not. `more_seeds`, `more_draws`, `more_images`: power with one more seed, with
    one more draw, and with twice the test images.
    """

    compared: Compared
    level: float
    power: float | None
    detectable: float | None
    seeds: int | None
    seeds_at_bound: int | None
    test_images: int | None
    draws: int | None
    combined: tuple[int, int] | None
    more_seeds: float | None
    more_draws: float | None
    more_images: float | None


@dataclass(frozen=True)
class Detection:
    """The power of a study for a true difference, in units of accuracy (0-1).

    `needs`: one for each comparison that was measured. `source`: where the variances are from; empty if nothing was
    measured.
    """

    difference: float
    sizes: StudySizes
    needs: tuple[Need, ...]
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "difference_points": 100 * self.difference,
            "power": POWER,
            "seeds": self.sizes.seeds,
            "test_images": self.sizes.test_images,
            "source": self.source or None,
            "seconds_per_seed": self.sizes.seed_seconds,
            "seconds_per_draw": self.sizes.draw_seconds,
            "comparisons": [_need_json(need) for need in self.needs],
        }

    def lines(self, pilot: str) -> Iterator[str]:
        """Yield the answer in lines: for each family, its least precise comparison.

        `pilot`: the command that measures variances, for a study of which nothing is measured yet.
        """
        if not self.needs and self.source:
            yield f"power: not known, because results in the store do not vary ({self.source})"
            return
        if not self.needs:
            yield (
                "power: no variance is known yet, because the store has no two data sets of this study with two common "
                f"training seeds; run a pilot, whose results the study reuses: {pilot}"
            )
            return
        yield (
            f"power to find a true difference of {_points(self.difference)}: how often its interval excludes zero; "
            f"{self.source}"
        )
        for family in _FAMILIES:
            needs = [need for need in self.needs if need.compared.family == family]
            if needs:
                worst = max(needs, key=lambda need: (need.detectable or 1.0, need.seeds or 10**6))
                yield from self._need_lines(worst)

    def _need_lines(self, need: Need) -> Iterator[str]:
        compared, images = need.compared, f"{self.sizes.test_images:,} test images"
        one_of = (
            f"the least precise of {compared.comparisons} {_FAMILIES[compared.family]}s, {share(need.level)} interval "
            "as in the first step of Holm's correction"
            if compared.comparisons > 1
            else f"{_FAMILIES[compared.family]}, {share(need.level, 0)} interval"
        )
        if need.power is None or need.detectable is None:
            now = "with one seed, intervals do not cover the variation between training runs"
        else:
            now = (
                f"{share(need.power, 0)} with {self.sizes.seeds} seeds and {images}; "
                f"80% from a difference of {_points(need.detectable)} on"
            )
        yield f"{compared.names} ({one_of}): {now}"
        if need.power is None or need.power < POWER:
            yield f"for 80%: {'; or '.join(self._ways(need))}"
            yield from self._next_hour(need)

    def _ways(self, need: Need) -> Iterator[str]:
        if need.seeds is not None:
            bound = f"more than {need.seeds}" if need.seeds_at_bound is None else str(need.seeds_at_bound)
            unsure = f" (uncertain: {bound} if the variance between seeds is at its upper 80% bound)"
            yield f"{need.seeds} seeds{unsure if bound != str(need.seeds) else ''}"
        else:
            yield "no number of seeds is enough with these test images"
        if need.combined:
            times, seeds = need.combined
            yield f"{times} times the test images and {seeds} seeds"
        if need.test_images is not None and need.power is not None:
            yield (
                f"{need.test_images:,} test images with the same seeds; all {self.sizes.test_images:,} test images of "
                "the task are used already"
            )
        if need.draws is not None:
            yield f"{need.draws} draws of each data set"

    def _next_hour(self, need: Need) -> Iterator[str]:
        """Yield a line on what raises the power most, for its time if that is known."""
        if need.power is None:
            return
        options = [
            ("one more seed", need.more_seeds, self.sizes.seed_seconds),
            ("one more draw of each data set", need.more_draws, self.sizes.draw_seconds),
        ]
        gains = [(name, power - need.power, seconds) for name, power, seconds in options if power is not None]
        if all(seconds for _, _, seconds in gains):
            gains.sort(key=lambda gain: -gain[1] / (gain[2] or 1.0))
        else:
            gains.sort(key=lambda gain: -gain[1])
        if gains and gains[0][1] > 0:
            words = [
                f"{name} {100 * gain:+.0f} points of power{f' for about {duration(seconds)}' if seconds else ''}"
                for name, gain, seconds in gains
            ]
            images = f"; twice the test images {100 * ((need.more_images or 0.0) - need.power):+.0f}"
            yield f"what helps most: {'; '.join(words)}{images}"


def detect(models: Sequence[tuple[Compared, CellModel]], difference: float, sizes: StudySizes) -> tuple[Need, ...]:
    """Return what comparisons need; those without two common training seeds are left out.

    Args:
        models: each comparison with the model of a grid cell that has both data sets.
        difference: the true difference, in units of accuracy (0-1).
        sizes: how large the study is.
    """
    needs = []
    for compared, model in models:
        interval = model.difference(compared.a, compared.b, LEVEL)
        variances = Variances.of(interval) if interval else None
        if variances is not None and variances.sizes.seeds > 1:
            needs.append(_need(compared, variances, difference, sizes))
    return tuple(needs)


def _need(compared: Compared, measured: Variances, difference: float, study: StudySizes) -> Need:
    level = compared.level
    draws = min(study.draws.get(compared.a, 1), study.draws.get(compared.b, 1))
    if draws < 2:  # intervals of the study do not cover draws
        measured = replace(measured, sizes=replace(measured.sizes, draws=1), draws=0.0, draw_dof=0.0)
    covers_draws = draws > 1 and measured.sizes.draws > 1
    planned = Sizes(max(study.seeds, 2), measured.sizes.groups, draws if covers_draws else 1)
    variances = measured.resized(planned)
    has_seeds = study.seeds > 1
    seeds = variances.needed_seeds(difference, level)
    groups = variances.needed_groups(difference, level)

    def power(**changes: int) -> float:
        return variances.resized(replace(planned, **changes)).power(difference, level)

    return Need(
        compared=compared,
        level=level,
        power=variances.power(difference, level) if has_seeds else None,
        detectable=variances.detectable(level) if has_seeds else None,
        seeds=seeds,
        seeds_at_bound=measured.with_seeds_at_bound().resized(planned).needed_seeds(difference, level),
        test_images=None if groups is None else -(-groups * study.test_images // planned.groups),
        draws=variances.needed_draws(difference, level),
        combined=_combination(variances, difference, level) if seeds is None else None,
        more_seeds=power(seeds=planned.seeds + 1) if has_seeds else None,
        more_draws=power(draws=planned.draws + 1) if has_seeds and covers_draws else None,
        more_images=power(groups=2 * planned.groups) if has_seeds else None,
    )


def _combination(variances: Variances, difference: float, level: float) -> tuple[int, int] | None:
    """Return the smallest multiple of the test images with which a few seeds are enough, and their number."""
    for times in _MULTIPLES:
        larger = variances.resized(replace(variances.sizes, groups=times * variances.sizes.groups))
        seeds = larger.needed_seeds(difference, level)
        if seeds is not None and seeds <= max(_FEW_SEEDS, variances.sizes.seeds):
            return times, seeds
    return None


def _points(difference: float) -> str:
    return f"{100 * difference:.3g} points"


def _need_json(need: Need) -> dict[str, Any]:
    return {
        "a": need.compared.a,
        "b": need.compared.b,
        "family": need.compared.family,
        "comparisons": need.compared.comparisons,
        "level": need.level,
        "power": need.power,
        "detectable_points": None if need.detectable is None else 100 * need.detectable,
        "needed_seeds": need.seeds,
        "needed_seeds_at_upper_bound": need.seeds_at_bound,
        "needed_test_images": need.test_images,
        "needed_draws": need.draws,
        "needed_together": None
        if need.combined is None
        else {"times_test_images": need.combined[0], "seeds": need.combined[1]},
        "power_one_more_seed": need.more_seeds,
        "power_one_more_draw": need.more_draws,
        "power_twice_the_test_images": need.more_images,
    }
