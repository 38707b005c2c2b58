from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from prettyuseful.engine.cache import cached_model, release_model

events: list[str] = []


class Thing:
    """Says when it comes and goes. Points to itself, as modules do: only the collector can free it."""

    def __init__(self, name: str) -> None:
        self.name, self.me = name, self
        events.append(f"made {name}")

    def __del__(self) -> None:
        events.append(f"freed {self.name}")


def broken(name: str) -> Thing:
    events.append(f"tried {name}")
    raise OSError(name)


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    release_model()
    gc.disable()
    events.clear()
    yield
    gc.enable()
    release_model()


def test_the_same_is_made_once() -> None:
    assert cached_model(Thing, "a") is cached_model(Thing, "a")
    assert events == ["made a"]


def test_the_former_is_gone_before_the_next_is_made() -> None:
    for name in ("a", "b", "a"):
        cached_model(Thing, name)
    assert events == ["made a", "freed a", "made b", "freed b", "made a"]


def test_another_maker_is_another_thing() -> None:
    def other(name: str) -> Thing:
        return Thing(f"other {name}")

    cached_model(Thing, "a")
    cached_model(other, "a")
    assert events == ["made a", "freed a", "made other a"]


def test_a_failure_leaves_nothing_behind() -> None:
    cached_model(Thing, "a")
    with pytest.raises(OSError, match="b"):
        cached_model(broken, "b")
    with pytest.raises(OSError, match="b"):
        cached_model(broken, "b")
    cached_model(Thing, "a")
    assert events == ["made a", "freed a", "tried b", "tried b", "made a"]


def test_letting_go_frees_and_may_be_repeated() -> None:
    cached_model(Thing, "a")
    release_model()
    release_model()
    assert events == ["made a", "freed a"]
