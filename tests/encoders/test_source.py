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


def test_bare_name_is_an_encoder() -> None:
    assert EncoderSource.model_validate("clip-vit-b-32") == EncoderSource(name="clip-vit-b-32")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("inception", "inception has no default weights"),
        ({"name": "real-trained", "weights": "x"}, "has no weights"),
        ({"name": "clip-vit-b-32", "folder": "x"}, "Extra inputs"),
    ],
)
def test_inconsistent_fields_are_rejected(fields: object, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        EncoderSource.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "clip-vit-b32"}, "unknown encoder 'clip-vit-b32'; did you mean 'clip-vit-b-32'"),
        ({"name": "small"}, "unknown encoder 'small'"),
        ({"name": "resnet18.nobody"}, "timm has no weights 'resnet18.nobody'"),
        ({"name": "dinov2-b-14", "weights": "./nowhere"}, "neither a hub id such as owner/name nor a folder"),
    ],
)
def test_unknown_name_is_reported_at_planning(fields: dict[str, str], expected: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        EncoderSource(**fields).pin()
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_reported_at_planning() -> None:
    with pytest.raises(DataError, match="cannot read the weights nowhere"):
        EncoderSource(name="inception", weights="nowhere").pin()


def test_weights_are_identified_by_content_not_by_path(clip_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(clip_folder, tmp_path / "copy")
    here, there = (EncoderSource(name="clip-vit-b-32", weights=str(f)) for f in (clip_folder, tmp_path / "copy"))
    assert here.pin().content == there.pin().content
    (tmp_path / "copy" / "preprocessor_config.json").write_text("{}")
    assert here.pin().content != there.pin().content


def test_open_encoder_creates_the_named_encoder(clip_folder: Path, dinov2_folder: Path, pixels: Pixels) -> None:
    clip = EncoderSource(name="clip-vit-l-14", weights=str(clip_folder))
    dinov2 = EncoderSource(name="dinov2-l-14", weights=str(dinov2_folder))
    assert clip.encodes_text
    assert not dinov2.encodes_text
    few = pixels.take(np.arange(2))
    assert open_encoder(clip.pin(), Numerics()).features(few).shape == (2, 12)
    assert open_encoder(dinov2.pin(), Numerics()).features(few).shape == (2, 32)
