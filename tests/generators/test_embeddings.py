from __future__ import annotations

from pathlib import Path

import torch

from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings


def embedding(value: float, length: int = 3) -> dict[str, torch.Tensor]:
    return {
        "prompt_embeds": torch.full((1, length, 2), value, dtype=torch.bfloat16),
        "refiner.prompt_attention_mask": torch.ones(1, length, dtype=torch.long),
    }


def saved(folder: Path, prompts: dict[int, dict[str, torch.Tensor]], negative: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    save_embeddings(prompts, negative, folder)
    return folder / FILE


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype for name in first
    )


def test_what_was_written_is_read_to_the_bit_with_the_negative(tmp_path: Path) -> None:
    negative = {"negative_prompt_embeds": torch.randn(1, 3, 2)}
    path = saved(tmp_path / "a", {1: embedding(0.1, 3), 11: embedding(0.2, 5)}, negative)
    stored = StoredEmbeddings([path])
    assert equal(stored.of(1), embedding(0.1, 3) | negative)
    assert equal(stored.of(11), embedding(0.2, 5) | negative)


def test_prompts_may_lie_in_several_files(tmp_path: Path) -> None:
    negative = {"negative_prompt_embeds": torch.ones(1, 3, 2)}
    parts = [saved(tmp_path / str(number), {number: embedding(number)}, negative) for number in (0, 100)]
    stored = StoredEmbeddings(parts)
    assert all(equal(stored.of(number), embedding(number) | negative) for number in (0, 100))


def test_without_guidance_there_is_no_negative(tmp_path: Path) -> None:
    assert equal(StoredEmbeddings([saved(tmp_path / "a", {0: embedding(1)}, {})]).of(0), embedding(1))


def test_tensors_that_share_or_skip_memory_are_written_too(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(2, 3, 2)
    found = StoredEmbeddings([saved(tmp_path / "a", {0: {"x": whole[:1, :, :1]}, 1: {"x": whole[:1]}}, {})])
    assert torch.equal(found.of(0)["x"], whole[:1, :, :1])
    assert torch.equal(found.of(1)["x"], whole[:1])
