from __future__ import annotations

from pathlib import Path

import numpy as np

from prettyuseful.metrics.manifold import manifold
from prettyuseful.steps.measures import _halves


def test_halves_share_no_group_and_are_nearly_equal() -> None:
    groups = np.repeat([f"g{i}" for i in range(13)], 7)
    first, second = _halves(groups, np.arange(len(groups)))
    assert not set(groups[first]) & set(groups[second])
    assert sorted([*first, *second]) == list(range(len(groups)))
    assert abs(len(first) - len(second)) <= 7


def test_halves_do_not_depend_on_the_order_of_images() -> None:
    groups = np.array([f"g{i % 9}" for i in range(60)])
    order = np.random.default_rng(0).permutation(60)
    first, _ = _halves(groups, np.arange(60))
    again, _ = _halves(groups[order], np.arange(60))
    assert set(groups[first]) == set(groups[order][again])


def test_a_finished_study_measures_what_the_metric_says(finished: Path) -> None:
    """The numbers in the record are those of the pure function on the stored features."""
    from prettyuseful.store.local import LocalStore
    from prettyuseful.study.records import DatasetRecord, read_records

    records = read_records(finished / "out" / "records")
    record = next(r for r in records if isinstance(r, DatasetRecord) and not r.control)
    store = LocalStore(finished / "store")
    measured = store.read(record.keys["measure"])
    assert measured is not None
    inputs = {name: store.read(key) for name, key in measured.manifest.inputs.items()}
    real, synthetic = inputs["reference"], inputs["candidate"]
    assert real is not None
    assert synthetic is not None
    labels, groups = np.load(real.path("labels.npy")), np.load(real.path("groups.npy"))
    features, other = np.load(real.path("features.npy")), np.load(synthetic.path("features.npy"))
    other_labels = np.load(synthetic.path("labels.npy"))
    assert record.manifold is not None
    for label in (0, 1):
        first, _ = _halves(groups, np.flatnonzero(labels == label))
        assert len(first) == record.manifold.images_per_class[label] == 7
        wanted = manifold(features[first], other[other_labels == label])
        part = record.manifold.parts["coverage"][label]
        assert sum(part.sums) / sum(part.sizes) == wanted.coverage
