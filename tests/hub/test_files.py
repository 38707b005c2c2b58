from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.hub_server import go_offline, use_local_hub

from prettyuseful.errors import DataError
from prettyuseful.hub.files import download_file, folder_fingerprint, model_files, pin_model_source

INCLUDED = (
    "config.json",
    "vocab.txt",
    "model.safetensors",
    "checkpoint.pt",
    "unet/diffusion_pytorch_model.bin",
    "spiece.model",
    "chat_template.jinja",
)
EXCLUDED = ("README.md", "picture.png", ".git/config.json", ".cache/huggingface/x.json", "unet/.hidden.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder below a hidden folder."""
    root = tmp_path / ".cache" / "model"
    for name in (*INCLUDED, *EXCLUDED):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_only_weights_and_configurations_are_included(folder: Path) -> None:
    assert {path.relative_to(folder).as_posix() for path in model_files(folder)} == set(INCLUDED)


def test_folder_is_identified_by_content_not_by_path(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    here, there = pin_model_source(str(folder)), pin_model_source(str(tmp_path / "copy"))
    assert here.source == str(folder)
    assert here.content == there.content == {"files": folder_fingerprint(folder)}
    (folder / "README.md").write_text("other notes")
    assert pin_model_source(str(folder)).content == here.content
    (folder / "vocab.txt").write_text("other words")
    assert pin_model_source(str(folder)).content != here.content


def test_links_to_files_are_included_and_folders_are_not(folder: Path, tmp_path: Path) -> None:
    """The cache of the hub consists of such links."""
    (tmp_path / "blob").write_text("weights")
    (folder / "linked.safetensors").symlink_to(tmp_path / "blob")
    (folder / "folder.json").mkdir()
    names = {path.name for path in model_files(folder)}
    assert "linked.safetensors" in names
    assert "folder.json" not in names


def test_a_file_of_the_hub_is_downloaded_at_its_commit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": folder}
        here = f"we/model@{hub.sha('we/model')}"
        assert download_file(here, "checkpoint.pt").read_text() == "checkpoint.pt"
        with pytest.raises(DataError, match=r"we/model@\w+ has no file other\.pt; give a local file, or another"):
            download_file(here, "other.pt")
        with pytest.raises(DataError, match=r"cannot download x\.pt of we/nothing: .*; check the id, or give a local"):
            download_file("we/nothing", "x.pt")
        go_offline(monkeypatch)
        assert download_file(here, "checkpoint.pt").read_text() == "checkpoint.pt"
        with pytest.raises(DataError, match=r"run `hf download we/model vocab\.txt --revision \w{40}` with network"):
            download_file(here, "vocab.txt")
