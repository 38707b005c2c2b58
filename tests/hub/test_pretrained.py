"""A tiny DINOv2 with random weights: loaded wholly, or refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.hub_server import Hub, reached
from transformers import AutoImageProcessor, AutoModel, AutoModelForDepthEstimation

from prettyuseful.errors import DataError
from prettyuseful.hub.pretrained import Kind, load_pretrained, name_of

KIND = Kind(AutoModel, AutoImageProcessor, "encoder", "it is no encoder")
DEPTH = Kind(AutoModelForDepthEstimation, AutoImageProcessor, "depth model", "it estimates no depth")


@pytest.fixture
def changed(dinov2_folder: Path, tmp_path: Path) -> Path:
    """A copy, to be broken."""
    return Path(shutil.copytree(dinov2_folder, tmp_path / "model"))


def refused(model: Path | str, words: str, kind: Kind = KIND) -> None:
    with pytest.raises(DataError, match=words) as error:
        load_pretrained(kind, str(model), torch.float32)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith((f"cannot load the {kind.called} ", f"the weights of the {kind.called} "))
    assert repr(name_of(str(model))) in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_is_loaded_whole_in_the_number_format_asked_for(
    dinov2_folder: Path, dtype: torch.dtype, capfd: pytest.CaptureFixture[str]
) -> None:
    processor, network = load_pretrained(KIND, str(dinov2_folder), dtype)
    found = network.state_dict()
    wanted = AutoModel.from_pretrained(dinov2_folder).state_dict()
    assert {name: value.dtype for name, value in found.items()} == dict.fromkeys(wanted, dtype)
    assert all(torch.equal(found[name], value.to(dtype)) for name, value in wanted.items())
    assert processor.crop_size["height"] == 42
    assert capfd.readouterr() == ("", "")


def test_weights_that_are_there_in_part_are_refused(changed: Path) -> None:
    """The library would fill the gap with random numbers and go on."""
    state = load_file(changed / "model.safetensors")
    gone, _ = state.popitem()
    save_file(state, changed / "model.safetensors", metadata={"format": "pt"})
    refused(changed, f"are incomplete and would be filled with random numbers: .*{gone}.*get the model again")


def test_weights_of_another_shape_are_refused(changed: Path) -> None:
    state = load_file(changed / "model.safetensors")
    save_file(
        {name: value[:1].contiguous() if name == "layernorm.weight" else value for name, value in state.items()},
        changed / "model.safetensors",
        metadata={"format": "pt"},
    )
    refused(changed, r"^cannot load the encoder .*get the model again$")


def test_pickled_weights_are_refused(changed: Path) -> None:
    torch.save(load_file(changed / "model.safetensors"), changed / "pytorch_model.bin")
    (changed / "model.safetensors").unlink()
    refused(changed, r"no file named model.safetensors.*get the model again")


def test_a_model_with_code_of_its_own_is_refused(changed: Path) -> None:
    config = json.loads((changed / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}}
    (changed / "config.json").write_text(json.dumps(config))
    (changed / "own.py").write_text("raise SystemExit('ran')")
    refused(changed, "code of its own, which is never run")


def test_a_model_of_another_kind_is_told_in_the_words_of_the_kind(changed: Path) -> None:
    (changed / "config.json").write_text('{"model_type": "bert"}')
    refused(changed, r": it estimates no depth$", DEPTH)


@pytest.fixture
def hub(changed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with reached(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": changed, "we/model@v1": changed}
        yield hub


def test_a_hub_id_is_loaded_at_its_revision(hub: Hub, dinov2_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    hub.repositories["we/model"] = tmp_path / "none"
    _, network = load_pretrained(KIND, "we/model@v1", torch.float32)
    assert network.state_dict().keys() == AutoModel.from_pretrained(dinov2_folder).state_dict().keys()
    refused("we/model", "check the id, or download it and name its folder")


def test_a_gated_model_is_told_how_to_get(hub: Hub) -> None:
    hub.gated.add("we/model")
    refused("we/model", r"it is gated; accept its licence on the model's page, log in with `hf auth login`")


def test_a_model_that_is_nowhere_is_told_how_to_get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    refused("we/nothing@v1", r"not on this machine.*`hf download we/nothing` where there is a network")


def test_a_folder_is_called_by_its_name_and_an_id_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (name_of("."), name_of("we/model@v1")) == (tmp_path.name, "we/model@v1")
