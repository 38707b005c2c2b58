from __future__ import annotations

import base64
import random
import string

import pytest

from prettyuseful.redaction.randomness import looks_random


@pytest.mark.parametrize("alphabet", [string.ascii_letters + string.digits, string.ascii_lowercase + string.digits])
@pytest.mark.parametrize("length", [24, 40])
def test_nearly_all_random_text_is_recognised(alphabet: str, length: int) -> None:
    generator = random.Random(length)
    texts = ["".join(generator.choices(alphabet, k=length)) for _ in range(1000)]
    assert sum(map(looks_random, texts)) > 950


def test_nearly_all_base64_text_is_recognised() -> None:
    generator = random.Random(0)
    texts = [base64.urlsafe_b64encode(generator.randbytes(32)).decode() for _ in range(1000)]
    assert sum(map(looks_random, texts)) > 950


@pytest.mark.parametrize(
    "text",
    [
        "short1A2b",
        "0123456789abcdef0123456789abcdef01234567",
        "0123456789ABCDEF" * 4,
        "123e4567-e89b-12d3-a456-426614174000",
        "GPU-123e4567-e89b-12d3-a456-426614174000",
        "CLIP-ViT-B-32-laion2B-s34B-b79K",
        "stable-diffusion-xl-base-1.0-refiner-2024",
        "StableDiffusionXLImg2ImgPipelineOutput",
        "DPMSolverMultistepScheduler2024",
        "TwoWayMultiLabelLoss",
        "MiniMax-H3-LoRA-LineartAnime",
        "trainer-7d9f8b6c5d-x2x9z-and-more",
        "123456789012345678901234567890",
        "correct-horse-battery-staple-and-more",
        "efficientnet_b0_ns_1000x2_in21k_ft_in1k",
    ],
)
def test_words_names_versions_and_hashes_are_not_random(text: str) -> None:
    assert not looks_random(text)
