from __future__ import annotations

import re
from pathlib import Path

import pytest

from prettyuseful.study.paths import resolve_paths
from prettyuseful.study.reading import parse_study

STUDY = """\
version: 1
task: {real: images, test: held-out, groups: groups.csv}
datasets:
  base: {generator: images, images_per_class: 5}
  changed: {of: base, images_per_class: 5, transform: {kind: own, transform: 'mine:Mine'}}
  captioned:
    generator: sd-1.5
    images_per_class: 5
    prompts: {strategy: caption, captioner: {model: images, endpoint: 'http://localhost:1/v1'}}
probes:
  deep: {transform: {kind: depth, model: images}}
  chained:
    transform:
      kind: chain
      transforms: [{kind: vae, generator: images}, {kind: blur, width: 0.1}, {kind: own, transform: 'mine.py:Mine'}]
train:
  probes: [deep, chained, 'mine:PROBE']
  recipes: ['mine.py:RECIPE']
  weights: {resnet18: weights.safetensors}
encoders: ['mine:ENCODER', {name: resnet18, weights: images}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "mine.py").touch()
    return tmp_path


def test_existing_paths_are_made_absolute(folder: Path) -> None:
    """Text that is not a path, such as the model of an endpoint, and missing files stay unchanged."""
    study = resolve_paths(parse_study(STUDY), folder)
    images, mine = f"{folder}/images", f"{folder}/mine.py"
    text = re.sub(r" images(?=[,}])(?!, endpoint)", f" {images}", STUDY)
    text = re.sub(r"mine(\.py)?:", f"{mine}:", text)
    text = re.sub(r"(?=groups\.csv|weights\.safetensors)", f"{folder}/", text)
    assert study == parse_study(text)
    assert study.datasets["base"].model_fields_set == {"generator", "images_per_class"}


def test_the_split_of_a_hub_data_set_is_not_a_path(folder: Path) -> None:
    text = STUDY.replace(
        "{real: images, test: held-out, groups: groups.csv}", "{huggingface: owner/name, test: images}"
    )
    study = parse_study(text)
    assert resolve_paths(study, folder).task is study.task
