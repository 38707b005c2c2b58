"""Encoders whose weights are on a hub, one on loopback: the commit is in the key, and exactly that one is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from tests.hub_server import Hub, go_offline, reached

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
    with reached(tmp_path / "cache", monkeypatch) as hub:
        shutil.copytree(clip_folder, tmp_path / "clip")
        hub.repositories = {"we/clip": tmp_path / "clip", "we/clip@v1": tmp_path / "clip"}
        yield hub


def clip(weights: str = "we/clip") -> EncoderSource:
    return EncoderSource(name="clip-vit-b-32", weights=weights)


def key(source: EncoderSource) -> object:
    return EmbedSpec(encoder=source.pin(), numerics=Numerics()).keyed()


def changed(folder: Path, to: Path) -> Path:
    """A copy with other weights."""
    shutil.copytree(folder, to)
    weights = load_file(to / "model.safetensors")
    save_file({name: -value for name, value in weights.items()}, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_a_push_changes_the_key_and_what_was_planned_before_is_loaded_as_it_was(
    hub: Hub, clip_folder: Path, tmp_path: Path, pixels: Pixels
) -> None:
    few = pixels.take(np.arange(2))
    before, before_key = clip().pin(), key(clip())
    hub.push("we/clip", changed(tmp_path / "clip", tmp_path / "other"))
    commits._answers.clear()
    assert key(clip()) != before_key
    assert key(clip(f"we/clip@{hub.sha('we/clip')}")) == key(clip())
    wanted = open_encoder(clip(str(clip_folder)).pin(), Numerics()).features(few)
    assert np.array_equal(open_encoder(before, Numerics()).features(few), wanted)
    assert not np.array_equal(open_encoder(clip().pin(), Numerics()).features(few), wanted)


def test_a_revision_decides(hub: Hub) -> None:
    pinned = clip("we/clip@v1").pin()
    assert pinned.source.weights == f"we/clip@{hub.sha('we/clip@v1')}"
    assert pinned.content == {"encoder": "clip-vit-b-32", "hub": "we/clip", "commit": hub.sha("we/clip@v1")}
    assert key(clip("we/clip@v1")) != key(clip())


@pytest.mark.usefixtures("hub")
def test_the_cached_snapshot_is_used_offline(monkeypatch: pytest.MonkeyPatch, pixels: Pixels) -> None:
    few = pixels.take(np.arange(2))
    online, wanted = clip().pin(), open_encoder(clip().pin(), Numerics()).features(few)
    go_offline(monkeypatch)
    assert clip().pin() == online
    assert np.array_equal(open_encoder(clip().pin(), Numerics()).features(few), wanted)


@pytest.mark.usefixtures("hub")
def test_weights_that_are_not_resolved_can_be_planned_and_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    pinned = clip().pin()
    assert isinstance(pinned.content, dict)
    assert pinned.content["commit"] == UNRESOLVED
    with pytest.raises(DataError, match=r"the commit of 'clip-vit-b-32' is not known.*hf download we/clip"):
        open_encoder(pinned, Numerics())


def save_timm(folder: Path, seed: int) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    save_file(timm.create_model(TIMM, pretrained=False).state_dict(), folder / "model.safetensors")
    return folder


def test_timms_own_weights_are_those_of_a_commit(
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
        wanted = open_encoder(file.pin(), Numerics()).features(few)
        assert np.array_equal(open_encoder(pinned, Numerics()).features(few), wanted)
    go_offline(monkeypatch)
    assert EncoderSource(name="test_resnet").pin() == after


@pytest.mark.usefixtures("hub")
def test_where_no_commit_of_timms_weights_is_known_they_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    pinned = EncoderSource(name="test_resnet").pin()
    assert isinstance(pinned.content, dict)
    assert (pinned.content["id"], pinned.content["commit"]) == (TIMM, UNRESOLVED)
    with pytest.raises(DataError, match=f"the commit of 'test_resnet' is not known: .*hf download timm/{TIMM}"):
        open_encoder(pinned, Numerics())


def test_timm_takes_a_hub_id_as_weights(hub: Hub, tmp_path: Path, pixels: Pixels) -> None:
    hub.repositories["we/resnet"] = save_timm(tmp_path / "own", 3)
    pinned = EncoderSource(name="test_resnet", weights="we/resnet").pin()
    assert pinned.source.weights == f"we/resnet@{hub.sha('we/resnet')}"
    assert open_encoder(pinned, Numerics()).features(pixels.take(np.arange(2))).shape[0] == 2
