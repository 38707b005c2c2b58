from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.hub.files import model_files

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


def test_links_to_files_count_and_folders_do_not(folder: Path, tmp_path: Path) -> None:
    """As the hub's cache has them."""
    (tmp_path / "blob").write_text("weights")
    (folder / "linked.safetensors").symlink_to(tmp_path / "blob")
    (folder / "folder.json").mkdir()
    found = {path.name for path in model_files(folder)}
    assert "linked.safetensors" in found
    assert "folder.json" not in found
