"""Plan a forecast: a study whose data sets are all measured, and of which few are trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from prettyuseful.encoders.packaged_weights import packaged_file
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.encoders.table import EFFICIENTNET_LITE0
from prettyuseful.hub.commits import cached_snapshot
from prettyuseful.metrics.rows import METRICS
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.file import Study

_NOT_FORECAST = ("until", "at_most", "halving", "real_curve", "curve_seeds")  # settings of train


def forecast_plan(study: Study, metrics: Iterable[str]) -> Plan:
    """Return the plan of a study in which the predictors of a forecast are measured and no data set is trained.

    `Plan.with_datasets` adds the runs of data sets. The forecast is of the first grid cell, without diagnosis, without
    curves, without seeds and data sets that results ask for, and without measurements of re-encoded images.

    Args:
        study: from `load_study` or `parse_study`.
        metrics: that predict; those of texts only if the study has an encoder of texts.

    Raises:
        UserError: see `make_plan`.
    """
    content = study.as_written()
    train: dict[str, Any] = {key: value for key, value in content.get("train", {}).items() if key not in _NOT_FORECAST}
    changes = {"train": train, "curve": None, "diagnosis": False, "metrics": _measured(study, metrics)}
    plan = make_plan(Study.model_validate({**content, **changes}), probe_encoder(study))
    datasets = tuple(_without_reencoding(dataset) for dataset in plan.datasets)
    return replace(plan, datasets=datasets).with_datasets(())


def probe_encoder(study: Study) -> EncoderSource | None:
    """Return the encoder of the linear probes: the first published one of the study, or one whose weights are at hand.

    None if there is neither. An encoder whose linear probes the study trains is not used: the predictor would be the
    training that a forecast saves.
    """
    trained = study.train.architectures
    published = [encoder for encoder in study.encoders if not encoder.is_task_classifier]
    chosen = next((encoder for encoder in published if encoder.name not in trained), None)
    if chosen is not None or EFFICIENTNET_LITE0.name in trained:
        return chosen
    package = EFFICIENTNET_LITE0.package
    assert package is not None
    at_hand = packaged_file(package) is not None or cached_snapshot(package.hub) is not None
    return EncoderSource(name=EFFICIENTNET_LITE0.name) if at_hand else None


def _measured(study: Study, metrics: Iterable[str]) -> list[str]:
    """Return the metrics of the study, then those that predict and that its encoders can measure."""
    texts = any(encoder.encodes_text for encoder in study.encoders)
    rows = (METRICS[name] for name in metrics)
    predicting = [row.comes_with or row.name for row in rows if row.reads != "texts" or texts]
    return list(dict.fromkeys([*study.metrics, *predicting]))


def _without_reencoding(dataset: PlannedDataset) -> PlannedDataset:
    measures = tuple(measure for measure in dataset.measures if measure.reencoded is None)
    dropped = {measure.label for measure in dataset.measures} - {measure.label for measure in measures}
    keys = {name: key for name, key in dataset.keys.items() if name not in dropped}
    return replace(dataset, keys=keys, measures=measures)
