"""Measure how useful text-to-image models are as generators of training data, with intervals and causes.

from prettyuseful import load_study, run_study

if __name__ == "__main__":
    result = run_study(load_study("study.yaml"), store="store", out="results")
    print(*result.summary.answer, sep="\\n")
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from prettyuseful import metrics as metrics
    from prettyuseful.analysis.summary import Summary as Summary
    from prettyuseful.analysis.summary import summarise as summarise
    from prettyuseful.auditing.audit import audit as audit
    from prettyuseful.bundled_studies import bundled_study as bundled_study
    from prettyuseful.checks.places import DataReport as DataReport
    from prettyuseful.checks.places import check_data as check_data
    from prettyuseful.engine.cost import Prices as Prices
    from prettyuseful.engine.events import RunPlanned as RunPlanned
    from prettyuseful.engine.events import StepEvent as StepEvent
    from prettyuseful.engine.store.open import open_store as open_store
    from prettyuseful.errors import EveryRunFailedError as EveryRunFailedError
    from prettyuseful.errors import PrettyUsefulError as PrettyUsefulError
    from prettyuseful.errors import UserError as UserError
    from prettyuseful.forecasting import run_forecast as run_forecast
    from prettyuseful.plan.study import make_plan as make_plan
    from prettyuseful.records import read_records as read_records
    from prettyuseful.results import StudyResult as StudyResult
    from prettyuseful.run import GeneratedDataset as GeneratedDataset
    from prettyuseful.run import estimate_cost as estimate_cost
    from prettyuseful.run import explain as explain
    from prettyuseful.run import generate as generate
    from prettyuseful.run import make_steps as make_steps
    from prettyuseful.run import run_experiment as run_experiment
    from prettyuseful.run import run_study as run_study
    from prettyuseful.run import study_status as study_status
    from prettyuseful.run import sweep_store as sweep_store
    from prettyuseful.study.file import DatasetPlan as DatasetPlan
    from prettyuseful.study.file import Study as Study
    from prettyuseful.study.reading import load_study as load_study
    from prettyuseful.study.reading import parse_study as parse_study
    from prettyuseful.tasks.source import TaskSource as TaskSource

_MODULE_OF = {
    "DataReport": "checks.places",
    "DatasetPlan": "study.file",
    "EveryRunFailedError": "errors",
    "GeneratedDataset": "run",
    "PrettyUsefulError": "errors",
    "Prices": "engine.cost",
    "RunPlanned": "engine.events",
    "StepEvent": "engine.events",
    "Study": "study.file",
    "StudyResult": "results",
    "Summary": "analysis.summary",
    "TaskSource": "tasks.source",
    "UserError": "errors",
    "audit": "auditing.audit",
    "bundled_study": "bundled_studies",
    "check_data": "checks.places",
    "estimate_cost": "run",
    "explain": "run",
    "generate": "run",
    "load_study": "study.reading",
    "make_plan": "plan.study",
    "make_steps": "run",
    "open_store": "engine.store.open",
    "parse_study": "study.reading",
    "read_records": "records",
    "run_experiment": "run",
    "run_forecast": "forecasting",
    "run_study": "run",
    "study_status": "run",
    "summarise": "analysis.summary",
    "sweep_store": "run",
}
__all__ = ["__version__", "metrics", *sorted(_MODULE_OF)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package alone is fast."""
    if name == "metrics":
        return import_module("prettyuseful.metrics")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'prettyuseful' has no attribute {name!r}")
    return getattr(import_module(f"prettyuseful.{_MODULE_OF[name]}"), name)
