"""Is this text-to-image model useful training data, how sure are we, and if it is not, why?

from prettyuseful import load_study, run_study

result = run_study(load_study("study.yaml"), store="store", out="results")
print(*result.summary.answer, sep="\\n")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from prettyuseful import metrics as metrics
    from prettyuseful.analysis.summary import Summary as Summary
    from prettyuseful.analysis.summary import summarise as summarise
    from prettyuseful.auditing.audit import audit as audit
    from prettyuseful.engine.store.open import open_store as open_store
    from prettyuseful.errors import PrettyUsefulError as PrettyUsefulError
    from prettyuseful.errors import UserError as UserError
    from prettyuseful.plan.study import make_plan as make_plan
    from prettyuseful.records import read_records as read_records
    from prettyuseful.run import StudyResult as StudyResult
    from prettyuseful.run import run_study as run_study
    from prettyuseful.studies import bundled_study as bundled_study
    from prettyuseful.study.file import Study as Study
    from prettyuseful.study.reading import load_study as load_study
    from prettyuseful.study.reading import parse_study as parse_study

_HOMES = {
    "audit": "auditing.audit",
    "PrettyUsefulError": "errors",
    "Study": "study.file",
    "StudyResult": "run",
    "Summary": "analysis.summary",
    "UserError": "errors",
    "bundled_study": "studies",
    "load_study": "study.reading",
    "make_plan": "plan.study",
    "open_store": "engine.store.open",
    "parse_study": "study.reading",
    "read_records": "records",
    "run_study": "run",
    "summarise": "analysis.summary",
}
__all__ = ["__version__", "metrics", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Public names are loaded when they are asked for: importing the package alone loads nothing heavy."""
    if name == "metrics":
        return import_module("prettyuseful.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'prettyuseful' has no attribute {name!r}")
    return getattr(import_module(f"prettyuseful.{_HOMES[name]}"), name)
