from __future__ import annotations

import pickle
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, JsonValue

from prettyuseful.engine.pinned import KEY_CONTEXT, Pinned
from prettyuseful.engine.step import Job, Step, StepSpec


class Location(BaseModel):
    folder: str


class ReadSpec(StepSpec):
    kind: ClassVar[str] = "load"
    images: Pinned[Location]
    others: tuple[Pinned[str], ...] = ()

    def make(self, job: Job) -> dict[str, Any]:
        del job
        return {}


def spec(folder: str, content: JsonValue, *others: Pinned[str]) -> ReadSpec:
    return ReadSpec(images=Pinned(source=Location(folder=folder), content=content), others=others)


def key(step_spec: StepSpec) -> str:
    return Step(step_spec, {}, "", 1.0).key


@pytest.mark.parametrize("content", ["sha", {"hub": "we/model", "commit": "abc"}, ["a", 1], None])
def test_only_content_is_in_the_key(content: JsonValue) -> None:
    assert spec("here", content).key_content() == {"images": content, "others": []}
    assert key(spec("here", content)) == key(spec("there", content)) != key(spec("here", "something else"))


def test_pinned_values_are_found_at_any_depth() -> None:
    here, there = (spec("x", 1, Pinned(source=source, content="same")) for source in ("here", "there"))
    assert here.key_content() == there.key_content() == {"images": 1, "others": ["same"]}
    assert here != there


def test_source_and_content_are_serialised_without_key_context() -> None:
    pinned_spec = spec("here", {"digest": "abc"})
    whole = {"source": {"folder": "here"}, "content": {"digest": "abc"}}
    for context in (None, {}, {KEY_CONTEXT: False}):
        assert pinned_spec.model_dump(mode="json", context=context)["images"] == whole


def test_pinned_values_can_be_pickled() -> None:
    pinned_spec = spec("here", {"digest": "abc"}, Pinned(source="x", content=2))
    assert pickle.loads(pickle.dumps(pinned_spec)) == pinned_spec
