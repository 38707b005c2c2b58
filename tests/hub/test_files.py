from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prettyuseful.hub.files import folder_fingerprint, model_files, pin_model_source

COUNT = (
    "config.json",
    "vocab.txt",
    "model.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "spiece.model",
    "chat_template.jinja",
)
DO_NOT = ("README.md", "picture.png", ".git/config.json", ".cache/huggingface/x.json", "unet/.hidden.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder whose own path holds a hidden folder."""
    root = tmp_path / ".cache" / "model"
    for name in (*COUNT, *DO_NOT):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_weights_and_configurations_of_all_parts_count_and_nothing_else(folder: Path) -> None:
    assert {path.relative_to(folder).as_posix() for path in model_files(folder)} == set(COUNT)


def test_a_folder_counts_by_what_makes_the_model_and_not_by_its_place(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    here, there = pin_model_source(str(folder)), pin_model_source(str(tmp_path / "copy"))
    assert here.source == str(folder)
    assert here.content == there.content == {"files": folder_fingerprint(folder)}
    (folder / "README.md").write_text("other notes")
    assert pin_model_source(str(folder)).content == here.content
    (folder / "vocab.txt").write_text("other words")
    assert pin_model_source(str(folder)).content != here.content


def test_links_to_files_count_and_folders_do_not(folder: Path, tmp_path: Path) -> None:
    """As the hub's cache has them."""
    (tmp_path / "blob").write_text("weights")
    (folder / "linked.safetensors").symlink_to(tmp_path / "blob")
    (folder / "folder.json").mkdir()
    found = {path.name for path in model_files(folder)}
    assert "linked.safetensors" in found
    assert "folder.json" not in found
