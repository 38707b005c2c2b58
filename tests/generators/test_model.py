"""A row of the table of models: its source at a revision, its family and its limits."""

from __future__ import annotations

from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.model_rows import MODELS


def test_a_revision_replaces_that_of_the_row() -> None:
    model = MODELS["sdxl"].at_revision("abc")
    assert (model.source.path_or_id, model.source.revision) == ("stabilityai/stable-diffusion-xl-base-1.0", "abc")
    assert model.at_revision("def").source.revision == "def"


def test_the_revision_of_a_refiner_follows_a_plus_sign() -> None:
    model = MODELS["sdxl-refiner"].at_revision("abc+def")
    assert (model.source.revision, model.refiner_source.revision) == ("abc", "def")
    assert MODELS["sdxl-refiner"].at_revision("abc").refiner_source.revision is None


def test_a_family_is_a_row_or_follows_from_the_class_of_the_pipeline() -> None:
    assert MODELS["flux.1-krea-dev"].kind is FAMILIES["flux"]
    assert MODELS["flux.2-dev"].kind.name == "Flux2Pipeline"
    assert MODELS["flux.2-dev"].kind.is_recorded


def test_the_limit_of_tokens_is_that_of_the_row_or_of_its_family() -> None:
    assert MODELS["flux.1-schnell"].max_sequence == 256
    assert MODELS["flux.1-dev"].max_sequence == 512
