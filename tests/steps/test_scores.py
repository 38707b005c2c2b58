from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.composite import sum_of_z_scores
from prettyuseful.aesthetics.rows import PRETTINESS_PARTS, offline_scores
from prettyuseful.data.dataset import read_shard
from prettyuseful.data.images import decode
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import DataError
from prettyuseful.steps.scores import ScoreTable, read_scores, score_specs

Make = Callable[..., Artifact]
OWN = """
from prettyuseful.aesthetics import Score
REDDEST = Score(name="reddest", summary="red", function=lambda image: image.pixels[..., 0].max())
BROKEN = Score(name="broken", summary="none", function=lambda image: float("nan"))
FAILING = Score(name="failing", summary="none", function=lambda image: image.no_such_plane)
"""


def test_every_image_is_scored_at_its_stored_size_in_order(make: Make, load: Callable[[int], Artifact]) -> None:
    dataset = load(3)
    [spec] = score_specs(["contrast"], threads=2)
    table = read_scores(make(spec, dataset=dataset))
    rows = [*read_shard(dataset.path(dataset.manifest.files[0].name))]
    assert table.names == offline_scores()
    assert table.labels.tolist() == [row.label for row in rows]
    assert table.groups.tolist() == [row.group for row in rows]
    for row, values in zip(rows, table.values, strict=True):
        pixels = np.asarray(decode(row.data, row.path))
        assert values.tolist() == [SCORES[name].of(pixels) for name in table.names]


def test_neither_threads_nor_the_requested_choice_change_the_key(make: Make, load: Callable[[int], Artifact]) -> None:
    specs = [*score_specs(["contrast"]), *score_specs(["prettiness", "exposure"], threads=4)]
    assert len({str(spec.key_content()) for spec in specs}) == 1
    assert [spec.needs.threads for spec in specs] == [1, 4]
    results = [make(spec, dataset=load(2)).manifest.files for spec in specs]
    assert results[0] == results[1]


def test_a_score_of_a_user_has_a_step_of_its_own(make: Make, load: Callable[[int], Artifact], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    name, dataset = f"{tmp_path / 'own.py'}:REDDEST", load(2)
    specs = score_specs([name, "contrast"])
    table = read_scores(*(make(spec, dataset=dataset) for spec in specs))
    assert table.names == ("reddest", *offline_scores())
    assert table.column("reddest").min() >= 0
    (tmp_path / "own.py").write_text(OWN + "# changed")
    assert score_specs([name])[0].key_content() != specs[0].key_content()


def test_a_score_that_is_not_finite_is_reported(make: Make, load: Callable[[int], Artifact], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    [spec] = score_specs([f"{tmp_path / 'own.py'}:BROKEN"])
    with pytest.raises(DataError, match="score 'broken' returned nan; return one finite number per image"):
        make(spec, dataset=load(1))
    [spec] = score_specs([f"{tmp_path / 'own.py'}:FAILING"])
    with pytest.raises(DataError, match=r"score own:FAILING: .*AttributeError.*no_such_plane"):
        make(spec, dataset=load(1))


def test_a_composite_is_computed_from_its_columns() -> None:
    rng = np.random.default_rng(0)
    labels, names = np.repeat([0, 1], 5), (*PRETTINESS_PARTS, "exposure")
    table, real = (ScoreTable(names, rng.normal(size=(10, 4)), labels, labels.astype(str)) for _ in range(2))
    np.testing.assert_allclose(table.column("prettiness"), sum_of_z_scores(table.values[:, :3], labels))
    np.testing.assert_allclose(
        table.column("prettiness", real), sum_of_z_scores(table.values[:, :3], labels, real.values[:, :3], labels)
    )
    np.testing.assert_array_equal(table.column("exposure"), table.values[:, 3])
    rows = np.array([7, 2])
    np.testing.assert_array_equal(table.take(rows).column("exposure"), table.values[rows, 3])
