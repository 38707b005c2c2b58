"""Weight files are found by path or on the hub, pinned by content, and only their headers are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from prettyuseful.engine.keys import file_sha256
from prettyuseful.errors import DataError
from prettyuseful.generators.choice import Lora
from prettyuseful.generators.weight_files import local_path, pin_file


def pin(location: Path | str, **fields: Any) -> Lora:
    return pin_file(Lora(path=str(location), **fields), "lora")[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(2, 3)}, path, metadata={"made": "here"})
    return path


def test_a_file_is_pinned_by_its_content(file: Path, tmp_path: Path) -> None:
    found, pinned = pin_file(Lora(path=str(file), weight=0.5), "lora")
    assert found == Lora(path=str(file), weight=0.5)
    assert pinned.content == {"sha256": file_sha256(file)}
    assert pinned.header == {"x": (2, 3)}
    assert local_path(found) == file
    assert pin(tmp_path) == pin(tmp_path, file="a.safetensors") == pin(file)


def test_a_folder_with_several_files_needs_a_name(file: Path, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(DataError, match=r"has several files; name one in file: a\.safetensors, b\.safetensors"):
        pin(tmp_path)
    assert pin(tmp_path, file="b.safetensors").path == str(tmp_path / "b.safetensors")
    with pytest.raises(DataError, match=r"has no file c\.safetensors; its files: a\.safetensors, b\.safetensors"):
        pin(tmp_path, file="c.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "pytorch_lora_weights.safetensors")  # the name that diffusers gives
    assert pin(tmp_path).shown == "pytorch_lora_weights.safetensors"
    assert pin(file).shown == "a.safetensors"


@pytest.mark.parametrize("name", ["a.bin", "a.pt", "a.ckpt"])
def test_pickles_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    for location in (tmp_path / name, tmp_path):
        with pytest.raises(DataError, match=re.escape(f"lora: {name} is a pickle, which can run code")):
            pin(location)


def test_other_mistakes_are_one_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for location, fields, message in (
        (tmp_path / "no.safetensors", {}, "no such file"),
        (tmp_path / "empty", {}, "holds no .safetensors file"),
        (file, {"file": "x"}, "is not a folder, so file has no effect"),
        ("nobody/nothing", {}, "nobody/nothing is not on this machine and the hub cannot be reached; run `hf download"),
    ):
        with pytest.raises(DataError, match=re.escape(message)) as error:
            pin(location, **fields)
        assert "\n" not in str(error.value)


def test_a_file_of_the_hub_is_pinned_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    sha = "0123456789" * 4
    snapshot = tmp_path / "models--we--style" / "snapshots" / sha
    snapshot.mkdir(parents=True)
    save_file({"x": torch.zeros(2)}, snapshot / "style.safetensors")
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text(sha)
    found, pinned = pin_file(Lora(id="we/style"), "lora")
    assert (found.id, found.file) == (f"we/style@{sha}", "style.safetensors")
    assert pinned.content == {"hub": "we/style", "commit": sha, "file": "style.safetensors"}
    assert json.dumps(pinned.content)
