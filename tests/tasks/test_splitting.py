from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.tasks.splitting import held_out_groups, interleave_groups, limited_groups

Images = list[tuple[int, str]]


def shares(images: Images, out: set[str]) -> dict[int, float]:
    tested = Counter(label for label, group in images if group in out)
    return {label: tested[label] / n for label, n in Counter(label for label, _ in images).items()}


def singles(counts: dict[int, int]) -> Images:
    return [(label, f"{label}/{i}") for label, n in counts.items() for i in range(n)]


@pytest.mark.parametrize(("count", "tested"), [(100, 20), (97, 19), (10, 2), (5, 1), (3, 1), (2, 1)])
def test_a_fifth_of_every_class_is_held_out(count: int, tested: int) -> None:
    images = singles({0: count, 1: 40})
    assert shares(images, held_out_groups(images, 0.2)) == {0: tested / count, 1: 0.2}


def test_held_out_groups_do_not_depend_on_the_order_of_images() -> None:
    images = [(label, f"{label}/{i // 4}") for label in range(3) for i in range(60)]
    assert held_out_groups(images, 0.2) == held_out_groups(images[::-1], 0.2)


def test_held_out_share_is_approximate_for_large_groups() -> None:
    images = [(label, f"{label}/{i // 7}") for label in range(5) for i in range(140)]
    assert all(0.15 <= share <= 0.25 for share in shares(images, held_out_groups(images, 0.2)).values())


def test_small_groups_are_held_out_before_a_large_one() -> None:
    images = [(0, "large")] * 90 + [(0, f"{i}") for i in range(10)] + singles({1: 20})
    assert shares(images, held_out_groups(images, 0.2))[0] == 0.1


def test_group_of_several_classes_is_not_split() -> None:
    images = [(label, f"photograph {i}") for label in (0, 1) for i in range(20)]
    out = held_out_groups(images, 0.25)
    assert shares(images, out) == {0: 0.25, 1: 0.25}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdefgh")), min_size=1, max_size=60))
def test_every_class_is_tested_on(images: Images) -> None:
    out = held_out_groups(images, 0.2)
    assert all(share > 0 for share in shares(images, out).values())
    assert out <= {group for _, group in images}


def test_the_first_images_are_of_many_groups() -> None:
    groups = {f"{group}/{i}": group for group in "abcde" for i in range(20)}
    ids = {path: f"id of {path}" for path in groups}
    order = interleave_groups(groups, ids)
    assert sorted(order) == sorted(groups)
    assert all({groups[path] for path in order[turn : turn + 5]} == set("abcde") for turn in range(0, 100, 5))
    assert order == interleave_groups(dict(reversed(groups.items())), ids)


def test_order_depends_on_content_not_on_paths() -> None:
    groups = {f"{i}": f"group {i % 7}" for i in range(40)}
    before = interleave_groups(groups, {path: f"content {path}" for path in groups})
    renamed = {f"{(int(path) * 3) % 40}.png": path for path in groups}
    after = interleave_groups(
        {new: groups[old] for new, old in renamed.items()}, {new: f"content {old}" for new, old in renamed.items()}
    )
    assert [renamed[path] for path in after] == before


def test_interleaved_order_is_not_sorted() -> None:
    paths = {f"{i:03d}": f"{i:03d}" for i in range(200)}
    first = [int(path) for path in interleave_groups(paths, paths)[:50]]
    assert 60 < sum(first) / 50 < 140
    assert first != sorted(first)


def test_a_limit_takes_whole_groups_and_about_equally_many_images_of_each_class() -> None:
    images = [(label, f"{label}-{i // 3}") for label in range(3) for i in range(30 if label else 6)]
    chosen = limited_groups(images, 9)
    counts = [sum(group in chosen for own, group in images if own == label) for label in range(3)]
    assert counts == [6, 9, 9]
    assert limited_groups(reversed(images), 9) == chosen
