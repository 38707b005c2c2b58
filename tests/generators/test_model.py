"""A row of the table of models: its source at a revision, its family and its limits."""

from __future__ import annotations

from dataclasses import replace

from prettyuseful.generators.components import Component
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.model_rows import MODELS


def test_a_revision_replaces_that_of_the_row() -> None:
    model = MODELS["sdxl"].at_revision("abc")
    assert (model.source.path_or_id, model.source.revision) == ("stabilityai/stable-diffusion-xl-base-1.0", "abc")
    assert model.at_revision("def").source.revision == "def"


def test_components_of_other_repositories_keep_their_revision() -> None:
    model = MODELS["sdxl-refiner"].at_revision("abc")
    assert (model.source.revision, model.refiner_source.revision) == ("abc", None)
    refiner = Component(id="stabilityai/stable-diffusion-xl-refiner-1.0@def")
    assert replace(model, components={"refiner": refiner}).refiner_source.revision == "def"


def test_a_refiner_is_a_pipeline_of_its_own_and_decodes_with_the_vae_of_the_model() -> None:
    vae = Component(id="we/vae")
    model = replace(MODELS["sdxl-refiner"], components={**MODELS["sdxl-refiner"].components, "vae": vae})
    assert model.source.components == model.refiner_source.components == {"vae": vae}


def test_a_family_is_a_row_or_follows_from_the_class_of_the_pipeline() -> None:
    assert MODELS["flux.1-krea-dev"].kind is FAMILIES["flux"]
    assert MODELS["flux.2-dev"].kind.name == "Flux2Pipeline"
    assert MODELS["flux.2-dev"].kind.is_recorded


def test_the_limit_of_tokens_is_that_of_the_row_or_of_its_family() -> None:
    assert MODELS["flux.1-schnell"].max_sequence == 256
    assert MODELS["flux.1-dev"].max_sequence == 512
