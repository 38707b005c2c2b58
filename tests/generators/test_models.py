from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from prettyuseful.errors import UnknownNameError
from prettyuseful.generators.models import MODELS, find_model, model_fingerprint, opened_source


def test_every_row_says_how_its_vendor_runs_it() -> None:
    for name, model in MODELS.items():
        assert model.id == name
        assert model.licence
        assert model.vendor.steps is not None
        assert model.vendor.cfg is not None


def test_a_pipeline_folder_is_a_model_by_its_own_name(pipeline_folder: Path) -> None:
    model = find_model(str(pipeline_folder))
    assert model.id == pipeline_folder.name
    with opened_source(model) as source:
        assert Path(source) == pipeline_folder


def test_a_hub_id_needs_no_row() -> None:
    assert find_model("someone/some-model.v2").id == "someone/some-model.v2"


@pytest.mark.parametrize("name", ["pocket-bse", "nothing like it", "a/b/c", "", "/no/such/folder"])
def test_anything_else_is_unknown(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown generator") as error:
        find_model(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["scheduler/scheduler_config.json", "tokenizer/tokenizer.json", "model_index.json"])
def test_a_fingerprint_follows_configurations_too(pipeline_folder: Path, tmp_path: Path, file: str) -> None:
    copy = tmp_path / pipeline_folder.name
    shutil.copytree(pipeline_folder, copy)
    before = model_fingerprint(find_model(str(copy)))
    assert before == model_fingerprint(find_model(str(pipeline_folder)))
    content = json.loads((copy / file).read_text("utf-8"))
    (copy / file).write_text(json.dumps({**content, "another": 1}))
    assert model_fingerprint(find_model(str(copy))) != before


def test_a_fingerprint_does_not_follow_notes(pipeline_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / pipeline_folder.name
    shutil.copytree(pipeline_folder, copy)
    (copy / "README.md").write_text("a note")
    assert model_fingerprint(find_model(str(copy))) == model_fingerprint(find_model(str(pipeline_folder)))
