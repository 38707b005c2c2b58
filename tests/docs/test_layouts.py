"""The page of layouts says what the installed libraries do."""

from __future__ import annotations

import pytest
from layouts_table import LIBRARIES, PAGE, page, rows


@pytest.fixture(scope="module")
def committed() -> str:
    return PAGE.read_text("utf-8")


@pytest.mark.integration
def test_the_page_says_what_the_libraries_make_of_each_layout(committed: str) -> None:
    """Versions may differ where what the libraries do is equal."""
    now = page(list(rows()))
    assert [line for line in now.splitlines() if line.startswith("|")] == [
        line for line in committed.splitlines() if line.startswith("|")
    ]
    assert now.splitlines()[:13] == committed.splitlines()[:13]
    assert all(f"- {library.name}: " in committed for library in LIBRARIES)
