"""Models on a hub on the loopback interface: which files are downloaded, and one-line errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.generators.reference_pipelines import generate_images, settings
from tests.hub_server import Hub, commit, use_local_hub

from prettyuseful.errors import DataError
from prettyuseful.generators.choice import GeneratorChoice, Lora
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model, pin_model
from prettyuseful.generators.pinning import PinnedChoice, pin_generator
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics

Tiny = Callable[[str], Path]


@pytest.fixture
def hub(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with two models and one repository without a model; its cache is empty."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("no model")
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
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


def test_hub_id_needs_no_row(hub: Hub) -> None:
    model = find_model("we/flux")
    assert (model.id, model.family, model.distilled) == ("we/flux", "flux", True)
    assert sorted(hub.sent) == ["model_index.json", "scheduler/scheduler_config.json", "transformer/config.json"]


def test_model_card_on_the_hub_tells_that_a_model_is_made_for_few_steps(hub: Hub, tiny: Tiny, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny("sd"), tmp_path / "model")
    hub.repositories["we/quick"] = copy
    assert find_model("we/quick").few_steps == ""
    hub.push("we/quick", shutil.copytree(copy, tmp_path / "with-card"))
    (tmp_path / "with-card" / "README.md").write_text("pipe(prompt, num_inference_steps=2, guidance_scale=0)")
    assert find_model("we/quick").few_steps == "its model card asks for 2 steps"


def test_encoding_and_sampling_download_disjoint_components(hub: Hub) -> None:
    encoder("we/sd")
    text = {file for file in hub.sent if file.endswith(".safetensors")}
    hub.sent.clear()
    sampler("we/sd")
    image = {file.split("/")[0] for file in hub.sent if file.endswith(".safetensors")}
    assert text == {"text_encoder/model.safetensors"}
    assert image == {"unet", "vae"}


def test_hub_model_gives_the_same_images_as_its_folder(hub: Hub, tiny: Tiny) -> None:
    assert hub.repositories
    expected = generate_images(str(tiny("sd")), cfg=4.0)
    assert np.array_equal(generate_images("we/sd", cfg=4.0), expected)
    assert np.array_equal(generate_images(f"we/sd@{commit('we/sd')}", cfg=4.0), expected)


def test_downloaded_model_works_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in (encoder, sampler):
        attempt("we/flux")
    hub.repositories.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for attempt in (encoder, sampler):
        attempt("we/flux")
    assert "its weights are not on this machine" in refusal(encoder, "we/sd")


def test_revision_is_respected(hub: Hub, tiny: Tiny) -> None:
    hub.repositories["we/sd@large"] = tiny("sdxl")
    assert (find_model("we/sd").family, find_model("we/sd@large").family) == ("sd", "sdxl")
    assert np.array_equal(generate_images("we/sd@large", cfg=4.0), generate_images(str(tiny("sdxl")), cfg=4.0))


def test_missing_revision_is_reported(hub: Hub) -> None:
    assert hub.repositories
    assert "no such revision; check the revision after the @" in refusal(find_model, "we/sd@v9")


def test_missing_repository_is_not_reported_as_gated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.repositories
    line = refusal(find_model, "we/nothing")
    assert "the hub has no repository we/nothing that you can access; check the id" in line
    assert "gated" not in line
    monkeypatch.setitem(MODELS, "row", replace(MODELS["sd-1.5"], id="row", path_or_id="we/nothing"))
    for attempt in (encoder, sampler):
        assert "cannot load the generator 'row': the hub has no repository we/nothing" in refusal(attempt, "row")


def test_repository_without_a_pipeline_is_reported(hub: Hub) -> None:
    assert hub.repositories
    assert "'we/notes' is not a diffusers pipeline: it has no model_index.json" in refusal(find_model, "we/notes")


@pytest.mark.parametrize("attempt", [encoder, sampler])
def test_gated_model_error_says_how_to_get_access(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, attempt: Callable[[str], object]
) -> None:
    hub.gated = {"we/flux"}
    monkeypatch.setitem(MODELS, "row", replace(MODELS["flux.1-dev"], id="row", path_or_id="we/flux"))
    expected = "we/flux is gated; accept its licence on the model's page, log in with `hf auth login` or set HF_TOKEN"
    assert f"cannot load the generator 'row': {expected}" in refusal(attempt, "row")
    assert expected in refusal(find_model, "we/flux")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("attempt", [encoder, sampler])
@pytest.mark.parametrize(
    ("name", "path_or_id"), [("sd-1.5", MODELS["sd-1.5"].path_or_id), ("sdxl-refiner", MODELS["sdxl"].path_or_id)]
)
def test_offline_error_says_how_to_download(attempt: Callable[[str], object], name: str, path_or_id: str) -> None:
    line = refusal(attempt, name)
    assert f"cannot load the generator {name!r}: its weights are not on this machine" in line
    assert f"run `hf download {path_or_id}` with network access, or give a local folder" in line


@pytest.mark.usefixtures("offline")
def test_offline_error_of_a_gated_model_mentions_its_licence() -> None:
    line = refusal(encoder, "flux.1-dev")
    assert "`hf download black-forest-labs/FLUX.1-dev`" in line
    assert "accept its licence on the model's page and log in first" in line


@pytest.mark.usefixtures("offline")
def test_offline_unknown_hub_id_is_reported() -> None:
    assert "run `hf download nobody/nothing`" in refusal(find_model, "nobody/nothing")


def test_unreachable_hub_is_treated_as_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits between its attempts
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", "http://127.0.0.1:9")
    assert "the hub cannot be reached; run `hf download we/sd`" in refusal(find_model, "we/sd")
    monkeypatch.setitem(MODELS, "row", replace(MODELS["sd-1.5"], id="row", path_or_id="we/sd"))
    assert "the hub cannot be reached" in refusal(sampler, "row")
    assert hub.sent == []


@pytest.mark.parametrize("content", ["{", "[1]", "5"])
def test_broken_index_is_a_one_line_error(hub: Hub, tmp_path: Path, content: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "model_index.json").write_text(content)
    hub.repositories["we/odd"] = tmp_path / "odd"
    assert "cannot load the generator 'we/odd'" in refusal(find_model, "we/odd")


@pytest.mark.usefixtures("hub")
def test_variants_of_a_repository_are_known_with_and_without_a_network(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pin(variant: str) -> PinnedChoice:
        return pin_generator(GeneratorChoice(model="we/sd", variant=variant)).whole

    pinned = pin("default")
    assert pinned.source.model == f"we/sd@{commit('we/sd')}"
    assert pinned.content == pin_model("we/sd").content
    images = generate_images(pinned.source.model, cfg=1.0)  # downloads the files
    assert (images == generate_images(str(tiny("sd")), cfg=1.0)).all()
    message = "'we/sd' has no weights of the variant 'fp16'; available: default"
    assert refusal(pin, "fp16") == message
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert refusal(pin, "fp16") == message


def test_lora_weights_of_the_hub_are_pinned_by_their_commit(hub: Hub, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "lora").mkdir()
    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    state = {f"{key}.lora_A.weight": torch.ones(2, 32), f"{key}.lora_B.weight": torch.ones(32, 2)}
    save_file(state, tmp_path / "lora" / "style.safetensors")
    hub.repositories["we/lora"] = tmp_path / "lora"
    choice = GeneratorChoice(model=str(tiny("sd")), lora=Lora(id="we/lora"))
    pinned = pin_generator(choice)
    lora = pinned.image.source.loras[0]
    assert (lora.id, lora.file) == (f"we/lora@{commit('we/lora')}", "style.safetensors")
    sampler = DiffusersSampler(pinned.image.source, settings(choice.model, cfg=1.0), Numerics())
    plain = DiffusersSampler(choice.model, settings(choice.model, cfg=1.0), Numerics())
    weights = [made.pipeline.unet.state_dict()[f"{key.removeprefix('unet.')}.weight"] for made in (sampler, plain)]
    assert torch.allclose(weights[0], weights[1] + 2, atol=1e-5)
    assert pin_generator(choice).text.content == pin_generator(GeneratorChoice(model=choice.model)).text.content


def test_a_row_with_few_step_weights_is_its_model_with_these_weights(hub: Hub, tiny: Tiny, tmp_path: Path) -> None:
    weights = MODELS["sdxl-lightning"].few_step_weights
    assert weights is not None
    (tmp_path / "lora").mkdir()
    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    state = {f"{key}.lora_A.weight": torch.ones(2, 32), f"{key}.lora_B.weight": torch.ones(32, 2)}
    save_file(state, tmp_path / "lora" / weights.file)
    hub.repositories |= {MODELS["sdxl"].path_or_id: tiny("sdxl"), weights.repository: tmp_path / "lora"}
    written_out = GeneratorChoice(
        model="sdxl",
        lora=Lora(id=weights.repository, file=weights.file),
        scheduler={"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    )
    pinned = pin_generator(GeneratorChoice(model="sdxl-lightning"))
    assert pinned == pin_generator(written_out)
    assert pinned.image.source.loras[0].id == f"{weights.repository}@{commit(weights.repository)}"
    sampling = settings("sdxl", cfg=1.0)
    by_name, by_pin, plain = (
        DiffusersSampler(choice, sampling, Numerics()) for choice in ("sdxl-lightning", pinned.image.source, "sdxl")
    )
    changed, same, without = (
        made.pipeline.unet.state_dict()[f"{key.removeprefix('unet.')}.weight"] for made in (by_name, by_pin, plain)
    )
    assert torch.equal(changed, same)
    assert torch.allclose(changed, without + 2, atol=1e-5)
    assert by_name.pipeline.scheduler.config.timestep_spacing == "trailing"
