from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.engine.step import Resources
from prettyuseful.engine.workers.ray_room import Placed, amounts, fits, idle_in_the_way

CPU, GPU, BIG = Resources(1), Resources(1, gpus=1), Resources(2, memory=10)
NODES = {"a": {"CPU": 4.0, "GPU": 1.0, "memory": 20.0}, "b": {"CPU": 2.0, "memory": 20.0}}


def test_amounts_have_the_names_of_ray() -> None:
    assert amounts(Resources(2, gpus=1, memory=30)) == {"CPU": 2, "GPU": 1, "memory": 30}
    assert amounts(CPU) == {"CPU": 1}
    assert fits([CPU, GPU], NODES["a"])
    assert not fits([GPU], NODES["b"])


@pytest.mark.parametrize(
    ("needs", "busy", "idle", "dismissed"),
    [
        (CPU, [], [Placed(GPU, "a")], []),  # there is room beside it
        (GPU, [], [Placed(CPU, "a"), Placed(GPU, "a")], [1]),
        (GPU, [], [Placed(GPU, "a"), Placed(CPU, "b")], [0]),
        (CPU, [Placed(CPU, "a")] * 4, [Placed(CPU, "b"), Placed(CPU, "b")], [0]),
        (BIG, [Placed(CPU, "a")] * 3, [Placed(CPU, "b"), Placed(CPU, "a")], [0]),
        (CPU, [Placed(CPU, "a")] * 4, [Placed(CPU, ""), Placed(CPU, "b")], [0]),  # the first one may be on b
        (GPU, [Placed(GPU, "a")], [Placed(CPU, "b"), Placed(CPU, "a")], [0, 1]),  # no node gets room
        (GPU, [Placed(GPU, "a")], [], []),
    ],
)
def test_idle_actors_are_dismissed_where_their_room_is_needed(
    needs: Resources, busy: list[Placed], idle: list[Placed], dismissed: list[int]
) -> None:
    assert idle_in_the_way(needs, NODES, busy, idle) == dismissed


PLACED = st.builds(Placed, st.sampled_from([CPU, GPU, BIG]), st.sampled_from(["a", "b", ""]))


@given(st.sampled_from([CPU, GPU, BIG]), st.lists(PLACED, max_size=4), st.lists(PLACED, max_size=4))
def test_no_more_are_dismissed_than_give_a_node_room(needs: Resources, busy: list[Placed], idle: list[Placed]) -> None:
    dismissed = idle_in_the_way(needs, NODES, busy, idle)

    def has_room(gone: list[int]) -> bool:
        left = [*busy, *(placed for number, placed in enumerate(idle) if number not in gone)]
        return any(
            fits([needs, *(placed.needs for placed in left if placed.node in (node, ""))], available)
            for node, available in NODES.items()
        )

    if has_room(list(range(len(idle)))):
        assert has_room(dismissed)
        assert not any(has_room([other for other in dismissed if other != one]) for one in dismissed)
    else:
        assert dismissed == list(range(len(idle)))
