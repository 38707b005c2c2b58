from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from importlib import import_module

import pytest

from prettyuseful.hub.library_logs import capture_library_logs

LIBRARIES = ("diffusers", "transformers")


@pytest.mark.parametrize("library", LIBRARIES)
def test_logs_are_captured_and_not_printed(library: str, capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(f"{library}.models.deep")
    with capture_library_logs() as messages:
        logger.warning("some weights of %s were not used", "it")
        logger.info("chatter")
    assert messages == ["some weights of it were not used"]
    logger.warning("afterwards")
    assert messages == ["some weights of it were not used"]
    output = capfd.readouterr()
    assert "some weights" not in output.out + output.err


def test_messages_that_differ_in_numbers_are_kept_once() -> None:
    logger = logging.getLogger("diffusers")
    with capture_library_logs() as messages:
        for batch in range(1000):
            logger.warning("casting %d modules", batch)
            logger.warning("upcasting the VAE")
    assert messages == ["casting 0 modules", "upcasting the VAE"]


def test_only_future_warnings_are_suppressed() -> None:
    with warnings.catch_warnings(record=True) as output:
        warnings.simplefilter("always")
        with capture_library_logs():
            warnings.warn("`torch_dtype` is deprecated", FutureWarning, stacklevel=1)
            warnings.warn("look out", UserWarning, stacklevel=1)
        warnings.warn("later", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in output] == ["look out", "later"]


def test_logging_is_restored_even_after_an_error() -> None:
    libraries = [import_module(f"{name}.utils.logging") for name in LIBRARIES]
    verbosities = [library.get_verbosity() for library in libraries]
    handlers = [set(logging.getLogger(name).handlers) for name in LIBRARIES]
    try:
        for library in libraries:
            library.set_verbosity_error()
        with suppress(OSError), capture_library_logs():
            assert [library.get_verbosity() for library in libraries] == [logging.WARNING] * 2
            raise OSError("no weights")
        assert [library.get_verbosity() for library in libraries] == [logging.ERROR] * 2
        assert [set(logging.getLogger(name).handlers) for name in LIBRARIES] == handlers
    finally:
        for library, verbosity in zip(libraries, verbosities, strict=True):
            library.set_verbosity(verbosity)
