from __future__ import annotations

import pickle
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, JsonValue

from prettyuseful.engine.pinned import KEYED, Pinned
from prettyuseful.engine.step import Job, Step, StepSpec


class Place(BaseModel):
    folder: str


class ReadSpec(StepSpec):
    kind: ClassVar[str] = "load"
    images: Pinned[Place]
    others: tuple[Pinned[str], ...] = ()

    def make(self, job: Job) -> dict[str, Any]:
        del job
        return {}


def spec(folder: str, content: JsonValue, *others: Pinned[str]) -> ReadSpec:
    return ReadSpec(images=Pinned(source=Place(folder=folder), content=content), others=others)


def key(of: StepSpec) -> str:
    return Step(of, {}, "", 1.0).key


@pytest.mark.parametrize("content", ["sha", {"hub": "we/model", "commit": "abc"}, ["a", 1], None])
def test_content_alone_is_in_the_key(content: JsonValue) -> None:
    assert spec("here", content).keyed() == {"images": content, "others": []}
    assert key(spec("here", content)) == key(spec("there", content)) != key(spec("here", "something else"))


def test_pinned_things_are_found_at_any_depth() -> None:
    here, there = (spec("x", 1, Pinned(source=place, content="same")) for place in ("here", "there"))
    assert here.keyed() == there.keyed() == {"images": 1, "others": ["same"]}
    assert here != there


def test_all_of_it_is_written_where_no_key_is_asked_for() -> None:
    one = spec("here", {"digest": "abc"})
    whole = {"source": {"folder": "here"}, "content": {"digest": "abc"}}
    for context in (None, {}, {KEYED: False}):
        assert one.model_dump(mode="json", context=context)["images"] == whole


def test_it_travels_to_other_processes_whole() -> None:
    one = spec("here", {"digest": "abc"}, Pinned(source="x", content=2))
    assert pickle.loads(pickle.dumps(one)) == one
