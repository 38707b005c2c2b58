from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from itertools import islice, zip_longest
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.tiny_vision_language import save_llava
from transformers import AutoModelForImageTextToText, AutoProcessor

from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.base import CAPTIONS_AT_ONCE, Picture
from prettyuseful.prompts.captioners.source import CaptionerSource, open_captioner
from prettyuseful.prompts.captioners.vision_language import VisionLanguageCaptioner

WORDS = tuple(f"w{i}" for i in range(40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("llava") / "tiny-llava", WORDS)


def make(folder: Path | str, instruction: str = "w1 w2", tokens: int = 6, size: int = 16) -> VisionLanguageCaptioner:
    return VisionLanguageCaptioner(str(folder), instruction, tokens, size, Numerics())


@pytest.fixture(scope="module")
def captioner(folder: Path) -> VisionLanguageCaptioner:
    return make(folder)


def picture(seed: int, size: int = 16) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    return Picture(Image.fromarray(pixels), "w7", f"cat/{seed}.png")


def answered_pictures(captioner: VisionLanguageCaptioner, count: int = 6) -> list[Picture]:
    """Return pictures for which the random model gives a non-empty answer."""

    def has_words(shown: Picture) -> bool:
        with suppress(StepFailedError):
            return bool(captioner.captions([shown]))
        return False

    return list(islice(filter(has_words, map(picture, range(50))), count))


def test_captions_match_greedy_decoding_of_the_library(captioner: VisionLanguageCaptioner, folder: Path) -> None:
    """The same model, called as its documentation describes, gives the same captions."""
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, torch_dtype=torch.float32)
    pictures = answered_pictures(captioner)
    expected = []
    for shown in pictures:
        text = "user <image> w1 w2 assistant"
        inputs = processor(images=shown.image, text=text, return_tensors="pt")
        tokens = inputs["input_ids"]
        for _ in range(6):
            with torch.no_grad():
                logits = model(input_ids=tokens, pixel_values=inputs["pixel_values"]).logits
            tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], dim=1)
            if tokens[0, -1] == 2:
                break
        expected.append(processor.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    assert captioner.captions(pictures) == expected
    assert len(set(expected)) > 1


def test_caption_depends_only_on_its_picture(captioner: VisionLanguageCaptioner) -> None:
    pictures = answered_pictures(captioner)
    together = captioner.captions(pictures)
    assert together == [captioner.captions([shown])[0] for shown in pictures]
    assert captioner.captions(pictures[::-1]) == together[::-1]


def test_pictures_of_equal_shapes_are_captioned_in_full_batches(
    folder: Path, captioner: VisionLanguageCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions of two lengths are never in one batch, and the captions are those of single pictures."""
    asking = make(folder, instruction="w1 {class}")
    shown = [replace(one, class_name="w2") for one in answered_pictures(captioner, CAPTIONS_AT_ONCE + 1)]
    other = [replace(one, class_name="w2 w2 w2") for one in shown]
    answered = [one for one in other if _answer(asking, one)]
    mixed = [one for pair in zip_longest(shown, answered) for one in pair if one is not None]
    expected = [_answer(asking, one) for one in mixed]
    shapes, generate = [], asking.model.generate

    def watched(**inputs: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(inputs["input_ids"].shape))
        return torch.as_tensor(generate(**inputs))

    monkeypatch.setattr(asking.model, "generate", watched)
    assert asking.captions(mixed) == expected
    assert {count for count, _ in shapes} == {CAPTIONS_AT_ONCE}
    assert len({length for _, length in shapes}) == 2
    assert len(shapes) == ceil(len(shown) / CAPTIONS_AT_ONCE) + ceil(len(answered) / CAPTIONS_AT_ONCE)


def _answer(captioner: VisionLanguageCaptioner, shown: Picture) -> str:
    with suppress(StepFailedError):
        return captioner.captions([shown])[0]
    return ""


def test_instruction_class_length_and_size_reach_the_model(captioner: VisionLanguageCaptioner, folder: Path) -> None:
    shown = next(p for p in answered_pictures(captioner, 50) if len(captioner.captions([p])[0].split()) > 2)
    caption = captioner.captions([shown])

    def differs(other: VisionLanguageCaptioner, shown: Picture = shown) -> bool:
        try:
            return other.captions([shown]) != caption
        except StepFailedError:
            return True

    assert differs(make(folder, instruction="w9 w30 w4 w4"))
    assert not differs(make(folder, instruction="w1 {class}"), replace(shown, class_name="w2"))
    assert differs(make(folder, instruction="w1 {class}"), replace(shown, class_name="w9 w30 w4 w4"))
    assert captioner.captions([shown])[0].startswith(make(folder, tokens=2).captions([shown])[0])
    assert differs(make(folder, tokens=2))
    assert differs(make(folder, size=2))


def test_applied_returns_the_settings(captioner: VisionLanguageCaptioner) -> None:
    assert captioner.applied() == {
        "model": "tiny-llava",
        "architecture": "LlavaForConditionalGeneration",
        "dtype": "float32",
        "decoding": "greedy",
        "instruction": "w1 w2",
        "max_tokens": 6,
        "image_size": 16,
    }


def test_number_format_comes_from_the_numerics(folder: Path) -> None:
    source = CaptionerSource(model=str(folder), instruction="w1 w2", max_tokens=6)
    captioner = open_captioner(source.pin(), Numerics(dtype="bfloat16"))
    assert isinstance(captioner, VisionLanguageCaptioner)
    assert captioner.applied()["dtype"] == "bfloat16"
    assert {parameter.dtype for parameter in captioner.model.parameters()} == {torch.bfloat16}
    assert answered_pictures(captioner)


def test_error_names_the_picture_without_a_caption(captioner: VisionLanguageCaptioner) -> None:
    silent = next(
        p for p in map(picture, range(50)) if p.name not in {q.name for q in answered_pictures(captioner, 50)}
    )
    with pytest.raises(StepFailedError, match=rf"'tiny-llava' cannot caption {silent.name}: the answer is empty; "):
        captioner.captions([silent])


def test_missing_weights_are_a_one_line_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        DataError,
        match=r"cannot load the captioner 'nobody/nothing@v1': .*not on this machine.*hf download nobody/nothing --rev",
    ) as error:
        make("nobody/nothing@v1")
    assert "\n" not in str(error.value)


def test_gated_model_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def gated(*_: object, **__: object) -> None:
        raise OSError("You are trying to access a gated repo.\nMake sure to have access to it.")

    for kind in (AutoModelForImageTextToText, AutoProcessor):
        monkeypatch.setattr(kind, "from_pretrained", gated)
    with pytest.raises(DataError, match="'big/model': it is gated; accept its licence"):
        make("big/model")


def changed(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "model"))


def assert_rejected(folder: Path, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        make(folder)
    assert "\n" not in str(error.value)
    assert "'model'" in str(error.value)


def test_incomplete_weights_are_rejected(folder: Path, tmp_path: Path) -> None:
    """The library would initialise missing weights at random."""
    model = changed(folder, tmp_path)
    state = load_file(model / "model.safetensors")
    state.popitem()
    save_file(state, model / "model.safetensors", metadata={"format": "pt"})
    assert_rejected(model, "are incomplete")


def test_broken_weights_are_rejected(folder: Path, tmp_path: Path) -> None:
    model = changed(folder, tmp_path)
    (model / "model.safetensors").write_bytes(b"broken")
    assert_rejected(model, "cannot load")


def test_pickled_weights_are_rejected(folder: Path, tmp_path: Path) -> None:
    model = changed(folder, tmp_path)
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    assert_rejected(model, r"no file named model.safetensors.*download the model again")


def test_model_with_its_own_code_is_rejected(folder: Path, tmp_path: Path) -> None:
    model = changed(folder, tmp_path)
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForImageTextToText": "own.Own"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "own.py").write_text("raise SystemExit('ran')")
    assert_rejected(model, "code of its own, which is never executed")


def test_model_without_chat_template_is_rejected(folder: Path, tmp_path: Path) -> None:
    model = changed(folder, tmp_path)
    (model / "chat_template.jinja").unlink()
    assert_rejected(model, "has no chat template")


def test_text_model_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama"}')
    assert_rejected(tmp_path / "model", "not an image-text-to-text model")
