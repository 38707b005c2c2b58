"""Forecast a study: measure all data sets, train a few, forecast the others, and train those that are forecast best."""

from __future__ import annotations

import logging
from pathlib import Path

from prettyuseful.analysis.forecast import check_first
from prettyuseful.analysis.predictors import PREDICTORS
from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.session import Execution, Session
from prettyuseful.output_files import convert_write_errors
from prettyuseful.plan.forecast import forecast_plan
from prettyuseful.plan.gather import gather_records
from prettyuseful.plan.study import Plan
from prettyuseful.records import ForecastRecord, Record, StudyRecord, write_records
from prettyuseful.results import StudyResult, write_results
from prettyuseful.run import DEFAULT_STORE, check_any_run, check_results_folder, warn_of_memory
from prettyuseful.study.file import REAL, Study

_logger = logging.getLogger("prettyuseful")


def run_forecast(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    out: Path | str = "results",
    first: int | None = None,
    train_best: int = 0,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> StudyResult:
    """Measure all data sets of a study, train a few, and forecast the accuracy of the others.

    Which data sets are trained first follows from the predictors alone. Which are trained as the best follows from the
    forecast, which their accuracies do not change. All results are in the store, so that an interrupted forecast
    continues, and the same call gives the same forecast.

    Args:
        study: from `load_study` or `parse_study`.
        store: see `run_study`.
        out: see `run_study`.
        first: number of data sets to learn from; None: one of five, but at least six.
        train_best: number of data sets with the highest forecasts to train then.
        workers: see `run_study`.
        on: see `run_study`.
        on_event: see `run_study`.

    Returns:
        As of a study; `summary.forecast` is the forecast.

    Raises:
        UserError: see `run_study`; or too few data sets can be forecast.
        EveryRunFailedError: no classifier could be trained and tested.
    """
    check_first(first, sum(REAL not in study.image_sources(name) for name in study.datasets))
    plan, folder = forecast_plan(study, [row.metric for row in PREDICTORS if row.metric]), Path(out)
    check_results_folder(plan, folder)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        warn_of_memory(plan, session.store)
        forecasting = _Forecasting(plan, session, Outcome())
        with convert_write_errors(folder):
            try:
                forecasting.run(first, train_best)
            finally:
                records = forecasting.records()
                write_records(records, folder / "records")
            result = write_results(forecasting.plan, session.store, records, folder)
    check_any_run(records, result)
    return result


class _Forecasting:
    """A forecast in an open session. `plan`: with the runs that are needed so far."""

    def __init__(self, plan: Plan, session: Session, outcome: Outcome) -> None:
        self.plan, self.session, self.outcome = plan, session, outcome
        self.chosen = ForecastRecord(first=[])

    def run(self, first: int | None, train_best: int) -> None:
        """Run the steps of a forecast, one stage after the other.

        Raises:
            UserError: see `run_forecast`.
        """
        self._run_steps()
        measured = self._summary().measured_sets
        names = measured.first(first)
        _logger.info("training %d of %d data sets, to learn from", len(names), len(measured.datasets))
        self._train(ForecastRecord(first=names))
        forecast = self._summary().forecast
        if train_best and forecast is not None and forecast.forecasts:
            best = forecast.highest(train_best)
            _logger.info("training %d more, with the highest forecasts", len(best))
            self._train(ForecastRecord(first=names, best=best))

    def records(self) -> list[Record]:
        """Return the records of what has run."""
        records = gather_records(self.plan, self.session.store, self.outcome)
        return [
            record.model_copy(update={"forecast": self.chosen}) if isinstance(record, StudyRecord) else record
            for record in records
        ]

    def _summary(self) -> Summary:
        return summarise(self.records())

    def _train(self, chosen: ForecastRecord) -> None:
        self.chosen, self.plan = chosen, self.plan.with_datasets({*chosen.first, *chosen.best})
        self._run_steps()

    def _run_steps(self) -> None:
        failed = self.outcome.failed.keys() | self.outcome.blocked  # at an earlier stage
        done = self.session.run(self.plan.steps, [key for key in self.plan.result_keys if key not in failed])
        self.outcome.completed |= done.completed
        self.outcome.failed |= done.failed
        self.outcome.blocked |= done.blocked
