"""Libraries that talk while they load: heard, not printed."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module

_TALKERS = ("diffusers", "transformers")


@contextlib.contextmanager
def quiet() -> Iterator[list[str]]:
    """Keeps reports and bars of diffusers and transformers off the terminal; the list fills with what they log."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    libraries = [import_module(f"{name}.utils.logging") for name in _TALKERS]
    loggers = [logging.getLogger(name) for name in _TALKERS]
    before = [library.get_verbosity() for library in libraries]
    for library, logger in zip(libraries, loggers, strict=True):
        library.set_verbosity_warning()
        library.disable_default_handler()
        library.disable_progress_bar()
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # `torch_dtype` is called `dtype` in later versions; the old name works in every version we support.
            warnings.simplefilter("ignore", FutureWarning)
            yield heard
    finally:
        for library, logger, verbosity in zip(libraries, loggers, before, strict=True):
            logger.removeHandler(handler)
            library.enable_default_handler()
            library.set_verbosity(verbosity)
