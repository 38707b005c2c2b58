from __future__ import annotations

from prettyuseful.prompts.strategies import class_names, from_captions


def test_class_names_are_bare() -> None:
    prompts = class_names(["cat", "dog"])
    assert [prompts.of(1, i) for i in range(3)] == ["dog"] * 3


def test_each_image_takes_the_next_caption() -> None:
    prompts = from_captions(["cat", "dog"], [(0, "asleep"), (1, "wet"), (0, "awake")])
    assert [prompts.of(0, i) for i in range(3)] == ["cat, asleep", "cat, awake", "cat, asleep"]
    assert prompts.of(1, 5) == "dog, wet"
