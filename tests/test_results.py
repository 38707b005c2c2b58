from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.results import LOG, export_training_logs
from prettyuseful.study.reading import load_study


@pytest.fixture
def plan(finished: Path) -> Plan:
    return make_plan(load_study(finished / "my.yaml"))


def test_every_training_has_a_log_and_tensorboard_events(finished: Path, plan: Plan, tmp_path: Path) -> None:
    for _ in range(2):  # a second export must not duplicate the points
        export_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == len(plan.runs)
    for folder in folders:
        lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
        events = EventAccumulator(str(folder)).Reload()
        assert set(events.Tags()["scalars"]) == lines[0].keys() - {"epoch"}
        points = [(event.step, event.value) for event in events.Scalars("loss")]
        assert points == [(line["epoch"], pytest.approx(line["loss"])) for line in lines]


def test_without_tensorboard_only_json_logs_are_written(
    finished: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.results.find_spec", lambda _: None)
    export_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    assert {path.name for folder in tmp_path.iterdir() for path in folder.iterdir()} == {LOG}
