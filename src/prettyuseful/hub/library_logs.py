"""Captures the log messages of diffusers and transformers, one of each kind."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator
from importlib import import_module

_LIBRARIES = ("diffusers", "transformers")
_NUMBER = re.compile(r"\d+")
_MAX_KINDS = 1000


@contextlib.contextmanager
def capture_library_logs() -> Iterator[list[str]]:
    """Silence diffusers and transformers, including progress bars; yield a list that collects their log messages.

    Messages that differ only in numbers are one kind, of which the first is kept: some pipelines log the same lines for
    every batch.
    """
    messages: list[str] = []
    kinds: set[str] = set()

    def collect(record: logging.LogRecord) -> None:
        message = record.getMessage()
        if (kind := _NUMBER.sub("", message)) not in kinds and len(kinds) < _MAX_KINDS:
            kinds.add(kind)
            messages.append(message)

    handler = logging.Handler()
    handler.emit = collect  # type: ignore[method-assign]
    libraries = [import_module(f"{name}.utils.logging") for name in _LIBRARIES]
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    verbosities = [library.get_verbosity() for library in libraries]
    for library, logger in zip(libraries, loggers, strict=True):
        library.set_verbosity_warning()
        library.disable_default_handler()
        library.disable_progress_bar()
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # Later versions rename `torch_dtype` to `dtype`; the old name works in all supported versions.
            warnings.simplefilter("ignore", FutureWarning)
            yield messages
    finally:
        for library, logger, verbosity in zip(libraries, loggers, verbosities, strict=True):
            logger.removeHandler(handler)
            library.enable_default_handler()
            library.set_verbosity(verbosity)
