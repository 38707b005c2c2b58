"""From a name to a commit. The hub is one on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from tests.hub_server import Hub, commit, go_offline, reached

from prettyuseful.errors import DataError
from prettyuseful.hub import commits
from prettyuseful.hub.commits import UNRESOLVED, Commit, check_resolved, resolve


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with reached(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": tmp_path / "model", "we/model@v1": tmp_path / "model"}
        yield hub


def forget() -> None:
    """As another process, which has asked nothing yet."""
    commits._answers.clear()


def test_a_name_stands_for_the_commit_of_its_branch_or_revision(hub: Hub) -> None:
    main, old = resolve("we/model"), resolve("we/model@v1")
    assert main == Commit("we/model", commit("we/model"))
    assert old == Commit("we/model", hub.sha("we/model@v1"))
    assert main.id == f"we/model@{main.sha}"
    assert main.content == {"hub": "we/model", "commit": main.sha}


def test_a_commit_is_its_own_answer_and_a_push_changes_the_branch_alone(hub: Hub, tmp_path: Path) -> None:
    before = resolve("we/model")
    (tmp_path / "other").mkdir()
    hub.push("we/model", tmp_path / "other")
    assert resolve("we/model") == before, "a process has one answer"
    forget()
    after = resolve("we/model")
    assert after.sha not in (before.sha, UNRESOLVED)
    assert resolve(before.id) == before
    assert resolve("we/model@v1").sha == hub.sha("we/model@v1")


@pytest.mark.usefixtures("hub")
def test_offline_the_last_answer_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    online = resolve("we/model"), resolve("we/model@v1")
    go_offline(monkeypatch)
    assert (resolve("we/model"), resolve("we/model@v1")) == online
    assert resolve("we/unknown") == Commit("we/unknown", UNRESOLVED)
    assert resolve("we/unknown").id == "we/unknown"


@pytest.mark.usefixtures("hub")
def test_offline_the_snapshot_that_the_library_has_cached_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download("we/model", cache_dir=None)
    go_offline(monkeypatch)
    assert resolve("we/model").sha == commit("we/model")


def test_a_push_does_not_take_the_cached_snapshot_away(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned online after it, and not loaded: without a network, what was loaded before still serves."""
    from huggingface_hub import snapshot_download

    snapshot_download("we/model", cache_dir=None)
    cached = resolve("we/model")
    (tmp_path / "other").mkdir()
    hub.push("we/model", tmp_path / "other")
    forget()
    assert resolve("we/model") != cached
    go_offline(monkeypatch)
    assert resolve("we/model") == cached
    assert Path(snapshot_download("we/model", cache_dir=None)).name == cached.sha


@pytest.mark.usefixtures("hub")
def test_a_hub_that_was_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    address = huggingface_hub.constants.ENDPOINT
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert resolve("we/model").sha == UNRESOLVED
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert resolve("we/model").sha == commit("we/model")


@pytest.mark.usefixtures("hub")
def test_what_can_be_no_id_is_one_clear_line() -> None:
    with pytest.raises(DataError, match="'own/na--me' is no id of the model hub, and no folder is there"):
        resolve("own/na--me")


@pytest.mark.usefixtures("hub")
def test_a_hub_that_does_not_answer_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = resolve("we/model")
    forget()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert resolve("we/model") == found
    assert resolve("we/other").sha == UNRESOLVED


@pytest.mark.parametrize(
    ("name", "said"),
    [("we/nothing", "the hub has no repository we/nothing"), ("we/model@v9", "we/model has no revision 'v9'")],
)
@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_have_is_one_line(name: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        resolve(name)
    assert "\n" not in str(error.value)


def test_what_is_not_resolved_is_refused_when_it_is_opened() -> None:
    check_resolved({"files": "abc"}, "x")
    check_resolved(Commit("we/model", "f" * 40).content, "x")
    with pytest.raises(DataError, match="run `hf download we/model` where there is a network"):
        check_resolved(Commit("we/model", UNRESOLVED).content, "x")


def test_a_revision_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    commits._note(tmp_path / "cache", "we/model", "../../../evil", "f" * 40)
    assert [*tmp_path.iterdir()] == []
