"""A tiny DINOv2 with random weights is loaded completely, or rejected with a one-line error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.hub_server import Hub, use_local_hub
from transformers import AutoImageProcessor, AutoModel, AutoModelForDepthEstimation

from prettyuseful.errors import DataError
from prettyuseful.hub.pretrained import ModelKind, load_pretrained, model_label

KIND = ModelKind(AutoModel, AutoImageProcessor, "encoder", "it is no encoder")
DEPTH = ModelKind(AutoModelForDepthEstimation, AutoImageProcessor, "depth model", "it estimates no depth")


@pytest.fixture
def changed(dinov2_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(dinov2_folder, tmp_path / "model"))


def assert_rejected(model: Path | str, words: str, kind: ModelKind = KIND) -> None:
    with pytest.raises(DataError, match=words) as error:
        load_pretrained(kind, str(model), torch.float32)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith((f"cannot load the {kind.label} ", f"the weights of the {kind.label} "))
    assert repr(model_label(str(model))) in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_model_is_loaded_completely_in_the_requested_number_format(
    dinov2_folder: Path, dtype: torch.dtype, capfd: pytest.CaptureFixture[str]
) -> None:
    processor, network = load_pretrained(KIND, str(dinov2_folder), dtype)
    state = network.state_dict()
    expected = AutoModel.from_pretrained(dinov2_folder).state_dict()
    assert {name: value.dtype for name, value in state.items()} == dict.fromkeys(expected, dtype)
    assert all(torch.equal(state[name], value.to(dtype)) for name, value in expected.items())
    assert processor.crop_size["height"] == 42
    assert capfd.readouterr() == ("", "")


def test_incomplete_weights_are_rejected(changed: Path) -> None:
    """The library would initialise missing weights at random."""
    state = load_file(changed / "model.safetensors")
    removed, _ = state.popitem()
    save_file(state, changed / "model.safetensors", metadata={"format": "pt"})
    assert_rejected(changed, f"are incomplete .*would be initialised at random: .*{removed}.*download the model again")


def test_weights_of_another_shape_are_rejected(changed: Path) -> None:
    state = load_file(changed / "model.safetensors")
    save_file(
        {name: value[:1].contiguous() if name == "layernorm.weight" else value for name, value in state.items()},
        changed / "model.safetensors",
        metadata={"format": "pt"},
    )
    assert_rejected(
        changed, "are incomplete or of another shape and would .*: layernorm.weight; download the model again$"
    )


def test_pickled_weights_are_rejected(changed: Path) -> None:
    torch.save(load_file(changed / "model.safetensors"), changed / "pytorch_model.bin")
    (changed / "model.safetensors").unlink()
    assert_rejected(changed, r"no file named model.safetensors.*download the model again")


def test_model_with_its_own_code_is_rejected(changed: Path) -> None:
    config = json.loads((changed / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}}
    (changed / "config.json").write_text(json.dumps(config))
    (changed / "own.py").write_text("raise SystemExit('ran')")
    assert_rejected(changed, "code of its own, which is never executed")


def test_model_of_another_kind_is_rejected_with_the_advice_of_the_kind(changed: Path) -> None:
    (changed / "config.json").write_text('{"model_type": "bert"}')
    assert_rejected(changed, r": it estimates no depth$", DEPTH)


@pytest.fixture
def hub(changed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": changed, "we/model@v1": changed}
        yield hub


def test_hub_id_is_loaded_at_its_revision(hub: Hub, dinov2_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    hub.repositories["we/model"] = tmp_path / "none"
    _, network = load_pretrained(KIND, "we/model@v1", torch.float32)
    assert network.state_dict().keys() == AutoModel.from_pretrained(dinov2_folder).state_dict().keys()
    assert_rejected("we/model", "check the id, or download the model and give its folder")


def test_gated_model_error_says_how_to_get_access(hub: Hub) -> None:
    hub.gated.add("we/model")
    assert_rejected("we/model", r"it is gated; accept its licence on the model's page, log in with `hf auth login`")


def test_missing_model_error_says_how_to_download_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert_rejected("we/nothing@v1", r"not on this machine.*`hf download we/nothing --revision v1` with network access")


def test_label_is_the_folder_name_or_the_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (model_label("."), model_label("we/model@v1")) == (tmp_path.name, "we/model@v1")
