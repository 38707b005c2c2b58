from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.tiny_language_model import save_llama

from prettyuseful.engine.keys import digest
from prettyuseful.errors import UnknownNameError, UserError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.writers.endpoint import EndpointWriter
from prettyuseful.prompts.writers.language_model import LanguageModelWriter
from prettyuseful.prompts.writers.source import WriterSource, open_writer


def writer(**fields: Any) -> WriterSource:
    return WriterSource.model_validate({"model": "poet", "endpoint": "http://localhost:1/v1", **fields})


def test_the_key_holds_what_changes_prompts_and_not_the_server() -> None:
    def key(**fields: Any) -> str:
        return digest(writer(**fields).pin().content)

    assert key() == key(endpoint="https://other/v1", concurrency=2, api_key_env="KEY")
    changes: list[dict[str, Any]] = [
        {"model": "x"},
        {"per_class": 5},
        {"temperature": 0.5},
        {"seed": 1},
        {"instruction": "a {class}"},
        {"max_tokens": 5},
    ]
    assert len({key(), *(key(**change) for change in changes)}) == len(changes) + 1


def test_a_local_model_is_pinned_by_its_content(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "a", ("cat",))
    source = WriterSource(model=str(folder))
    moved = folder.rename(tmp_path / "b")
    same = WriterSource(model=str(moved)).pin()
    assert str(tmp_path) not in str(same.content)
    opened = open_writer(same, Numerics())
    assert isinstance(opened, LanguageModelWriter)
    assert source.numerics(Numerics(threads=3)).threads == 3
    (moved / "more.json").write_text("{}")
    assert WriterSource(model=str(moved)).pin().content != same.content


def test_an_endpoint_reads_its_key_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = writer(api_key_env="POET_KEY").pin()
    with pytest.raises(UserError, match="POET_KEY"):
        open_writer(pinned, Numerics())
    monkeypatch.setenv("POET_KEY", "secret")
    assert isinstance(open_writer(pinned, Numerics()), EndpointWriter)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown writer 'nobody'; give a hub id"):
        WriterSource(model="nobody").pin()
    for fields in ({"instruction": "write"}, {"temperature": 0}, {"per_class": 1}, {"endpoint": "http://a:b@host"}):
        with pytest.raises(ValidationError):
            writer(**fields)
