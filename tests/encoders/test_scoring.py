"""Where the models and heads of learned scores come from: files by content, the hub by commit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tests.hub_server import Hub, go_offline, use_local_hub

from prettyuseful.aesthetics.models import CLIP_IQA, LAION_V1, LAION_V2, PICKSCORE
from prettyuseful.encoders.scoring import ScoreSettings, open_head, pin_head, pin_question_model, score_encoder
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.errors import DataError


@pytest.fixture
def head(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(torch.nn.Linear(4, 1).state_dict(), tmp_path / "head.pth")
    return tmp_path / "head.pth"


@pytest.fixture
def hub(head: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        (tmp_path / "heads").mkdir()
        (tmp_path / "empty").mkdir()
        shutil.copy(head, tmp_path / "heads" / "sa_0_4_vit_l_14_linear.pth")
        hub.repositories = {"we/heads": tmp_path / "heads", "we/empty": tmp_path / "empty"}
        yield hub


def test_the_model_of_a_score_is_an_encoder_with_its_weights() -> None:
    assert score_encoder(PICKSCORE, ScoreSettings()) == EncoderSource(name="clip-vit-h-14", weights=PICKSCORE.weights)
    own = score_encoder(CLIP_IQA, ScoreSettings(model="we/clip@v1"))
    assert own == EncoderSource(name="clip-vit-l-14", weights="we/clip@v1")


def test_a_head_is_identified_by_content_not_by_path(head: Path, tmp_path: Path) -> None:
    shutil.copy(head, tmp_path / "copy.pth")
    here, there = (pin_head("v1", LAION_V1, ScoreSettings(head=str(file))) for file in (head, tmp_path / "copy.pth"))
    assert here is not None
    assert there is not None
    assert here.content == there.content
    assert LAION_V1.head is not None
    assert len(open_head("v1", LAION_V1.head, here).weight) == 4
    torch.save(torch.nn.Linear(4, 1).state_dict(), head)
    with pytest.raises(DataError, match=r"head\.pth has changed since the study was planned"):
        open_head("v1", LAION_V1.head, here)


def test_a_head_of_the_hub_is_pinned_to_a_commit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LAION_V1.head is not None
    pinned = pin_head("v1", LAION_V1, ScoreSettings(head="we/heads"))
    assert pinned is not None
    sha = hub.sha("we/heads")
    assert pinned.content == {"hub": "we/heads", "commit": sha, "file": "sa_0_4_vit_l_14_linear.pth"}
    assert len(open_head("v1", LAION_V1.head, pinned).weight) == 4
    go_offline(monkeypatch)
    assert len(open_head("v1", LAION_V1.head, pinned).weight) == 4


@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_have_gives_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LAION_V1.head is not None
    assert LAION_V2.head is not None
    pinned = pin_head("v1", LAION_V1, ScoreSettings(head="we/empty"))
    assert pinned is not None
    with pytest.raises(DataError, match=r"we/empty@\w+ has no file sa_0_4_vit_l_14_linear.pth; give a local file"):
        open_head("v1", LAION_V1.head, pinned)
    go_offline(monkeypatch)
    default = pin_head("v2", LAION_V2, ScoreSettings())
    assert default is not None
    with pytest.raises(DataError, match=r"run `hf download trl-lib/\S+ aesthetic-model.pth --revision \w{40}`"):
        open_head("v2", LAION_V2.head, default)


def test_a_head_that_is_missing_or_not_needed_is_reported() -> None:
    with pytest.raises(DataError, match=r"v1 has no default head; download sa_0_4\S+ from LAION-AI/\S+ on GitHub"):
        pin_head("v1", LAION_V1, ScoreSettings())
    with pytest.raises(DataError, match=r"cannot read the head nowhere\.pth: No such file"):
        pin_head("v1", LAION_V1, ScoreSettings(head="nowhere.pth"))
    with pytest.raises(DataError, match="pickscore has no head; remove head"):
        pin_head("pickscore", PICKSCORE, ScoreSettings(head="x/y"))
    assert pin_head("pickscore", PICKSCORE, ScoreSettings()) is None


def test_a_question_model_is_a_folder_or_a_hub_id(clip_folder: Path) -> None:
    pinned = pin_question_model("vqascore", ScoreSettings(model=str(clip_folder)))
    assert isinstance(pinned.content, dict)
    assert list(pinned.content) == ["files"]
    for given, words in (
        (ScoreSettings(), "vqascore has no default model; give an image-text-to-text model"),
        (ScoreSettings(model="nowhere"), "the model 'nowhere' is neither a hub id such as owner/name nor a folder"),
        (ScoreSettings(model="we/vlm", head="x"), "vqascore has no head; remove head"),
        (ScoreSettings(model="we/vlm", weights="x"), "vqascore has no weights; remove weights"),
    ):
        with pytest.raises(DataError, match=words):
            pin_question_model("vqascore", given)


def test_only_questions_go_to_an_endpoint() -> None:
    given = ScoreSettings(model="seer", endpoint="http://localhost/v1/chat/completions")
    assert given.endpoint == "http://localhost/v1"
    with pytest.raises(DataError, match="pickscore has no endpoint; remove endpoint"):
        pin_head("pickscore", PICKSCORE, given)
    with pytest.raises(ValidationError, match="endpoint needs the name of a model"):
        ScoreSettings(endpoint="http://localhost/v1")
    with pytest.raises(ValidationError, match="api_key_env needs an endpoint"):
        ScoreSettings(model="seer", api_key_env="KEY")
    with pytest.raises(ValidationError) as error:
        ScoreSettings.model_validate({"model": "seer", "endpoint": "http://me:sesame@host/v1"})
    assert "sesame" not in str(error.value)
