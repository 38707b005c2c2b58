"""The table of models, and models without a row."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.generators.reference_pipelines import KINDS, REFINED, TRUE_CFG

from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import embedding_bytes, find_model, pin_model, pipeline_path
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != REFINED])
def test_local_pipeline_of_every_family_is_a_model(tiny: Tiny, kind: str) -> None:
    model = find_model(str(tiny(kind)))
    assert (model.id, model.family) == (kind, kind.removesuffix("-schnell"))
    assert model.dtype == ("float16" if kind in ("sd", "sdxl") else "bfloat16")
    assert model.distilled == (kind == "flux")
    assert (model.vendor.distilled_guidance == 3.5) == (kind == "flux")
    assert model.kind.guidance == ("true_cfg_scale" if kind in TRUE_CFG else "guidance_scale")
    with pipeline_path(model.source) as path:
        assert Path(path) == tiny(kind)


def test_refiner_alone_is_rejected(tiny: Tiny) -> None:
    with pytest.raises(DataError, match=r"StableDiffusionXLImg2ImgPipeline, which is not supported"):
        find_model(str(tiny("sdxl-refiner")))


@pytest.mark.parametrize("name", ["pocket-bse", "nothing like it", "a/b/c", "", "/no/such/folder", "owner/", "SD-1.5"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown generator") as error:
        find_model(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "near"), [("flux1-dev", "flux.1-dev"), ("sd1.5", "sd-1.5"), ("qwenimage", "qwen-image"), ("SDXL", "sdxl")]
)
def test_nearest_name_is_suggested(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{re.escape(near)}'"):
        find_model(name)


def test_unsupported_pipeline_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioLDMPipeline"}')
    with pytest.raises(DataError, match=r"AudioLDMPipeline.*not supported.*FluxPipeline.*module:Class") as error:
        find_model(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["{", "", "[1]", "5", b"\xff\xfe"])
def test_broken_index_is_a_one_line_error(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "model_index.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=r"cannot read .*model_index.json.*download the model again") as error:
        find_model(str(tmp_path))
    assert "\n" not in str(error.value)


def test_flux_without_transformer_configuration_is_a_one_line_error(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copy(tiny("flux") / "model_index.json", tmp_path)
    with pytest.raises(DataError, match=r"cannot read .*config.json"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("file", ["scheduler/scheduler_config.json", "tokenizer/tokenizer.json", "model_index.json"])
def test_fingerprint_depends_on_configurations(pipeline_folder: Path, tmp_path: Path, file: str) -> None:
    copy = tmp_path / pipeline_folder.name
    shutil.copytree(pipeline_folder, copy)
    before = pin_model(str(copy)).content
    assert before == pin_model(str(pipeline_folder)).content
    content = json.loads((copy / file).read_text("utf-8"))
    (copy / file).write_text(json.dumps({**content, "another": 1}))
    assert pin_model(str(copy)).content != before


def test_fingerprint_does_not_depend_on_documentation(pipeline_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / pipeline_folder.name
    shutil.copytree(pipeline_folder, copy)
    (copy / "README.md").write_text("a note")
    assert pin_model(str(copy)).content == pin_model(str(pipeline_folder)).content


def test_rows_have_different_fingerprints_unless_they_differ_in_settings_only() -> None:
    """SDXL with and without a refiner differ too; pocket-turbo is pocket-base in fewer steps.

    LoRA weights that a row names are not those of its model.
    """
    names = {model.id for model in MODELS.values() if not model.few_step_weights} - {"pocket-turbo"}
    assert len({digest(pin_model(name).content) for name in names}) == len(names)


def test_bytes_of_embeddings_are_counted(tiny: Tiny) -> None:
    embedding = PromptEncoder("pocket-base", Numerics()).encode("a cat")
    assert embedding_bytes("pocket-base", "float32") == sum(tensor.nbytes for tensor in embedding.values())
    assert embedding_bytes("flux.1-dev", "bfloat16") == 2 * (512 * 4096 + 768)
    assert embedding_bytes(str(tiny("sd")), "float32") is None
