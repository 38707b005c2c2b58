from __future__ import annotations

import pickle

from pydantic import BaseModel, ConfigDict

from prettyuseful.engine.pinned import KEYED, Pinned


class Place(BaseModel):
    model_config = ConfigDict(frozen=True)
    path: str


class Spec(BaseModel):
    place: Pinned[Place]


SPEC = Spec(place=Pinned(source=Place(path="here"), content={"sha256": "f"}))


def test_it_reaches_another_process() -> None:
    assert pickle.loads(pickle.dumps(SPEC)) == SPEC


def test_only_the_content_is_in_a_key() -> None:
    assert SPEC.model_dump(context={KEYED: True}) == {"place": {"sha256": "f"}}
    assert SPEC.model_dump() == {"place": {"source": {"path": "here"}, "content": {"sha256": "f"}}}
