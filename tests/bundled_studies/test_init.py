from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

import prettyuseful.bundled_studies
from prettyuseful.bundled_studies import BUNDLED, bundled_study
from prettyuseful.errors import UnknownNameError
from prettyuseful.study.file import Study
from prettyuseful.study.reading import json_schema, load_study

FILES = sorted(Path(prettyuseful.bundled_studies.__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bundled_studies_match_the_json_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), json_schema())
    assert isinstance(load_study(path), Study)


def test_every_bundled_study_is_listed() -> None:
    assert {path.stem for path in FILES} == set(BUNDLED)


def test_bundled_studies_are_loaded_by_name() -> None:
    for path in FILES:
        assert bundled_study(path.stem) == load_study(path)
    with pytest.raises(UnknownNameError, match=r"unknown study 'dmo'; did you mean 'demo'\?; known: demo, "):
        bundled_study("dmo")
