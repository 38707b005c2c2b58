"""The rows of models that the paper did not measure."""

from __future__ import annotations

from prettyuseful.generators.model_rows.others import OTHERS
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.models import sampling_memory
from prettyuseful.generators.settings import resolve_sampling


def test_the_paper_has_no_settings_for_them() -> None:
    assert [model.id for model in OTHERS if model.paper] == []
    assert {model.id for model in OTHERS}.isdisjoint(model.id for model in PAPER)


def test_they_are_in_the_order_of_their_release() -> None:
    released = [model.released or "9999" for model in OTHERS]
    assert released == sorted(released)


def test_few_step_models_are_sampled_in_few_steps_without_guidance() -> None:
    few = {model.id: model.vendor for model in OTHERS if (model.vendor.steps or 0) < 10}
    assert set(few) == {
        *("sd-turbo", "sana-sprint-1.6b", "hunyuanimage-2.1-distilled", "z-image-turbo"),
        *("flux.2-klein-4b", "flux.2-klein-9b", "sdxl-lcm", "sdxl-lightning", "sdxl-hyper"),
    }
    assert {vendor.cfg for vendor in few.values()} == {1.0}


def test_memory_that_was_not_counted_is_unknown() -> None:
    sizes = {model.id: sampling_memory(model.id, resolve_sampling("vendor", model), 1, "bfloat16") for model in OTHERS}
    few = {model.id for model in OTHERS if model.few_step_weights}
    assert {name for name, size in sizes.items() if size} == {"sd-turbo", "flux.1-krea-dev", *few}
    assert sizes["sd-turbo"] < 5e9 < 20e9 < sizes["flux.1-krea-dev"]
