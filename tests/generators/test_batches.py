"""Every image is made once, in a batch of its prompt, whatever the size of batch and shard."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as some

from prettyuseful.generators.batches import SHARD_IMAGES, Cut

LARGEST = 1000
cuts = some.builds(Cut.of, some.integers(1, 2500), some.integers(1, 1200), some.integers(1, 300))
small_cuts = some.builds(Cut.of, some.integers(1, 300), some.integers(1, 30), some.integers(1, 40))


def batches(cut: Cut) -> list[list[int]]:
    """The images of every micro-batch that any shard holds, without padding."""
    return [[i for i in cut.indices(m) if i < cut.images] for first, stop in cut.shards() for m in range(first, stop)]


@settings(deadline=None)
@given(cuts | small_cuts)
def test_every_image_is_in_one_micro_batch_and_in_one_shard(cut: Cut) -> None:
    everything = list(range(cut.images))
    assert sorted(i for batch in batches(cut) for i in batch) == everything
    assert sorted(i for shard in cut.shards() for i in cut.within(*shard)) == everything
    assert all(batches(cut)), "a batch of nothing but padding"


@settings(deadline=None)
@given(cuts | small_cuts)
def test_a_micro_batch_is_full_and_holds_one_prompt(cut: Cut) -> None:
    for _, stop in cut.shards():
        indices = cut.indices(stop - 1)
        assert len(indices) == len(set(indices)) == cut.size
        assert {i % cut.prompts for i in indices} == {(stop - 1) % cut.prompts}


@settings(deadline=None)
@given(cuts | small_cuts)
def test_shards_follow_each_other_and_are_of_bounded_size(cut: Cut) -> None:
    shards = cut.shards()
    assert shards[0][0] == 0
    assert all(one[1] == next_one[0] for one, next_one in pairwise(shards))
    for first, stop in shards:
        assert 0 < len(cut.within(first, stop)) <= max(LARGEST, cut.size)
        assert cut.within(first, stop) == sorted(cut.within(first, stop))


@settings(deadline=None)
@given(cuts | small_cuts)
def test_shards_in_order_are_the_images_in_order_unless_they_would_be_too_large(cut: Cut) -> None:
    if cut.size == 1 or cut.prompts * cut.size <= LARGEST:
        assert [i for shard in cut.shards() for i in cut.within(*shard)] == list(range(cut.images))


@settings(deadline=None)
@given(some.integers(1, 2000), some.integers(1, 500), some.integers(1, 300))
def test_a_micro_batch_is_as_large_as_asked_or_as_a_prompts_share(images: int, prompts: int, micro_batch: int) -> None:
    cut = Cut.of(images, prompts, micro_batch)
    assert 1 <= cut.size <= micro_batch
    assert cut.size == micro_batch or (cut.size - 1) * prompts < images <= cut.size * prompts


@settings(deadline=None)
@given(small_cuts, some.data())
def test_fewer_images_are_the_first_of_more(cut: Cut, data: some.DataObject) -> None:
    """So that a class can grow: whole shards stay what they were."""
    fewer = Cut(data.draw(some.integers(1, cut.images)), cut.prompts, cut.size)
    small, large = batches(fewer), batches(cut)
    assert [[i for i in batch if i < fewer.images] for batch in large[: len(small)]] == small
    assert fewer.shards()[:-1] == cut.shards()[: len(fewer.shards()) - 1]
    full = [shard for shard in fewer.shards() if len(fewer.within(*shard)) == (shard[1] - shard[0]) * cut.size]
    assert all(fewer.within(*shard) == cut.within(*shard) for shard in full)


def test_an_ordinary_class() -> None:
    cut = Cut.of(250, 1, 8)
    assert cut.shards() == [(0, 12), (12, 24), (24, 32)]
    assert [len(cut.within(*shard)) for shard in cut.shards()] == [96, 96, 58]
    assert cut.indices(31) == [248, 249, *range(250, 256)]
    assert SHARD_IMAGES == 100


def test_captions_of_one_image_each_are_batches_of_one() -> None:
    cut = Cut.of(250, 250, 8)
    assert cut.size == 1
    assert cut.shards() == [(0, 100), (100, 200), (200, 250)]
    assert cut.indices(7) == [7]


def test_a_few_templates_take_turns() -> None:
    cut = Cut.of(10, 3, 2)
    assert [cut.indices(m) for m in range(4)] == [[0, 3], [1, 4], [2, 5], [6, 9]]
    assert batches(cut) == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]
