from __future__ import annotations

from prettyuseful.report.series_style import Look, looks_of

from .conftest import Make


def test_real_is_neutral_and_first_and_the_others_follow_the_study(make: Make) -> None:
    looks = looks_of(make(rates={"real": 0.9, "zebra": 0.5, "ape": 0.4}))
    assert [*looks] == [("real", 10), ("zebra", 10), ("ape", 10)]
    assert looks["real", 10] == Look("real", "real", "diamond")
    assert looks["zebra", 10].color == "series-0"
    assert looks["ape", 10].color == "series-1"


def test_forty_data_sets_differ_in_colour_or_symbol(make: Make) -> None:
    names = {f"set{i}": 0.5 for i in range(40)}
    looks = looks_of(make(rates=names, classes=("one", "two"), seeds=(0,), samples=0, metrics=()))
    assert len({(look.color, look.symbol) for look in looks.values()}) == 40


def test_long_names_keep_their_ends() -> None:
    look = Look("base-strongly-guided-with-captions-number-7", "series-0", "circle")
    assert len(look.short) < len(look.long) <= 30
    assert look.short.startswith("base")
    assert look.short.endswith("number-7")
