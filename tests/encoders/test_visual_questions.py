"""Answers of a tiny vision-language model with random weights, against the library's own calls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny_vision_language import SPECIAL, save_llava
from transformers import AutoModelForImageTextToText, AutoProcessor

from prettyuseful.encoders.visual_questions import VisualQuestionModel
from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.numerics import Numerics

WORDS = ("Yes", "yes", "No", "is", "this", "a", "cat?", "dog?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("vlm") / "tiny", WORDS)


def picture(seed: int, size: int = 16) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def test_the_score_is_the_probability_of_yes_against_no(folder: Path) -> None:
    asked = VisualQuestionModel(str(folder), Numerics())
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, torch_dtype=torch.float32)
    yes, no = ([len(SPECIAL) + WORDS.index(word) for word in words] for words in (("Yes", "yes"), ("No",)))
    scores = []
    for seed in range(5):
        inputs = processor(images=picture(seed), text="user <image> is this a cat? assistant", return_tensors="pt")
        with torch.no_grad():
            chances = model(**inputs).logits[0, -1].softmax(-1)
        answer = asked.answer(picture(seed), "x", "is this a cat?", 16)
        assert answer.valid == pytest.approx(float(chances[yes].sum() + chances[no].sum()), abs=1e-5)
        assert answer.yes == pytest.approx(float(chances[yes].sum()) / answer.valid, abs=1e-5)
        scores.append(answer.yes)
    assert np.ptp(scores) > 0.01
    assert asked.answer(picture(0), "x", "is this a dog?", 16).yes != scores[0]
    assert asked.answer(picture(0), "x", "is this a cat?", 16).yes == scores[0]
    assert asked.answer(picture(0, 64), "x", "is this a cat?", 8) != asked.answer(
        picture(0, 64), "x", "is this a cat?", 64
    )


def test_tokens_that_begin_both_answers_do_not_count(tmp_path: Path) -> None:
    """As in tokenizers that mark the beginning of a word with a token of its own."""
    folder = save_llava(tmp_path / "marked", ("Yes", "No", "_"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": " _ "}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    asked = VisualQuestionModel(str(folder), Numerics())
    assert asked.processor.tokenizer.tokenize(" Yes") == ["_", "Yes"]
    assert (asked.yes, asked.no) == ([len(SPECIAL)], [len(SPECIAL) + 1])


def test_a_model_without_the_answers_or_a_chat_template_is_rejected(folder: Path, tmp_path: Path) -> None:
    mute = save_llava(tmp_path / "mute", ("Yes", "cat"))
    with pytest.raises(DataError, match="'mute' has no tokens for yes and no; give another"):
        VisualQuestionModel(str(mute), Numerics())
    shutil.copytree(folder, tmp_path / "plain")
    for file in (tmp_path / "plain").glob("*.jinja"):
        file.unlink()
    for file in (tmp_path / "plain").glob("*.json"):
        content = json.loads(file.read_text())
        content.pop("chat_template", None)
        file.write_text(json.dumps(content))
    with pytest.raises(DataError, match="'plain' has no chat template"):
        VisualQuestionModel(str(tmp_path / "plain"), Numerics())


def test_an_image_that_the_model_cannot_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = VisualQuestionModel(str(folder), Numerics())

    def fail(**_: object) -> None:
        raise ValueError("no such\nshape")

    monkeypatch.setattr(asked.model, "forward", fail)
    with pytest.raises(StepFailedError, match=r"'tiny' cannot answer about cat/1\.png: no such shape"):
        asked.answer(picture(0), "cat/1.png", "is this a cat?", 16)
