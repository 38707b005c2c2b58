"""Components of other repositories: which a pipeline has, where they are, and how they are pinned."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers.pipelines import auto_pipeline
from pydantic import ValidationError
from tests.generators.two_places import without, write_index
from tests.hub_server import Hub, commit, use_local_hub

from prettyuseful.engine.keys import digest
from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.components import COMBINED, Component, pin_component, prior_in_card
from prettyuseful.generators.models import find_model, pin_model
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.hub.commits import check_resolved

Tiny = Callable[[str], Path]


def choose(model: Path | str, **components: Component) -> GeneratorChoice:
    return GeneratorChoice(model=str(model), components=components)


def refusal(choice: GeneratorChoice) -> str:
    with pytest.raises(DataError) as error:
        pin_generator(choice)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_decoders_are_those_of_diffusers() -> None:
    decoders = auto_pipeline._AUTO_TEXT2IMAGE_DECODER_PIPELINES_MAPPING
    combined = auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING
    assert {found.__name__: combined[name].__name__ for name, found in decoders.items()} == COMBINED


@pytest.mark.parametrize(
    ("card", "prior"),
    [
        ("---\nlicense: mit\nprior:\n- we/prior\ntags: []\n---\n", "we/prior"),
        ("---\nprior: we/prior\n---\n", "we/prior"),
        ("---\nlicense: mit\n---\nprior: we/prior\n", None),
        ("prior: we/prior", None),
        ("---\nprior:\n- /etc/passwd\n---\n", None),
    ],
)
def test_a_model_card_may_name_the_prior(card: str, prior: str | None) -> None:
    assert prior_in_card(card) == (Component(id=prior) if prior else None)


def test_either_place_is_in_the_key_and_no_path(tiny: Tiny, tmp_path: Path) -> None:
    model, other = shutil.copytree(tiny("sd"), tmp_path / "model"), shutil.copytree(tiny("sd"), tmp_path / "other")
    vae = Component(path=str(other))
    before = pin_generator(choose(model, vae=vae))
    assert pin_generator(choose(tiny("sd"), vae=Component(path=str(tiny("sd"))))).whole.content == before.whole.content
    assert pin_generator(choose(model)).whole.content != before.whole.content
    (other / "unet" / "config.json").write_text("{}")  # another component of that pipeline is not read
    assert pin_generator(choose(model, vae=vae)) == before
    (other / "vae" / "config.json").write_text("{}")
    changed = pin_generator(choose(model, vae=vae))
    assert changed.image.content != before.image.content
    assert changed.text.content == before.text.content == pin_generator(choose(model)).text.content
    (model / "scheduler" / "scheduler_config.json").write_text("{}")
    assert pin_generator(choose(model, vae=vae)).image.content != changed.image.content
    assert [added.field for added in before.added] == ["components.vae"]


def test_text_encoders_belong_to_the_half_that_encodes(tiny: Tiny) -> None:
    component = Component(path=str(tiny("sd") / "text_encoder"))
    pinned, plain = (pin_generator(choose(tiny("sd"), **parts)) for parts in ({"text_encoder": component}, {}))
    assert pinned.text.content != plain.text.content
    assert pinned.image == plain.image


def test_the_same_files_for_another_component_have_another_key(tiny: Tiny) -> None:
    place = Component(path=str(tiny("sdxl") / "text_encoder"))
    names = ("text_encoder", "text_encoder_2")
    assert len({digest(pin_generator(choose(tiny("sdxl"), **{name: place})).whole.content) for name in names}) == 2


def test_a_refiner_can_be_given_to_any_sdxl_model(tiny: Tiny) -> None:
    choice = choose(tiny("sdxl"), refiner=Component(path=str(tiny("sdxl-refiner"))))
    assert choice.find().refiner == Component(path=str(tiny("sdxl-refiner")))
    plain, refined = pin_generator(choose(tiny("sdxl"))), pin_generator(choice)
    assert refined.text.content != plain.text.content
    assert refined.image.content != plain.image.content
    assert "the pipeline has no component 'refiner'" in refusal(
        choose(tiny("sd"), refiner=choice.components["refiner"])
    )


def test_mistakes_are_one_line(tiny: Tiny) -> None:
    here = Component(path=str(tiny("sd")))
    unknown = refusal(choose(tiny("sd"), text_encoder2=here))
    assert unknown.startswith("components: the pipeline has no component 'text_encoder2'; did you mean 'text_encoder'?")
    assert unknown.endswith("its components: image_encoder, scheduler, text_encoder, tokenizer, unet, vae")
    assert refusal(choose(tiny("sd"), safety_checker=here)) == (
        "components.safety_checker: this component is switched off; remove it"
    )
    assert refusal(choose(tiny("sd"), vae=Component(path="/no/folder"))) == (
        "components.vae: /no/folder is not a folder; correct path, or give id"
    )
    assert "has no folder 'bae'; correct subfolder" in refusal(
        choose(tiny("sd"), vae=Component(path=str(tiny("sd")), subfolder="bae"))
    )
    assert "components.refiner" in refusal(choose(tiny("sdxl"), refiner=Component(path=str(tiny("sd") / "vae"))))
    for subfolder in ("../vae", "/vae", "vae/.."):
        with pytest.raises(ValidationError):
            Component(path="x", subfolder=subfolder)


@pytest.mark.parametrize("listed", [False, True])
def test_a_missing_component_is_named_before_anything_runs(tiny: Tiny, tmp_path: Path, listed: bool) -> None:
    model = without(tiny("sd3"), ["text_encoder_3", "tokenizer_3"], tmp_path / "model", listed)
    line = refusal(choose(model))
    assert "lacks text_encoder_3, tokenizer_3, which its StableDiffusion3Pipeline needs" in line
    assert "components: {text_encoder_3: OWNER/NAME, tokenizer_3: OWNER/NAME}" in line
    there = Component(path=str(tiny("sd3")))
    assert pin_generator(choose(model, text_encoder_3=there, tokenizer_3=there)).added


def test_a_decoder_without_its_prior_says_how_to_give_it(tmp_path: Path) -> None:
    write_index(tmp_path, {"_class_name": "KandinskyV22Pipeline"})
    with pytest.raises(DataError, match=r"components: \{prior: OWNER/NAME\}") as error:
        find_model(str(tmp_path))
    assert "\n" not in str(error.value)
    model = find_model(str(tmp_path), components={"prior": Component(id="we/prior")})
    assert model.family == "KandinskyV22CombinedPipeline"


def test_repositories_are_pinned_to_their_commits(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        _check_pins(hub, tiny, tmp_path, monkeypatch)


def _check_pins(hub: Hub, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories = {"we/sd": tiny("sd"), "we/vae": tiny("sd") / "vae"}
    choice = choose("we/sd", vae=Component(path="we/vae"))
    pinned = pin_generator(choice).image
    found = pinned.source.components["vae"]
    assert (found.id, found.subfolder) == (f"we/vae@{commit('we/vae')}", "")
    assert pinned.content == [
        [{"hub": "we/sd", "commit": commit("we/sd")}],
        {"components": {"vae": {"hub": "we/vae", "commit": commit("we/vae")}}},
    ]
    of_pipeline = pin_component("vae", Component(id="we/sd"))
    assert of_pipeline.content == {"hub": "we/sd", "commit": commit("we/sd"), "folder": "vae"}
    hub.push("we/vae", tmp_path)
    assert pin_generator(choice).image.content == pinned.content  # each name is resolved once in a process
    missing = refusal(choose("we/sd", vae=Component(id="we/nothing")))
    assert missing.startswith("the hub has no repository we/nothing that you can access")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    unknown = pin_generator(choose(tiny("sd"), vae=Component(id="we/offline"))).image.content
    with pytest.raises(DataError, match="run `hf download we/offline` with network access"):
        check_resolved(unknown, "x")


def test_keys_of_rows_are_what_they_were_before_there_were_components(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, refiner = "stabilityai/stable-diffusion-xl-base-1.0", "stabilityai/stable-diffusion-xl-refiner-1.0"
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {base: tiny("sdxl"), refiner: tiny("sdxl-refiner")}
        plain, refined = (pin_generator(GeneratorChoice(model=name)) for name in ("sdxl", "sdxl-refiner"))
    contents = [{"hub": name, "commit": commit(name)} for name in (base, refiner)]
    assert [half.content for half in (plain.whole, plain.text, plain.image)] == [contents[:1]] * 3
    assert [half.content for half in (refined.whole, refined.text, refined.image)] == [contents] * 3
    assert refined.image.source.model == f"sdxl-refiner@{commit(base)}"
    assert refined.image.source.find().refiner_source.revision == commit(refiner)


def test_components_of_a_row_are_pinned_with_its_own_repository(tiny_model_name: Callable[[str], str]) -> None:
    pinned = pin_model(tiny_model_name("sdxl+refiner"))
    assert isinstance(pinned.content, list)
    assert len(pinned.content) == 2
    assert pinned.components["refiner"].path
