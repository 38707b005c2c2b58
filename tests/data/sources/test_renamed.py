from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.open import open_source
from prettyuseful.data.sources.renamed import rename_classes


@pytest.fixture
def source(tmp_path: Path) -> SampledSource:
    for number, name in enumerate(("n01440764", "n02099601", "lab")):
        (tmp_path / "set" / name).mkdir(parents=True)
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4), (number, 0, 0)).save(buffer, "PNG")
        (tmp_path / "set" / name / "1.png").write_bytes(buffer.getvalue())
    return open_source(str(tmp_path / "set"))


def test_classes_get_other_names_in_the_same_order(source: SampledSource) -> None:
    renamed = rename_classes(source, {"n01440764": "tench", "n02099601": "golden retriever", "absent": "x"})
    assert source.class_names() == ("lab", "n01440764", "n02099601")
    assert renamed.class_names() == ("lab", "tench", "golden retriever")
    assert renamed.counts() == {"lab": 1, "tench": 1, "golden retriever": 1}
    assert [sample.label for sample in renamed.samples()] == ["lab", "tench", "golden retriever"]
    assert (renamed.kind, renamed.location, renamed.notes()) == (source.kind, source.location, source.notes())


def test_images_stay_the_same(source: SampledSource) -> None:
    renamed = rename_classes(source, {"n01440764": "tench"})
    assert renamed.content_ids() == source.content_ids()
    assert [data for _, data in renamed.read_in_order(["n01440764/1.png"])] == [
        (Path(source.location) / "n01440764/1.png").read_bytes()
    ]
    assert [row.label for row in renamed.rows(["tench", "lab", "n02099601"], 1)] == [0, 1, 2]
    assert renamed.fingerprint() != source.fingerprint()
    assert rename_classes(source, {}) is source


def test_classes_with_one_name_become_one_class(source: SampledSource) -> None:
    renamed = rename_classes(source, {"n02099601": "retriever", "lab": "retriever"})
    assert renamed.counts() == {"retriever": 2, "n01440764": 1}
    assert renamed.class_names() == ("retriever", "n01440764")
