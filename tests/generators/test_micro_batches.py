"""Every image is generated once, in a batch of its prompt, for all sizes of batches and shards."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.generators.micro_batches import SHARD_IMAGES, BatchPlan

LARGEST = 1000
plans = st.builds(BatchPlan.for_class, st.integers(1, 2500), st.integers(1, 1200), st.integers(1, 300))
small_plans = st.builds(BatchPlan.for_class, st.integers(1, 300), st.integers(1, 30), st.integers(1, 40))


def batches(plan: BatchPlan) -> list[list[int]]:
    """Return the image indices of every micro-batch, without padding."""
    return [
        [i for i in plan.indices(m) if i < plan.images] for first, stop in plan.shards() for m in range(first, stop)
    ]


@settings(deadline=None)
@given(plans | small_plans)
def test_every_image_is_in_one_micro_batch_and_one_shard(plan: BatchPlan) -> None:
    all_images = list(range(plan.images))
    assert sorted(i for batch in batches(plan) for i in batch) == all_images
    assert sorted(i for shard in plan.shards() for i in plan.image_indices(*shard)) == all_images
    assert all(batches(plan)), "a batch consists of padding only"


@settings(deadline=None)
@given(plans | small_plans)
def test_micro_batch_is_full_and_has_one_prompt(plan: BatchPlan) -> None:
    for _, stop in plan.shards():
        indices = plan.indices(stop - 1)
        assert len(indices) == len(set(indices)) == plan.size
        assert {i % plan.groups for i in indices} == {(stop - 1) % plan.groups}


@settings(deadline=None)
@given(plans | small_plans)
def test_shards_are_consecutive_and_of_bounded_size(plan: BatchPlan) -> None:
    shards = plan.shards()
    assert shards[0][0] == 0
    assert all(shard[1] == next_shard[0] for shard, next_shard in pairwise(shards))
    for first, stop in shards:
        assert 0 < len(plan.image_indices(first, stop)) <= max(LARGEST, plan.size)
        assert plan.image_indices(first, stop) == sorted(plan.image_indices(first, stop))


@settings(deadline=None)
@given(plans | small_plans)
def test_images_of_consecutive_shards_are_in_order(plan: BatchPlan) -> None:
    if plan.size == 1 or plan.groups * plan.size <= LARGEST:
        assert [i for shard in plan.shards() for i in plan.image_indices(*shard)] == list(range(plan.images))


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 500), st.integers(1, 300))
def test_size_is_limited_by_the_images_per_prompt(images: int, prompts: int, micro_batch: int) -> None:
    plan = BatchPlan.for_class(images, prompts, micro_batch)
    assert 1 <= plan.size <= micro_batch
    assert plan.size == micro_batch or (plan.size - 1) * prompts < images <= plan.size * prompts


@settings(deadline=None)
@given(small_plans, st.data())
def test_smaller_plan_is_a_prefix_of_a_larger_one(plan: BatchPlan, data: st.DataObject) -> None:
    """If a class grows, complete shards stay the same."""
    fewer = BatchPlan(data.draw(st.integers(1, plan.images)), plan.groups, plan.size)
    small, large = batches(fewer), batches(plan)
    assert [[i for i in batch if i < fewer.images] for batch in large[: len(small)]] == small
    assert fewer.shards()[:-1] == plan.shards()[: len(fewer.shards()) - 1]
    full = [shard for shard in fewer.shards() if len(fewer.image_indices(*shard)) == (shard[1] - shard[0]) * plan.size]
    assert all(fewer.image_indices(*shard) == plan.image_indices(*shard) for shard in full)


def test_class_with_one_prompt() -> None:
    plan = BatchPlan.for_class(250, 1, 8)
    assert plan.shards() == [(0, 12), (12, 24), (24, 32)]
    assert [len(plan.image_indices(*shard)) for shard in plan.shards()] == [96, 96, 58]
    assert plan.indices(31) == [248, 249, *range(250, 256)]
    assert SHARD_IMAGES == 100


def test_one_prompt_per_image_gives_batches_of_one() -> None:
    plan = BatchPlan.for_class(250, 250, 8)
    assert plan.size == 1
    assert plan.shards() == [(0, 100), (100, 200), (200, 250)]
    assert plan.indices(7) == [7]


def test_prompts_are_used_in_turn() -> None:
    plan = BatchPlan.for_class(10, 3, 2)
    assert [plan.indices(m) for m in range(4)] == [[0, 3], [1, 4], [2, 5], [6, 9]]
    assert batches(plan) == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]


@given(small_plans, st.data())
def test_shards_can_end_at_the_first_images(plan: BatchPlan, data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, plan.images))
    end = plan.batches_of(wanted)
    assert len(plan.image_indices(0, end)) >= wanted > len(plan.image_indices(0, end - 1))
    shards = plan.shards([end])
    assert end in {stop for _, stop in shards}
    assert sorted(i for shard in shards for i in plan.image_indices(*shard)) == list(range(plan.images))
    assert [stop for _, stop in shards[:-1]] == [first for first, _ in shards[1:]]
