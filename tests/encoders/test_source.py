from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics


def test_a_bare_name_is_enough() -> None:
    assert EncoderSource.model_validate("clip-vit-b-32") == EncoderSource(name="clip-vit-b-32")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("inception", "inception has no weights to fetch"),
        ({"name": "real-trained", "weights": "x"}, "takes no weights"),
        ({"name": "clip-vit-b-32", "folder": "x"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_told(said: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EncoderSource.model_validate(said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "clip-vit-b32"}, "unknown encoder 'clip-vit-b32'; did you mean 'clip-vit-b-32'"),
        ({"name": "small"}, "unknown encoder 'small'"),
        ({"name": "resnet18.nobody"}, "timm has no weights 'resnet18.nobody'"),
        ({"name": "dinov2-b-14", "weights": "./nowhere"}, "neither a hub id such as owner/name nor a folder"),
    ],
)
def test_an_unknown_name_is_told_at_planning(said: dict[str, str], words: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        EncoderSource(**said).pin()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_told_at_planning() -> None:
    with pytest.raises(DataError, match="cannot read the weights nowhere"):
        EncoderSource(name="inception", weights="nowhere").pin()


def test_weights_count_by_content_not_by_place(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder, tmp_path / "copy")
    here, there = (EncoderSource(name="clip-vit-b-32", weights=str(f)) for f in (clip_folder, tmp_path / "copy"))
    assert here.pin().content == there.pin().content
    (tmp_path / "copy" / "preprocessor_config.json").write_text("{}")
    assert here.pin().content != there.pin().content


def test_it_opens_the_encoder_of_its_name(clip_folder: Path, dinov2_folder: Path, pixels: Pixels) -> None:
    clip = EncoderSource(name="clip-vit-l-14", weights=str(clip_folder))
    dinov2 = EncoderSource(name="dinov2-l-14", weights=str(dinov2_folder))
    assert clip.reads_texts
    assert not dinov2.reads_texts
    few = pixels.take(np.arange(2))
    assert open_encoder(clip.pin(), Numerics()).features(few).shape == (2, 12)
    assert open_encoder(dinov2.pin(), Numerics()).features(few).shape == (2, 32)
