from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.results import LOG, place_training_logs
from prettyuseful.study.reading import load_study


@pytest.fixture
def plan(finished: Path) -> Plan:
    return make_plan(load_study(finished / "my.yaml"))


def test_every_training_has_its_log_and_its_curves(finished: Path, plan: Plan, tmp_path: Path) -> None:
    for _ in range(2):  # the second time nothing is written anew, or every point would be there twice
        place_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    places = sorted(tmp_path.iterdir())
    assert len(places) == len(plan.runs)
    for place in places:
        lines = [json.loads(line) for line in (place / LOG).read_text().splitlines()]
        events = EventAccumulator(str(place)).Reload()
        assert set(events.Tags()["scalars"]) == lines[0].keys() - {"epoch"}
        found = [(event.step, event.value) for event in events.Scalars("loss")]
        assert found == [(line["epoch"], pytest.approx(line["loss"])) for line in lines]


def test_without_tensorboard_there_are_logs_alone(
    finished: Path, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.results.find_spec", lambda _: None)
    place_training_logs(plan, LocalStore(finished / "store"), tmp_path)
    assert {path.name for place in tmp_path.iterdir() for path in place.iterdir()} == {LOG}
