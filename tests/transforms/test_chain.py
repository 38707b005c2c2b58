from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import TransformSource
from prettyuseful.transforms.chain import AnyTransform, Chain
from prettyuseful.transforms.check import check_transform
from prettyuseful.transforms.custom import open_custom

ANY: TypeAdapter[Any] = TypeAdapter(AnyTransform)
FORMS = """
- {kind: band, keep: [0.1, all], shape: round, rescale: none}
- {kind: edges}
- {kind: depth, model: small}
- {kind: vae, generator: pocket-base}
- {kind: colour-shift, shift: [0.1, 0, 0], contrast: 0.9}
- {kind: patch-shuffle, grid: 4}
- {kind: blur, width: 0.02}
- {kind: grating, frequency: 0.5, amplitude: 0.1, angle: 45}
- {kind: own, transform: "negative.py:Negative"}
- kind: chain
  transforms:
    - {kind: vae, generator: pocket-base}
    - {kind: band, keep: [0, 0.25]}
"""
NEGATIVE = "class Negative:\n    def apply(self, images):\n        return 255 - images\n"


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "negative.py").write_text(NEGATIVE)
    return f"{tmp_path / 'negative.py'}:Negative"


@pytest.mark.parametrize("form", yaml.safe_load(FORMS), ids=lambda form: form["kind"])
def test_what_a_study_file_says(form: dict[str, Any]) -> None:
    source = ANY.validate_python(form)
    assert isinstance(source, TransformSource)
    assert ANY.validate_json(ANY.dump_json(source)) == source
    hash(source)
    with pytest.raises(ValidationError, match="extra"):
        ANY.validate_python({**form, "typo": 1})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(source, "kind", "other")  # noqa: B010


@pytest.mark.parametrize("form", yaml.safe_load(FORMS), ids=lambda form: form["kind"])
def test_each_keeps_the_contract(form: dict[str, Any], own: str) -> None:
    if form["kind"] == "depth":
        pytest.skip("its weights are not here; see test_depth.py")
    source = ANY.validate_python({**form, "transform": own} if form["kind"] == "own" else form)
    assert [finding.problem for finding in check_transform(lambda: source.open(Numerics()))] == [None] * 9


def test_what_planning_needs_loads_no_torch() -> None:
    code = (
        "from prettyuseful.transforms.chain import *; import sys; "
        "Chain(transforms=(Vae(generator='pocket-base'), Depth(), Edges(), Band(keep=(0, 1)))).identity(); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_works_on_what_the_one_before_it_made(crops: np.ndarray) -> None:
    shift, shuffle = {"kind": "colour-shift", "contrast": 0}, {"kind": "grating", "frequency": 0.5}

    def made(*links: dict[str, Any]) -> np.ndarray:
        return Chain.model_validate({"transforms": links}).open(Numerics()).apply(crops)

    assert np.ptp(made(shuffle, shift)) == 0
    assert np.ptp(made(shift, shuffle)) > 0
    assert (made(shift, shuffle) == made(shift, shuffle)[0]).all()


def test_the_identity_is_that_of_the_links_in_order() -> None:
    links = [{"kind": "edges"}, {"kind": "blur", "width": 0.1}]
    chain, turned = (Chain.model_validate({"transforms": order}) for order in (links, links[::-1]))
    assert chain.identity() == {
        "kind": "chain",
        "transforms": [link.identity() for link in chain.transforms],
        "version": 1,
    }
    assert chain.identity() != turned.identity()


def test_a_class_of_ones_own_is_known_by_its_text(own: str, crops: np.ndarray) -> None:
    source = ANY.validate_python({"kind": "own", "transform": own})
    assert (source.open(Numerics()).apply(crops) == 255 - crops).all()
    before = source.identity()
    assert str(Path(own).parent) not in str(before)
    Path(own.rpartition(":")[0]).write_text(NEGATIVE.replace("255", "254"))
    assert source.identity() != before


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("[1, 2]", "returned a list, not a NumPy array"),
        ("images[0]", r"have the shape \(32, 32, 3\)"),
        ("images[:1]", "returned 1 images for 48"),
        ("images / 255", "are float64, not uint8"),
    ],
)
def test_what_is_no_image_is_refused(own: str, crops: np.ndarray, returned: str, words: str) -> None:
    Path(own.rpartition(":")[0]).write_text(NEGATIVE.replace("255 - images", returned))
    with pytest.raises(DataError, match=rf"negative:Negative: .*{words}.*; try `prettyuseful check probe`"):
        ANY.validate_python({"kind": "own", "transform": own}).open(Numerics()).apply(crops)


def test_a_class_that_is_no_transform_is_one_clear_line(own: str) -> None:
    file = Path(own.rpartition(":")[0])
    file.write_text(NEGATIVE.replace("apply", "change"))
    with pytest.raises(DataError, match="negative:Negative has no method 'apply'"):
        open_custom(own)
    file.write_text(NEGATIVE + "    def __init__(self, strength): ...\n")
    with pytest.raises(DataError, match=r"negative:Negative\(\) failed: TypeError: .*strength"):
        open_custom(own)
    with pytest.raises(UnknownNameError, match="did you mean 'Negative'"):
        open_custom(own.replace("Negative", "Negativ"))
