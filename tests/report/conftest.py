"""Summaries of made-up studies, so that reports of every kind of study can be tested without a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.made_up import BLUR, made_up_summary

from prettyuseful.analysis.summary import Summary

__all__ = ["BLUR", "Make"]

Make = Callable[..., Summary]


@pytest.fixture(scope="session")
def make() -> Make:
    """The function `tests.made_up.made_up_summary`."""
    return made_up_summary


@pytest.fixture(scope="session")
def small(make: Make) -> Summary:
    return make()
