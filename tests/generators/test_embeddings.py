from __future__ import annotations

from pathlib import Path

import torch

from prettyuseful.generators.embeddings import FILE, StoredEmbeddings, save_embeddings


def embedding(value: float, length: int = 3) -> dict[str, torch.Tensor]:
    return {
        "prompt_embeds": torch.full((1, length, 2), value, dtype=torch.bfloat16),
        "refiner.prompt_attention_mask": torch.ones(1, length, dtype=torch.long),
    }


def save(folder: Path, prompts: dict[int, dict[str, torch.Tensor]], negative: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    save_embeddings(prompts, negative, folder)
    return folder / FILE


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype for name in first
    )


def test_embeddings_are_read_exactly_with_the_negative(tmp_path: Path) -> None:
    negative = {"negative_prompt_embeds": torch.randn(1, 3, 2)}
    path = save(tmp_path / "a", {1: embedding(0.1, 3), 11: embedding(0.2, 5)}, negative)
    stored = StoredEmbeddings([path])
    assert equal(stored.load(1), embedding(0.1, 3) | negative)
    assert equal(stored.load(11), embedding(0.2, 5) | negative)


def test_prompts_can_be_in_several_files(tmp_path: Path) -> None:
    negative = {"negative_prompt_embeds": torch.ones(1, 3, 2)}
    parts = [save(tmp_path / str(number), {number: embedding(number)}, negative) for number in (0, 100)]
    stored = StoredEmbeddings(parts)
    assert all(equal(stored.load(number), embedding(number) | negative) for number in (0, 100))


def test_there_is_no_negative_without_guidance(tmp_path: Path) -> None:
    assert equal(StoredEmbeddings([save(tmp_path / "a", {0: embedding(1)}, {})]).load(0), embedding(1))


def test_shared_and_non_contiguous_tensors_are_written(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(2, 3, 2)
    stored = StoredEmbeddings([save(tmp_path / "a", {0: {"x": whole[:1, :, :1]}, 1: {"x": whole[:1]}}, {})])
    assert torch.equal(stored.load(0)["x"], whole[:1, :, :1])
    assert torch.equal(stored.load(1)["x"], whole[:1])
