"""Replace the scheduler of a pipeline by another one of diffusers, with options of its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.generators.model import Model

_CLASS = "class"


def resolve_scheduler(requested: str | Mapping[str, JsonValue], model: Model) -> dict[str, JsonValue]:
    """Return the class and the options of a scheduler.

    Raises:
        DataError: diffusers has no such scheduler, it has no such option, or the model has two schedulers.
    """
    options = _options(requested)
    if not isinstance(options.get(_CLASS), str):
        raise DataError("generator.scheduler: class is missing; set it to a scheduler of diffusers")
    known = inspect.signature(_scheduler_class(str(options[_CLASS])).__init__).parameters
    for name in options:
        if name != _CLASS and (name not in known or name == "self"):
            raise DataError(f"generator.scheduler: {options[_CLASS]} has no option {name!r}{did_you_mean(name, known)}")
    if "Combined" in model.kind.pipelines[0]:
        raise DataError(f"{model.id!r} has two schedulers; remove generator.scheduler")
    return options


def replace_scheduler(pipeline: Any, requested: str | Mapping[str, JsonValue]) -> None:
    """Set another scheduler; options that are not given are those of the one that it replaces.

    Raises:
        DataError: the pipeline's own scheduler cannot be replaced by it, or an option has an invalid value.
    """
    own, scheduler = pipeline.scheduler, _options(requested)
    chosen = _scheduler_class(str(scheduler[_CLASS]))
    compatible = [type(own), *getattr(own, "compatibles", ())]
    if chosen not in compatible:
        names = ", ".join(sorted({found.__name__ for found in compatible}))
        raise DataError(
            f"generator.scheduler: {chosen.__name__} does not replace the model's {type(own).__name__}; choose from "
            f"{names}"
        )
    try:
        pipeline.scheduler = chosen.from_config(own.config, **{k: v for k, v in scheduler.items() if k != _CLASS})
    except (ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"generator.scheduler: {chosen.__name__}: {error}") from error


def _options(requested: str | Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {_CLASS: requested} if isinstance(requested, str) else dict(requested)


def _scheduler_class(name: str) -> Any:
    import diffusers

    found = getattr(diffusers, name, None) if name.isidentifier() else None
    if not (isinstance(found, type) and issubclass(found, diffusers.SchedulerMixin)):
        known = [other for other in dir(diffusers) if other.endswith("Scheduler")]
        raise DataError(f"generator.scheduler: diffusers has no scheduler {name!r}{did_you_mean(name, known)}")
    return found
