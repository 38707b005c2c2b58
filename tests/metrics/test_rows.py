from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import prettyuseful
from prettyuseful import metrics
from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.metrics.jackknife import without_blocks
from prettyuseful.metrics.rows import family_rows, pinned_family, requested_metrics

FOLDER = Path(metrics.__file__).parent
OWN = "from prettyuseful.metrics import Metric\nfrom prettyuseful.metrics import kid\n"


def arguments(metric: Metric, count: int = 12) -> list[np.ndarray]:
    """Two sets of features, or what else the metric reads, of one class."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, count, 5))
    return {
        "both": [one, other + 0.5],
        "synthetic": [other],
        "texts": [one, other],
        "logits": [one, np.arange(count) % 5],
    }[metric.reads]


@pytest.mark.parametrize("name", list(METRICS.rows))
def test_every_row_measures(name: str) -> None:
    """Its function is there, and what comes out is of the kind and within the bounds that the row says."""
    metric = METRICS[name]
    arrays = arguments(metric)
    values = metric.values(metric.call(*arrays), 12) if metric.per_image else np.array([metric.number(*arrays)])
    assert metric.low is None or values.min() >= metric.low
    assert metric.high is None or values.max() <= metric.high
    assert not metric.share or set(values) <= {0, 1}
    assert metric.summary
    assert metric.words.endswith(".")


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.without], ids=lambda metric: metric.name)
def test_a_faster_way_gives_the_same_numbers(metric: Metric) -> None:
    arrays, blocks = arguments(metric), [np.arange(12) % 4] * 2
    wanted = without_blocks(metric.function, arrays, blocks)
    np.testing.assert_allclose(metric.numbers_without(arrays, blocks), wanted, rtol=1e-9)


def test_rows_of_a_family_share_function_reading_and_neighbours() -> None:
    for metric in METRICS:
        rows = family_rows(metric.family)
        assert metric in rows
        assert {(row.function, row.reads, row.k) for row in rows} == {(metric.function, metric.reads, metric.k)}
    assert [row.name for row in family_rows("manifold")] == ["density", "coverage", "precision", "recall"]


def test_what_comes_with_a_metric_is_measured_with_it() -> None:
    assert list(requested_metrics(["vendi", "kid"])) == ["vendi", "vendi-per-class", "kid"]
    assert list(requested_metrics(["vendi-per-class"])) == ["vendi-per-class"]


def test_an_own_metric_is_in_the_key_by_its_files_content(tmp_path: Path) -> None:
    file, other = tmp_path / "mine.py", tmp_path / "other.py"
    for path in (file, other):
        path.write_text(OWN + 'OWN = Metric(name="own", summary="x", function=kid, per="set")\n')
    before = pinned_family(f"{file}:OWN")
    assert before.source == f"{file}:OWN"
    assert family_rows(before.source)[0].name == "own"
    assert pinned_family(f"{other}:OWN").content == before.content
    file.write_text(file.read_text() + "# changed\n")
    assert pinned_family(f"{file}:OWN").content != before.content
    assert pinned_family("density").content == pinned_family("recall").content == "manifold"


@pytest.mark.parametrize("name", ["kid", "manifold"])
def test_two_metrics_of_one_name_are_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN + f'OWN = Metric(name="{name}", summary="x", function=kid, per="set")\nAGAIN = OWN\n')
    with pytest.raises(DataError, match=f"mine:OWN is called '{name}', as one of the package is"):
        requested_metrics([f"{file}:OWN"])
    file.write_text(file.read_text().replace(f'"{name}"', '"own"'))
    with pytest.raises(DataError, match="mine:AGAIN is called 'own', as mine:OWN is"):
        requested_metrics([f"{file}:OWN", f"{file}:AGAIN"])


def test_what_is_no_row_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN + 'WRONG = Metric(name="own", summary="x", function=kid, per="image")\n')
    with pytest.raises(UnknownNameError, match="metric 'own': per is 'image'; known: synthetic image"):
        METRICS[f"{file}:WRONG"]
    file.write_text(OWN)
    with pytest.raises(UnknownNameError, match=r"is of the type function; .* is of the type Metric"):
        METRICS[f"{file}:kid"]
    with pytest.raises(UnknownNameError, match="unknown metric 'densty'; did you mean 'density'"):
        METRICS["densty"]


def test_public_functions_are_there_as_written() -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 20, 4))
    found = prettyuseful.metrics.manifold(real, synthetic, k=5)
    assert 0 <= found.coverage <= 1
    for name in metrics.__all__:
        assert getattr(metrics, name) is not None
    assert {*METRICS.rows} == {metric.name for metric in METRICS}


def test_the_examples_of_the_docs_run(tmp_path: Path) -> None:
    functions, own = re.findall(
        r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8"), re.DOTALL
    )
    exec(functions, {})
    (tmp_path / "mine.py").write_text(own)
    metric = METRICS[f"{tmp_path / 'mine.py'}:SPREAD"]
    assert metric.values(metric.call(np.eye(3)), 3).min() > 0


def test_no_module_takes_the_place_of_a_function() -> None:
    """An import of `metrics.x` puts the module x into the package, whatever stood there under that name."""
    assert not {path.stem for path in FOLDER.glob("*.py")} & set(metrics.__all__)


@pytest.mark.parametrize("first", ["prettyuseful.metrics.prdc, prettyuseful.metrics.kernel", "prettyuseful.metrics"])
def test_functions_are_functions_whichever_is_imported_first(first: str) -> None:
    code = (
        f"import {first}\nfrom prettyuseful.metrics import manifold, frechet_distance, kid, cmmd, vendi_score, "
        "nearest_distance, clip_score\nimport prettyuseful.metrics.nearest, prettyuseful.metrics.prdc\n"
        "from prettyuseful import metrics\nassert callable(metrics.manifold) and metrics.manifold is manifold\n"
        "import sys\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
