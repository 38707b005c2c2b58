"""Models on a hub: what is fetched of them, and in one line why they cannot be had. The hub is one on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from tests.generators.own_call import ours, settings
from tests.hub_server import Hub, commit, reached

from prettyuseful.errors import DataError
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.models import MODELS, find_model
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


@pytest.fixture
def hub(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with two models and one repository that is none; its cache is empty."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("no model")
    with reached(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/sd": tiny("sd"), "we/flux": tiny("flux"), "we/notes": tmp_path / "notes"}
        yield hub


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def encoder(name: str) -> PromptEncoder:
    return PromptEncoder(name, Numerics())


def sampler(name: str) -> DiffusersSampler:
    return DiffusersSampler(name, settings(name, cfg=1.0), Numerics())


def refusal(attempt: Callable[[str], object], name: str) -> str:
    with pytest.raises(DataError) as error:
        attempt(name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_hub_id_needs_no_row(hub: Hub) -> None:
    model = find_model("we/flux")
    assert (model.id, model.family, model.distilled) == ("we/flux", "flux", True)
    assert sorted(hub.sent) == ["model_index.json", "transformer/config.json"]


def test_encoding_and_sampling_fetch_disjoint_parts(hub: Hub) -> None:
    encoder("we/sd")
    text = {file for file in hub.sent if file.endswith(".safetensors")}
    hub.sent.clear()
    sampler("we/sd")
    image = {file.split("/")[0] for file in hub.sent if file.endswith(".safetensors")}
    assert text == {"text_encoder/model.safetensors"}
    assert image == {"unet", "vae"}


def test_images_of_a_hub_model_are_those_of_its_folder(hub: Hub, tiny: Tiny) -> None:
    assert hub.repositories
    wanted = ours(str(tiny("sd")), cfg=4.0)
    assert np.array_equal(ours("we/sd", cfg=4.0), wanted)
    assert np.array_equal(ours(f"we/sd@{commit('we/sd')}", cfg=4.0), wanted)


def test_what_was_fetched_works_without_a_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in (encoder, sampler):
        attempt("we/flux")
    hub.repositories.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for attempt in (encoder, sampler):
        attempt("we/flux")
    assert "its weights are not on this machine" in refusal(encoder, "we/sd")


def test_another_revision_is_another_model(hub: Hub, tiny: Tiny) -> None:
    hub.repositories["we/sd@large"] = tiny("sdxl")
    assert (find_model("we/sd").family, find_model("we/sd@large").family) == ("sd", "sdxl")
    assert np.array_equal(ours("we/sd@large", cfg=4.0), ours(str(tiny("sdxl")), cfg=4.0))


def test_a_revision_that_is_not_there_is_said(hub: Hub) -> None:
    assert hub.repositories
    assert "no such revision; check what stands behind the @" in refusal(find_model, "we/sd@v9")


def test_a_repository_that_is_not_there_is_said_and_not_called_gated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.repositories
    line = refusal(find_model, "we/nothing")
    assert "the hub has no repository we/nothing that you may read; check the id" in line
    assert "gated" not in line
    monkeypatch.setitem(MODELS, "row", replace(MODELS["sd-1.5"], id="row", place="we/nothing"))
    for attempt in (encoder, sampler):
        assert "cannot load the generator 'row': the hub has no repository we/nothing" in refusal(attempt, "row")


def test_a_repository_that_is_no_pipeline_is_said(hub: Hub) -> None:
    assert hub.repositories
    assert "'we/notes' holds no diffusers pipeline: it has no model_index.json" in refusal(find_model, "we/notes")


@pytest.mark.parametrize("attempt", [encoder, sampler])
def test_a_gated_model_says_how_to_get_in(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, attempt: Callable[[str], object]
) -> None:
    hub.gated = {"we/flux"}
    monkeypatch.setitem(MODELS, "row", replace(MODELS["flux.1-dev"], id="row", place="we/flux"))
    words = "we/flux is gated; accept its licence on the model's page, log in with `hf auth login` or set HF_TOKEN"
    assert f"cannot load the generator 'row': {words}" in refusal(attempt, "row")
    assert words in refusal(find_model, "we/flux")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("attempt", [encoder, sampler])
@pytest.mark.parametrize(
    ("name", "place"), [("sd-1.5", MODELS["sd-1.5"].place), ("sdxl-refiner", MODELS["sdxl"].place)]
)
def test_a_row_without_weights_offline_says_what_to_do(attempt: Callable[[str], object], name: str, place: str) -> None:
    line = refusal(attempt, name)
    assert f"cannot load the generator {name!r}: its weights are not on this machine" in line
    assert f"run `hf download {place}` where there is a network, or name a local folder" in line


@pytest.mark.usefixtures("offline")
def test_offline_a_gated_row_speaks_of_its_licence() -> None:
    line = refusal(encoder, "flux.1-dev")
    assert "`hf download black-forest-labs/FLUX.1-dev`" in line
    assert "accept its licence on the model's page and log in first" in line


@pytest.mark.usefixtures("offline")
def test_offline_a_hub_id_cannot_be_looked_at() -> None:
    assert "run `hf download nobody/nothing`" in refusal(find_model, "nobody/nothing")


def test_a_hub_that_does_not_answer_is_as_good_as_none(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits longer and longer before it gives up
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", "http://127.0.0.1:9")
    assert "the hub cannot be reached; run `hf download we/sd`" in refusal(find_model, "we/sd")
    monkeypatch.setitem(MODELS, "row", replace(MODELS["sd-1.5"], id="row", place="we/sd"))
    assert "the hub cannot be reached" in refusal(sampler, "row")
    assert hub.sent == []


@pytest.mark.parametrize("content", ["{", "[1]", "5"])
def test_an_index_that_is_broken_is_one_line(hub: Hub, tmp_path: Path, content: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "model_index.json").write_text(content)
    hub.repositories["we/odd"] = tmp_path / "odd"
    assert "cannot load the generator 'we/odd'" in refusal(find_model, "we/odd")
