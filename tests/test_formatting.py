from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

from prettyuseful.formatting import count, digits, duration, finite, number, p_value, percent, points, share, size


@dataclass(frozen=True)
class Value:
    mean: float
    low: float
    high: float


def test_intervals_have_one_format() -> None:
    assert percent(Value(0.769, 0.727, 0.811)) == "76.9% [72.7, 81.1]"
    assert points(Value(-0.05, -0.09, -0.009)) == "-5.0 points [-9.0, -0.9]"
    assert points(Value(0.05, -0.01, 0.11)) == "+5.0 points [-1.0, +11.0]"
    assert number(Value(0.16, 0.151, 0.168)) == "0.16 [0.15, 0.17]"


def test_the_number_of_digits_depends_on_the_magnitude() -> None:
    assert digits(Value(1234.5, 1200, 1300)) == ("1234", "1200", "1300")
    assert digits(Value(0.0012, 0.001, 0.002)) == ("0.0012", "0.0010", "0.0020")


def test_counts_of_images_have_a_decimal_only_below_10() -> None:
    assert [count(n) for n in (1, 1.72, 4.0, 17.3, 240.0)] == ["1", "1.7", "4", "17", "240"]


def test_p_values_and_shares_have_one_format() -> None:
    assert [p_value(p) for p in (0.0004, 0.0211, 1.0)] == ["< 0.001", "0.021", "1.000"]
    assert (share(0.6789), share(0.6789, 0)) == ("67.9%", "68%")


def test_durations_use_the_largest_fitting_unit() -> None:
    assert [duration(s) for s in (0, 3.21, 9.96, 12, 180, 9000)] == ["0.0 s", "3.2 s", "10 s", "12 s", "3 min", "2.5 h"]


def test_sizes_have_decimal_units() -> None:
    assert [size(n) for n in (512, 1_500_000, 2_000_000_000)] == ["512 bytes", "1.5 MB", "2.0 GB"]


def test_numbers_that_are_not_finite_become_null() -> None:
    assert finite({"a": [1.0, nan, -inf], "b": (2, "x")}) == {"a": [1.0, None, None], "b": [2, "x"]}
