from __future__ import annotations

from pathlib import Path

import pytest
from safetensors import safe_open

from prettyuseful.generators import pocket
from prettyuseful.generators.models import pin_model

PARTS = Path(pocket.__file__).parent / "pocket_parts"


def test_pocket_models_are_small_and_half_precision() -> None:
    files = [path for path in PARTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 24e6
    for path in PARTS.rglob("*.safetensors"):
        with safe_open(path, "pt") as tensors:
            names = list(tensors.keys())
            assert all(tensors.get_slice(name).get_dtype() == "F16" for name in names)


def test_pipeline_folder_is_temporary() -> None:
    with pocket.pipeline_folder("turbo") as folder:
        assert (folder / "model_index.json").is_file()
        assert (folder / "unet" / "config.json").is_file()
    assert not folder.exists()
    assert PARTS.exists()


def test_different_models_have_different_fingerprints() -> None:
    base, curated, random, turbo = (
        pin_model(f"pocket-{name}").content for name in ("base", "curated", "random", "turbo")
    )
    assert len({str(content) for content in (base, curated, random)}) == 3
    assert turbo == base  # in fewer steps


@pytest.mark.parametrize("path", sorted(PARTS.rglob("*.json")), ids=lambda path: str(path.relative_to(PARTS)))
def test_configurations_contain_no_local_paths(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "/tmp/" not in text
    assert "/work/" not in text
    assert "_name_or_path" not in text


def test_text_weights_have_the_names_of_stable_diffusion() -> None:
    """Without the prefix, transformers 4 silently uses random weights."""
    with safe_open(PARTS / "text_encoder" / "model.fp16.safetensors", "pt") as tensors:
        assert all(name.startswith("text_model.") for name in tensors.keys())  # noqa: SIM118
