"""Encoders with weights on a hub on the loopback interface: the key holds the commit, which is the one loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from tests.hub_server import Hub, go_offline, use_local_hub

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.errors import DataError
from prettyuseful.hub import commits
from prettyuseful.hub.commits import UNRESOLVED
from prettyuseful.numerics import Numerics
from prettyuseful.steps.embed import EmbedSpec

TIMM = "test_resnet.r160_in1k"


@pytest.fixture
def hub(clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        shutil.copytree(clip_folder, tmp_path / "clip")
        hub.repositories = {"we/clip": tmp_path / "clip", "we/clip@v1": tmp_path / "clip"}
        yield hub


def clip(weights: str = "we/clip") -> EncoderSource:
    return EncoderSource(name="clip-vit-b-32", weights=weights)


def key(source: EncoderSource) -> object:
    return EmbedSpec(encoder=source.pin(), numerics=Numerics()).key_content()


def copy_with_other_weights(folder: Path, to: Path) -> Path:
    """Return a copy with other weights."""
    shutil.copytree(folder, to)
    weights = load_file(to / "model.safetensors")
    save_file({name: -value for name, value in weights.items()}, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_push_changes_the_key_and_the_pinned_commit_is_still_loaded(
    hub: Hub, clip_folder: Path, tmp_path: Path, pixels: Pixels
) -> None:
    few = pixels.take(np.arange(2))
    before, before_key = clip().pin(), key(clip())
    hub.push("we/clip", copy_with_other_weights(tmp_path / "clip", tmp_path / "other"))
    commits._answers.clear()
    assert key(clip()) != before_key
    assert key(clip(f"we/clip@{hub.sha('we/clip')}")) == key(clip())
    expected = open_encoder(clip(str(clip_folder)).pin(), Numerics()).features(few)
    assert np.array_equal(open_encoder(before, Numerics()).features(few), expected)
    assert not np.array_equal(open_encoder(clip().pin(), Numerics()).features(few), expected)


def test_revision_is_respected(hub: Hub) -> None:
    pinned = clip("we/clip@v1").pin()
    assert pinned.source.weights == f"we/clip@{hub.sha('we/clip@v1')}"
    assert pinned.content == {"encoder": "clip-vit-b-32", "hub": "we/clip", "commit": hub.sha("we/clip@v1")}
    assert key(clip("we/clip@v1")) != key(clip())


@pytest.mark.usefixtures("hub")
def test_cached_snapshot_is_used_offline(monkeypatch: pytest.MonkeyPatch, pixels: Pixels) -> None:
    few = pixels.take(np.arange(2))
    online, expected = clip().pin(), open_encoder(clip().pin(), Numerics()).features(few)
    go_offline(monkeypatch)
    assert clip().pin() == online
    assert np.array_equal(open_encoder(clip().pin(), Numerics()).features(few), expected)


@pytest.mark.usefixtures("hub")
def test_unresolved_weights_can_be_planned_but_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    pinned = clip().pin()
    assert isinstance(pinned.content, dict)
    assert pinned.content["commit"] == UNRESOLVED
    with pytest.raises(DataError, match=r"the commit of 'clip-vit-b-32' is unknown.*hf download we/clip"):
        open_encoder(pinned, Numerics())


def save_timm(folder: Path, seed: int) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    save_file(timm.create_model(TIMM, pretrained=False).state_dict(), folder / "model.safetensors")
    return folder


def test_timm_weights_are_pinned_to_a_commit(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels: Pixels
) -> None:
    few, repository = pixels.take(np.arange(2)), f"timm/{TIMM}"
    hub.repositories[repository] = save_timm(tmp_path / "first", 1)
    before = EncoderSource(name="test_resnet").pin()
    assert before.source.weights == f"{repository}@{hub.sha(repository)}"
    assert EncoderSource(name=TIMM).pin().source.weights == before.source.weights
    hub.push(repository, save_timm(tmp_path / "second", 2))
    commits._answers.clear()
    after = EncoderSource(name="test_resnet").pin()
    assert after.content != before.content
    for pinned, folder in ((before, "first"), (after, "second")):
        file = EncoderSource(name="test_resnet", weights=str(tmp_path / folder / "model.safetensors"))
        expected = open_encoder(file.pin(), Numerics()).features(few)
        assert np.array_equal(open_encoder(pinned, Numerics()).features(few), expected)
    go_offline(monkeypatch)
    assert EncoderSource(name="test_resnet").pin() == after


@pytest.mark.usefixtures("hub")
def test_timm_weights_of_unknown_commit_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    pinned = EncoderSource(name="test_resnet").pin()
    assert isinstance(pinned.content, dict)
    assert (pinned.content["id"], pinned.content["commit"]) == (TIMM, UNRESOLVED)
    with pytest.raises(DataError, match=f"the commit of 'test_resnet' is unknown: .*hf download timm/{TIMM}"):
        open_encoder(pinned, Numerics())


def test_timm_accepts_a_hub_id_as_weights(hub: Hub, tmp_path: Path, pixels: Pixels) -> None:
    hub.repositories["we/resnet"] = save_timm(tmp_path / "own", 3)
    pinned = EncoderSource(name="test_resnet", weights="we/resnet").pin()
    assert pinned.source.weights == f"we/resnet@{hub.sha('we/resnet')}"
    assert open_encoder(pinned, Numerics()).features(pixels.take(np.arange(2))).shape[0] == 2
