from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.tiny_language_model import save_llama

from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.writers.base import DEFAULT_INSTRUCTION, WritingRequest
from prettyuseful.prompts.writers.described import describe_class
from prettyuseful.prompts.writers.language_model import LanguageModelWriter

WORDS = ("cat", "cats", "red", "old", "snow", "sofa", "above", "night")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llama") / "tiny", WORDS)


def writer(folder: Path, temperature: float = 1.0) -> LanguageModelWriter:
    return LanguageModelWriter(str(folder), temperature, 12, Numerics())


def request(seed: int, text: str = "write cat") -> WritingRequest:
    return WritingRequest(text, seed, f"number {seed}")


def test_an_answer_depends_on_its_seed_and_on_no_other_request(folder: Path) -> None:
    used = writer(folder)
    before = torch.random.get_rng_state()
    first, second, third = used.answers([request(1), request(2), request(1)])
    assert first == third != second
    assert writer(folder).answers([request(2)]) == [second]
    assert set(f"{first} {second}".split()) <= {*WORDS, "user", "assistant"}
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_low_temperature_varies_less(folder: Path) -> None:
    requests = [request(seed) for seed in range(6)]
    assert len(set(writer(folder, 1e-5).answers(requests))) == 1 < len(set(writer(folder).answers(requests)))


def test_prompts_of_a_class_are_made_of_its_answers(folder: Path) -> None:
    made = describe_class(writer(folder), "cat", 2, DEFAULT_INSTRUCTION, 0)
    assert len(made.prompts) == 2
    assert all({"cat", "cats"} & set(prompt.split()) for prompt in made.prompts)


def test_the_settings_are_recorded(folder: Path) -> None:
    assert writer(folder).applied() == {
        "model": "tiny",
        "architecture": "LlamaForCausalLM",
        "dtype": "float32",
        "temperature": 1.0,
        "max_tokens": 12,
    }


def test_a_model_that_is_not_tuned_for_chat_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the writer 'raw' has no chat template; give a model that is tuned for chat"):
        writer(save_llama(tmp_path / "raw", WORDS, None))
