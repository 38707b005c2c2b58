from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from prettyuseful.engine.pinned import KEYED, Pinned, pinned_model


class Place(BaseModel):
    model_config = ConfigDict(frozen=True)
    path: str


@pytest.mark.parametrize("kind", [Pinned[str], Pinned[str | None], Pinned])
def test_it_reaches_another_process(kind: type[Pinned[str]]) -> None:
    pinned = kind(source="here", content={"sha256": "f"})
    found = pickle.loads(pickle.dumps(pinned))
    assert found == pinned
    assert type(found) is kind


def test_only_the_content_is_in_a_key() -> None:
    pinned = Pinned[Place](source=Place(path="here"), content="f")
    assert pinned.model_dump(context={KEYED: True}) == "f"
    assert pinned.model_dump() == {"source": {"path": "here"}, "content": "f"}


def test_a_folder_counts_by_what_makes_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("notes")
    shutil.copytree(folder, tmp_path / "two")
    one, two = (pinned_model(str(tmp_path / name)) for name in ("one", "two"))
    assert one.content == two.content
    assert one.source == str(folder)
    (folder / "README.md").write_text("other notes")
    assert pinned_model(str(folder)).content == one.content
    (folder / "config.json").write_text("[]")
    assert pinned_model(str(folder)).content != one.content
