"""Resolving names to commits, with a hub on the loopback interface."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import huggingface_hub
import pytest
from tests.hub_server import Hub, commit, go_offline, use_local_hub

from prettyuseful.errors import DataError
from prettyuseful.hub import commits
from prettyuseful.hub.commits import UNRESOLVED, Commit, cached_snapshot, check_resolved, is_reachable, resolve


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": tmp_path / "model", "we/model@v1": tmp_path / "model"}
        yield hub


def clear_answers() -> None:
    """Clear the cache of resolved commits, as in a new process."""
    commits._answers.clear()


def test_name_resolves_to_the_commit_of_its_branch_or_revision(hub: Hub) -> None:
    main, old = resolve("we/model"), resolve("we/model@v1")
    assert main == Commit("we/model", commit("we/model"))
    assert old == Commit("we/model", hub.sha("we/model@v1"))
    assert main.id == f"we/model@{main.sha}"
    assert main.content == {"hub": "we/model", "commit": main.sha}


def test_push_changes_the_commit_of_the_branch_only(hub: Hub, tmp_path: Path) -> None:
    before = resolve("we/model")
    (tmp_path / "other").mkdir()
    hub.push("we/model", tmp_path / "other")
    assert resolve("we/model") == before, "a process resolves a name once"
    clear_answers()
    after = resolve("we/model")
    assert after.sha not in (before.sha, UNRESOLVED)
    assert resolve(before.id) == before
    assert resolve("we/model@v1").sha == hub.sha("we/model@v1")


@pytest.mark.usefixtures("hub")
def test_offline_the_last_answer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    online = resolve("we/model"), resolve("we/model@v1")
    go_offline(monkeypatch)
    assert (resolve("we/model"), resolve("we/model@v1")) == online
    assert resolve("we/unknown") == Commit("we/unknown", UNRESOLVED)
    assert resolve("we/unknown").id == "we/unknown"


@pytest.mark.usefixtures("hub")
def test_offline_the_cached_snapshot_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download("we/model", cache_dir=None)
    go_offline(monkeypatch)
    assert resolve("we/model").sha == commit("we/model")


def test_push_keeps_the_cached_snapshot_usable_offline(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After planning online without loading, the cached snapshot still works without a network."""
    from huggingface_hub import snapshot_download

    snapshot_download("we/model", cache_dir=None)
    cached = resolve("we/model")
    (tmp_path / "other").mkdir()
    hub.push("we/model", tmp_path / "other")
    clear_answers()
    assert resolve("we/model") != cached
    go_offline(monkeypatch)
    assert resolve("we/model") == cached
    assert Path(snapshot_download("we/model", cache_dir=None)).name == cached.sha


@pytest.mark.usefixtures("hub")
def test_unreachable_hub_is_queried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    address = huggingface_hub.constants.ENDPOINT
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert resolve("we/model").sha == UNRESOLVED
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert resolve("we/model").sha == commit("we/model")


@pytest.mark.usefixtures("hub")
def test_invalid_id_is_a_one_line_error() -> None:
    with pytest.raises(DataError, match="'own/na--me' is neither a hub id nor a folder"):
        resolve("own/na--me")


@pytest.mark.usefixtures("hub")
def test_unreachable_hub_is_treated_as_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = resolve("we/model")
    clear_answers()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert resolve("we/model") == cached
    assert resolve("we/other").sha == UNRESOLVED


@pytest.mark.parametrize(
    ("name", "expected"),
    [("we/nothing", "the hub has no repository we/nothing"), ("we/model@v9", "we/model has no revision 'v9'")],
)
@pytest.mark.usefixtures("hub")
def test_missing_repository_or_revision_is_a_one_line_error(name: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as error:
        resolve(name)
    assert "\n" not in str(error.value)


def test_unresolved_commit_is_rejected_when_opened() -> None:
    check_resolved({"files": "abc"}, "x")
    check_resolved(Commit("we/model", "f" * 40).content, "x")
    with pytest.raises(DataError, match="run `hf download we/model` with network access"):
        check_resolved(Commit("we/model", UNRESOLVED).content, "x")


def test_revision_cannot_escape_the_cache(tmp_path: Path) -> None:
    for revision in ("../../../evil", f"{tmp_path}/evil"):
        commits._cache_answer(tmp_path / "cache", "we/model", revision, "f" * 40)
        assert [*tmp_path.iterdir()] == []
        (tmp_path / "evil").write_text("f" * 40)
        assert commits._cached_commit(tmp_path / "cache", "we/model", revision) is None
        (tmp_path / "evil").unlink()


def test_a_commit_is_cached_as_a_file_of_its_own(tmp_path: Path) -> None:
    refs = tmp_path / "models--we--model" / "refs"
    for revision in ("main", "v1/x"):
        commits._cache_answer(tmp_path, "we/model", revision, "f" * 40)
        assert commits._cached_commit(tmp_path, "we/model", revision) == "f" * 40
    assert sorted(path.name for path in refs.rglob("*")) == ["main", "v1", "x"]
    (refs / "main").unlink()
    os.mkfifo(refs / "main")
    commits._cache_answer(tmp_path, "we/model", "main", "e" * 40)
    assert (refs / "main").is_fifo()
    assert [path.name for path in (tmp_path / "models--we--model").iterdir()] == ["refs"]


def test_a_snapshot_in_the_cache_is_found_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    resolve("we/model")
    assert cached_snapshot("we/model") is None, "the commit is known, but its files are not there"
    (tmp_path / "cache" / "models--we--model" / "snapshots" / hub.sha("we/model")).mkdir(parents=True)
    assert cached_snapshot("we/model") == Commit("we/model", hub.sha("we/model"))


@pytest.mark.usefixtures("hub")
def test_a_hub_is_reachable_if_it_has_the_repository_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_reachable("we/model")
    assert not is_reachable("we/unknown")
    clear_answers()
    monkeypatch.setattr(commits, "_PATIENCE", 0.0)
    ended = Event()

    def never_answer(name: str) -> Commit:
        ended.wait(60)
        raise DataError(f"no answer for {name}")

    with monkeypatch.context() as patch:
        patch.setattr(commits, "resolve", never_answer)
        assert not is_reachable("we/model@v1")
        ended.set()
    go_offline(monkeypatch)
    assert not is_reachable("we/model")
