from __future__ import annotations

from pathlib import Path

import pytest
from tests.tiny_vision_language import save_llava

from prettyuseful.encoders.endpoint_questions import EndpointQuestions
from prettyuseful.encoders.question_models import open_question_model
from prettyuseful.encoders.scoring import ScoreSettings, pin_question_model
from prettyuseful.encoders.visual_questions import VisualQuestionModel
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, UserError
from prettyuseful.hub.commits import UNRESOLVED
from prettyuseful.numerics import Numerics


def test_an_unresolved_model_is_not_opened() -> None:
    pinned = Pinned(source=ScoreSettings(model="we/vlm"), content={"hub": "we/vlm", "commit": UNRESOLVED})
    with pytest.raises(DataError, match="the commit of 'we/vlm' is unknown"):
        open_question_model(pinned, Numerics())


def test_a_model_in_a_folder_runs_here_and_one_at_an_endpoint_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_llava(tmp_path / "vlm", ("Yes", "No"))
    here = open_question_model(pin_question_model("vqascore", ScoreSettings(model=str(folder))), Numerics())
    assert isinstance(here, VisualQuestionModel)
    given = ScoreSettings(model="seer", endpoint="http://localhost:1/v1/", api_key_env="SEER_KEY", concurrency=3)
    pinned = pin_question_model("vqascore", given)
    assert pinned.content == {"kind": "endpoint", "model": "seer"}
    with pytest.raises(UserError, match=r"SEER_KEY \(api_key_env\) is not set"):
        open_question_model(pinned, Numerics())
    monkeypatch.setenv("SEER_KEY", "abc")
    there = open_question_model(pinned, Numerics())
    assert isinstance(there, EndpointQuestions)
    assert (there.chat.url, there.chat.concurrency) == ("http://localhost:1/v1", 3)
