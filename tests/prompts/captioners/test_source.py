from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.hub_server import Hub, go_offline, use_local_hub

from prettyuseful.errors import DataError, UnknownNameError, UserError
from prettyuseful.hub import commits
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import PAPER_INSTRUCTION
from prettyuseful.prompts.captioners.describer import Describer
from prettyuseful.prompts.captioners.source import CaptionerSource, open_captioner

CANARY = "sk-canary-4f9a7c"
URL = "http://localhost:8000/v1"


def source(**fields: object) -> CaptionerSource:
    return CaptionerSource.model_validate(fields)


def served(**fields: object) -> CaptionerSource:
    return source(**{"endpoint": URL, "model": "seer", **fields})


def refusal(fields: object) -> str:
    with pytest.raises(ValidationError) as error:
        CaptionerSource.model_validate(fields)
    assert CANARY not in str(error.value)
    (problem,) = error.value.errors()
    assert "\n" not in problem["msg"]
    return problem["msg"]


def test_bare_string_is_a_model() -> None:
    assert CaptionerSource.model_validate("describer") == CaptionerSource()
    assert CaptionerSource.model_validate("owner/name") == source(model="owner/name")
    assert CaptionerSource().instruction == PAPER_INSTRUCTION


def test_content_holds_everything_that_changes_captions() -> None:
    base = served().pin().content
    assert base == {
        "kind": "endpoint",
        "model": "seer",
        "instruction": PAPER_INSTRUCTION,
        "max_tokens": 256,
        "image_size": 256,
    }
    others: list[dict[str, object]] = [
        {"model": "sage"},
        {"instruction": "What?"},
        {"max_tokens": 9},
        {"image_size": 99},
    ]
    for other in others:
        assert served(**other).pin().content != base
    assert source(model="seer/seer").pin().content != served(model="seer/seer").pin().content


def test_url_key_and_concurrency_are_not_in_the_content() -> None:
    elsewhere = served(endpoint="https://example.org/v1", api_key_env="CAPTION_KEY", concurrency=1)
    assert elsewhere.pin().content == served().pin().content


def test_content_of_the_describer_is_its_name() -> None:
    assert source(max_tokens=9, concurrency=1).pin().content == {"model": "describer"}


def test_folder_is_identified_by_its_files(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    for name in ("config.json", "chat_template.jinja", "model.safetensors", "notes.md"):
        (here / name).write_text(name)
    shutil.copytree(here, there)
    identity = source(model=str(here)).pin().content
    assert source(model=str(there)).pin().content == identity
    (there / "notes.md").write_text("more")
    assert source(model=str(there)).pin().content == identity
    for name in ("config.json", "chat_template.jinja", "model.safetensors"):
        (there / name).write_text("other")
        assert source(model=str(there)).pin().content != identity
        identity = source(model=str(there)).pin().content


def test_endpoint_path_is_normalised() -> None:
    assert served(endpoint=f"{URL}/chat/completions").endpoint == URL
    assert served(endpoint=f"{URL}/").endpoint == URL


@pytest.mark.parametrize(
    "url",
    [f"http://me:{CANARY}@host/v1", f"https://host/v1?key={CANARY}", f"http://{CANARY}@host", f"http://h#{CANARY}"],
)
def test_secrets_in_a_url_are_rejected_and_not_repeated(url: str) -> None:
    assert "study files are often shared" in refusal({"model": "seer", "endpoint": url})


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://h:x/v1", "http://a b"]
)
def test_invalid_url_is_rejected(url: str) -> None:
    assert "http:// or https://" in refusal({"model": "seer", "endpoint": url})


@pytest.mark.parametrize("key", [CANARY, "hf_aBcDeF", "", "a key"])
def test_key_instead_of_variable_name_is_rejected_and_not_repeated(key: str) -> None:
    message = refusal({"model": "seer", "endpoint": URL, "api_key_env": key})
    assert "not the key itself" in message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"api_key_env": "CAPTION_KEY"}, "api_key_env needs an endpoint"),
        ({"endpoint": URL}, "endpoint needs the name of a model"),
        ({"max_tokens": 0}, "greater than or equal to 1"),
        ({"image_size": 1}, "greater than or equal to 16"),
        ({"concurrency": 0}, "greater than or equal to 1"),
        ({"instruction": ""}, "at least 1 character"),
        ({"key": CANARY}, "not permitted"),
        (7, "valid dictionary"),
    ],
)
def test_invalid_value_is_a_one_line_error(fields: object, words: str) -> None:
    assert words in refusal(fields)


def test_unknown_model_is_a_one_line_error() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown captioner 'descriper'; did you mean 'describer'\?"):
        source(model="descriper").pin()


@pytest.mark.parametrize(
    ("value", "words"), [(None, "is not set"), ("  ", "is not set"), (f"{CANARY} x", "no key has")]
)
def test_missing_or_invalid_key_is_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, value: str | None, words: str
) -> None:
    if value is not None:
        monkeypatch.setenv("CAPTION_KEY", value)
    with pytest.raises(UserError, match=f"environment variable CAPTION_KEY .*{words}") as error:
        open_captioner(served(api_key_env="CAPTION_KEY").pin(), Numerics())
    assert CANARY not in str(error.value)


def test_last_captioner_is_cached() -> None:
    assert isinstance(open_captioner(source().pin(), Numerics()), Describer)
    assert open_captioner(source().pin(), Numerics()) is open_captioner(source().pin(), Numerics())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (tmp_path / "vlm").mkdir()
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/vlm": tmp_path / "vlm", "we/vlm@v1": tmp_path / "vlm"}
        yield hub


def test_hub_model_is_identified_by_its_commit(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = source(model="we/vlm").pin()
    assert before.source.model == f"we/vlm@{hub.sha('we/vlm')}"
    assert source(model="we/vlm@v1").pin().source.model == f"we/vlm@{hub.sha('we/vlm@v1')}"
    (tmp_path / "newer").mkdir()
    hub.push("we/vlm", tmp_path / "newer")
    commits._answers.clear()
    after = source(model="we/vlm").pin()
    assert after.content != before.content
    go_offline(monkeypatch)
    assert source(model="we/vlm").pin() == after


@pytest.mark.usefixtures("hub")
def test_unresolved_model_can_be_planned_but_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    pinned = source(model="we/vlm").pin()
    with pytest.raises(DataError, match=r"the commit of 'we/vlm' is unknown.*hf download we/vlm"):
        open_captioner(pinned, Numerics())
