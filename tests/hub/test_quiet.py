from __future__ import annotations

import logging
import warnings
from contextlib import suppress
from importlib import import_module

import pytest

from prettyuseful.hub.quiet import quiet

LIBRARIES = ("diffusers", "transformers")


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_library_logs_is_heard_and_not_printed(library: str, capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(f"{library}.models.deep")
    with quiet() as heard:
        logger.warning("some weights of %s were not used", "it")
        logger.info("chatter")
    assert heard == ["some weights of it were not used"]
    logger.warning("afterwards")
    assert heard == ["some weights of it were not used"]
    shown = capfd.readouterr()
    assert "some weights" not in shown.out + shown.err


def test_a_warning_of_what_is_to_come_is_not_shown_and_others_are() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with quiet():
            warnings.warn("`torch_dtype` is deprecated", FutureWarning, stacklevel=1)
            warnings.warn("look out", UserWarning, stacklevel=1)
        warnings.warn("later", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["look out", "later"]


def test_everything_is_as_before_afterwards_and_after_an_error() -> None:
    libraries = [import_module(f"{name}.utils.logging") for name in LIBRARIES]
    before = [library.get_verbosity() for library in libraries]
    handlers = [set(logging.getLogger(name).handlers) for name in LIBRARIES]
    try:
        for library in libraries:
            library.set_verbosity_error()
        with suppress(OSError), quiet():
            assert [library.get_verbosity() for library in libraries] == [logging.WARNING] * 2
            raise OSError("no weights")
        assert [library.get_verbosity() for library in libraries] == [logging.ERROR] * 2
        assert [set(logging.getLogger(name).handlers) for name in LIBRARIES] == handlers
    finally:
        for library, verbosity in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
