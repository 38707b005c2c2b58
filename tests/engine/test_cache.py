from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from prettyuseful.engine.cache import cached_model, release_model

events: list[str] = []


class Model:
    """Records its creation and deletion. Because of a reference cycle, only the garbage collector frees it."""

    def __init__(self, name: str) -> None:
        self.name, self.cycle = name, self
        events.append(f"made {name}")

    def __del__(self) -> None:
        events.append(f"freed {self.name}")


def fail(name: str) -> Model:
    events.append(f"tried {name}")
    raise OSError(name)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    release_model()
    gc.disable()
    events.clear()
    yield
    gc.enable()
    release_model()


def test_equal_calls_return_the_cached_model() -> None:
    assert cached_model(Model, "a") is cached_model(Model, "a")
    assert events == ["made a"]


def test_previous_model_is_freed_before_the_next_is_created() -> None:
    for name in ("a", "b", "a"):
        cached_model(Model, name)
    assert events == ["made a", "freed a", "made b", "freed b", "made a"]


def test_another_function_creates_another_model() -> None:
    def other(name: str) -> Model:
        return Model(f"other {name}")

    cached_model(Model, "a")
    cached_model(other, "a")
    assert events == ["made a", "freed a", "made other a"]


def test_failure_leaves_the_cache_empty() -> None:
    cached_model(Model, "a")
    with pytest.raises(OSError, match="b"):
        cached_model(fail, "b")
    with pytest.raises(OSError, match="b"):
        cached_model(fail, "b")
    cached_model(Model, "a")
    assert events == ["made a", "freed a", "tried b", "tried b", "made a"]


def test_release_frees_the_model_and_can_be_repeated() -> None:
    cached_model(Model, "a")
    release_model()
    release_model()
    assert events == ["made a", "freed a"]
