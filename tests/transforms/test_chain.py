from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from tests.transforms.measures import content_of

from prettyuseful.errors import StudyError
from prettyuseful.numerics import Numerics
from prettyuseful.study.reading import parse_study
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.chain import AnyTransform, Chain
from prettyuseful.transforms.check import check_transform
from prettyuseful.transforms.degradation import Blur, Jpeg
from prettyuseful.transforms.vae import Vae

ANY: TypeAdapter[Any] = TypeAdapter(AnyTransform)
FORMS = """
- {kind: band, keep: [0.1, all], shape: round, rescale: none}
- {kind: edges}
- {kind: depth, model: small}
- {kind: vae, generator: pocket-base}
- {kind: colour-shift, shift: [0.1, 0, 0], contrast: 0.9}
- {kind: colour, hue: -40, saturation: 1.5}
- {kind: blur, width: 0.02}
- {kind: low-resolution, factor: 0.4}
- {kind: jpeg, quality: 30}
- {kind: noise, deviation: 0.05, seed: 3}
- {kind: grating, frequency: 0.5, amplitude: 0.1, angle: 45}
- {kind: patch-shuffle, grid: 4}
- {kind: zoom, factor: 1.7}
- {kind: zoom, factor: 0.6}
- {kind: own, transform: "negative.py:Negative"}
- kind: chain
  transforms:
    - {kind: vae, generator: pocket-base}
    - {kind: band, keep: [0, 0.25]}
"""


@pytest.mark.parametrize("form", yaml.safe_load(FORMS), ids=lambda form: form["kind"])
def test_transforms_of_a_study_file_are_parsed(form: dict[str, Any]) -> None:
    source = ANY.validate_python(form)
    assert isinstance(source, TransformSource)
    assert ANY.validate_json(ANY.dump_json(source)) == source
    hash(source)
    with pytest.raises(ValidationError, match="extra"):
        ANY.validate_python({**form, "typo": 1})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(source, "kind", "other")  # noqa: B010


@pytest.mark.parametrize("form", yaml.safe_load(FORMS), ids=lambda form: form["kind"])
def test_each_transform_passes_its_interface_check(form: dict[str, Any], own: str) -> None:
    if form["kind"] == "depth":
        pytest.skip("its weights are not here; see test_depth.py")
    source = ANY.validate_python({**form, "transform": own} if form["kind"] == "own" else form)
    assert [finding.problem for finding in check_transform(lambda: source.open(Numerics()))] == [None] * 9


SIZE_KEEPING = ("colour-shift", "colour", "blur", "low-resolution", "jpeg", "noise", "grating", "zoom")


@pytest.mark.parametrize(
    "form", [f for f in yaml.safe_load(FORMS) if f["kind"] in SIZE_KEEPING], ids=lambda f: f["kind"]
)
@settings(max_examples=25, deadline=None)
@drawn(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 99))
def test_transforms_accept_images_of_any_size(form: dict[str, Any], height: int, width: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)
    given, transform = images.copy(), ANY.validate_python(form).open(Numerics())
    given.flags.writeable = False
    changed = transform.apply(given)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    assert (given == images).all()
    assert (changed[1] == transform.apply(np.asfortranarray(images[1:]))[0]).all()


STUDY = """
version: 1
task: photos
datasets: {one: {generator: pocket-base, images_per_class: 10}}
train: {probes: [changed]}
probes:
  changed: {transform: FORM}
"""


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("{kind: colour-shift, shift: [2, 0, 0]}", "shift.0: expected a number from -1 to 1, got 2"),
        ("{kind: colour, hue: 181}", "hue: expected a number from -180 to 180, got 181"),
        ("{kind: colour, saturation: -1}", "saturation: expected a number from 0 to 10, got -1"),
        ("{kind: colour, saturation: .nan}", "saturation: expected a number from 0 to 10, got nan"),
        ("{kind: blur, width: 0}", "width: expected a number above 0 and at most 1, got 0"),
        ("{kind: low-resolution, factor: 1}", "factor: expected a number above 0 and below 1, got 1"),
        ("{kind: low-resolution, factor: 0}", "factor: expected a number above 0 and below 1, got 0"),
        ("{kind: low-resolution}", "'probes.changed.transform.factor' is missing"),
        ("{kind: jpeg, quality: 0}", "quality: expected a whole number from 1 to 100, got 0"),
        ("{kind: jpeg, quality: 101}", "quality: expected a whole number from 1 to 100, got 101"),
        ("{kind: jpeg, quality: 49.5}", "quality: expected a whole number from 1 to 100, got 49.5"),
        ("{kind: noise, deviation: 0}", "deviation: expected a number above 0 and at most 1, got 0"),
        ("{kind: noise, deviation: 1.1}", "deviation: expected a number above 0 and at most 1, got 1.1"),
        ("{kind: noise, deviation: 0.1, seed: -1}", "seed: expected a whole number of 0 or more, got -1"),
        ("{kind: grating, frequency: 1.5}", "frequency: expected a number above 0 and at most 1, got 1.5"),
        ("{kind: patch-shuffle, grid: 1}", "grid: expected a whole number from 2 to 64, got 1"),
        ("{kind: zoom, factor: 0.06}", "factor: expected a number from 0.0625 to 16, got 0.06"),
        ("{kind: zoom, factor: 16.5}", "factor: expected a number from 0.0625 to 16, got 16.5"),
    ],
)
def test_invalid_settings_are_reported_with_their_line(form: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        parse_study(STUDY.replace("FORM", form))
    assert str(error.value).startswith("study:7: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_planning_does_not_import_torch() -> None:
    code = (
        "from prettyuseful.transforms.chain import *; import sys; "
        "Chain(transforms=(Vae(generator='pocket-base'), Depth(), Edges(), Band(keep=(0, 1)))).pin().content; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_transform_is_applied_to_the_previous_result(crops: np.ndarray) -> None:
    shift, shuffle = {"kind": "colour-shift", "contrast": 0}, {"kind": "grating", "frequency": 0.5}

    def made(*links: dict[str, Any]) -> np.ndarray:
        return Chain.model_validate({"transforms": links}).open(Numerics()).apply(crops)

    assert np.ptp(made(shuffle, shift)) == 0
    assert np.ptp(made(shift, shuffle)) > 0
    assert (made(shift, shuffle) == made(shift, shuffle)[0]).all()


def test_content_of_a_chain_is_that_of_its_transforms_in_order() -> None:
    links = [{"kind": "edges"}, {"kind": "blur", "width": 0.1}]
    chain, turned = (Chain.model_validate({"transforms": order}) for order in (links, links[::-1]))
    assert content_of(chain) == {
        "kind": "chain",
        "transforms": [content_of(link) for link in chain.transforms],
        "version": 1,
    }
    assert content_of(chain) != content_of(turned)


def test_chain_uses_a_device_if_one_of_its_links_does() -> None:
    available = Numerics(device="cuda", threads=2, compile=True)
    formulas = Chain(transforms=(Blur(width=0.1), Jpeg(quality=50)))
    assert formulas.numerics(available) == Blur(width=0.1).numerics(available) == Numerics(threads=2)
    assert Chain(transforms=(Blur(width=0.1), Vae(generator="pocket-base"))).numerics(available) == available
