from __future__ import annotations

import doctest
import importlib
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
from prettyuseful.metrics.jackknife import leave_out_blocks
from prettyuseful.metrics.rows import family_rows, pinned_family, requested_metrics

FOLDER = Path(metrics.__file__).parent
OWN = "from prettyuseful.metrics import Metric\nfrom prettyuseful.metrics import kid\n"


def arguments(metric: Metric, count: int = 12) -> list[np.ndarray]:
    """Return valid arguments of the metric's function, for one class."""
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(2, count, 5))
    return {
        "both": [real, synthetic + 0.5],
        "synthetic": [synthetic],
        "texts": [real, synthetic],
        "logits": [real, np.arange(count) % 5],
        "scores": [*rng.uniform(0, 0.5, (2, count))],
    }[metric.reads]


@pytest.mark.parametrize("name", list(METRICS.rows))
def test_every_row_returns_valid_values(name: str) -> None:
    """The function returns values of the declared kind within the declared bounds."""
    metric = METRICS[name]
    arrays = arguments(metric)
    values = (
        metric.values(metric.call(*arrays), 12) if metric.per_image else metric.combine(metric.class_number(*arrays))
    )
    assert metric.low is None or values.min() >= metric.low
    assert metric.high is None or values.max() <= metric.high
    assert not metric.share or set(values) <= {0, 1}
    assert metric.summary
    assert metric.words.endswith(".")


@pytest.mark.parametrize(
    "metric", [metric for metric in METRICS if metric.leave_out and metric.per == "set"], ids=lambda metric: metric.name
)
def test_leave_out_functions_equal_the_generic_way(metric: Metric) -> None:
    arrays, blocks = arguments(metric), [np.arange(12) % 4] * 2
    wanted = leave_out_blocks(metric.function, arrays, blocks)
    np.testing.assert_allclose(metric.leave_out_numbers(arrays, blocks), wanted, rtol=1e-9)


def test_rows_of_a_family_share_arguments_and_k_and_those_per_image_the_function() -> None:
    for metric in METRICS:
        rows = family_rows(metric.family)
        assert metric in rows
        assert {(row.reads, row.k) for row in rows} == {(metric.reads, metric.k)}
        assert len({row.function for row in rows if row.per_image}) <= 1
    assert [row.name for row in family_rows("manifold")] == ["density", "coverage", "precision", "recall"]


def test_metrics_that_come_with_another_are_requested_with_it() -> None:
    assert list(requested_metrics(["vendi", "kid"])) == ["vendi", "vendi-per-class", "kid"]
    assert list(requested_metrics(["vendi-per-class"])) == ["vendi-per-class"]


def test_a_user_defined_metric_enters_keys_by_the_content_of_its_file(tmp_path: Path) -> None:
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
def test_duplicate_names_raise_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN + f'OWN = Metric(name="{name}", summary="x", function=kid, per="set")\nAGAIN = OWN\n')
    with pytest.raises(DataError, match=f"mine:OWN has the name '{name}', which a built-in metric already has"):
        requested_metrics([f"{file}:OWN"])
    file.write_text(file.read_text().replace(f'"{name}"', '"own"'))
    with pytest.raises(DataError, match="mine:AGAIN has the name 'own', which mine:OWN already has"):
        requested_metrics([f"{file}:OWN", f"{file}:AGAIN"])


def test_invalid_rows_raise_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN + 'WRONG = Metric(name="own", summary="x", function=kid, per="image")\n')
    with pytest.raises(UnknownNameError, match="metric 'own': invalid per='image'; choose synthetic image"):
        METRICS[f"{file}:WRONG"]
    file.write_text(OWN)
    with pytest.raises(UnknownNameError, match=r"has the type function, .* must have the type Metric"):
        METRICS[f"{file}:kid"]
    with pytest.raises(UnknownNameError, match="unknown metric 'densty'; did you mean 'density'"):
        METRICS["densty"]


def test_public_functions_are_importable() -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 20, 4))
    result = prettyuseful.metrics.manifold(real, synthetic, k=5)
    assert 0 <= result.coverage <= 1
    for name in metrics.__all__:
        assert getattr(metrics, name) is not None
    assert {*METRICS.rows} == {metric.name for metric in METRICS}


def test_examples_of_the_docs_run(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    functions, own = (
        re.findall(r"```python\n(.*?)```", (docs / page).read_text("utf-8"), re.DOTALL)[0]
        for page in ("how-to/encoders-and-metrics.md", "contributing/adding-a-metric.md")
    )
    exec(functions, {})
    (tmp_path / "mine.py").write_text(own)
    metric = METRICS[f"{tmp_path / 'mine.py'}:SPREAD"]
    assert metric.values(metric.call(np.eye(3)), 3).min() > 0


def test_no_module_has_the_name_of_a_public_function() -> None:
    """Importing `metrics.x` sets the attribute x of the package, which would replace a function of that name."""
    assert not {path.stem for path in FOLDER.glob("*.py")} & set(metrics.__all__)


@pytest.mark.parametrize("first", ["prettyuseful.metrics.prdc, prettyuseful.metrics.kernel", "prettyuseful.metrics"])
def test_functions_do_not_depend_on_the_import_order(first: str) -> None:
    code = (
        f"import {first}\nfrom prettyuseful.metrics import manifold, frechet_distance, kid, cmmd, vendi_score, "
        "nearest_distance, clip_score\nimport prettyuseful.metrics.nearest, prettyuseful.metrics.prdc\n"
        "from prettyuseful import metrics\nassert callable(metrics.manifold) and metrics.manifold is manifold\n"
        "import sys\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["", ".alignment", ".frechet", ".kernel", ".nearest", ".prdc", ".vendi"])
def test_examples_of_the_docstrings_run(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"prettyuseful.metrics{module}"))
    assert outcome.attempted
    assert not outcome.failed
