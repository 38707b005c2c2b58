"""A valid study file for tests, and a helper that returns the error message of an invalid one."""

from __future__ import annotations

import pytest

from prettyuseful.errors import StudyError
from prettyuseful.study.reading import parse_study

# The example of the specification, word for word.
EXAMPLE = """\
version: 1
task: photos
datasets:
  base: {generator: pocket-base, prompts: class-name, images_per_class: 100, seed: 0}
train: {architectures: [small], recipes: [default], probes: [rgb], seeds: [0, 1, 2]}
metrics: [density, coverage]
"""


def error_message(text: str) -> str:
    with pytest.raises(StudyError) as error:
        parse_study(text, "study.yaml")
    assert "\n" not in str(error.value)
    return str(error.value)
